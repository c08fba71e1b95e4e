//! The differentiable call: prompts enter at their sites, and the outputs come with a pullback.

use crate::backbone::Clip;
use crate::model::fused::Backward;
use crate::model::vision::PromptEntry;
use crate::packing::Contexts;
use crate::recent::Request;
use crate::sites::{self, CLASS_TOKEN, EMBEDDING, PROMPTS, TEXT_CONTEXT, TOKENS};
use crate::text_encoder::{EncodedRows, numbers};
use clbench_torch::During;
use clbench_torch::tch::{TchError, Tensor};
use clbench_transformer::compute::ComputeType;
use clbench_transformer::recording::{self, Leaf};
use clbench_transformer::visual::PromptPosition;
use clbench_transformer::work::Work;
use harness_abi::{Error, Forward, Place, Result, Site, TensorView, parameters};
use serde::Deserialize;

/// The call options of `forward` for rows of text.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TextOptions {
    /// The suffix of the text (CoOp: a full stop).
    suffix: String,
    /// The type in which to compute these texts; by default the backbone's own.
    precision: Option<ComputeType>,
    /// All rows have the same context, and the caller needs only the sum of the rows' gradients.
    /// Then what the rows begin with is encoded once, the context is read from the first row, and
    /// the first row's gradient is the sum; the others' are 0.
    shared_context: bool,
}

/// The call options of `forward` for images.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ImageOptions {
    /// The position embedding to add to each token of `visual.prompt`.
    prompt_position: PromptPosition,
    /// Where these tokens are inserted.
    prompt_entry: PromptEntry,
}

impl Clip {
    pub(crate) fn forward_images(
        &self,
        images: TensorView<'_>,
        options: &[u8],
        sites: &[Site<'_>],
        wanted: &[&str],
    ) -> Result<Forward> {
        let options: ImageOptions = parameters::deserialize(options)?;
        let pixels = self.pixels(images)?;
        let rows = pixels.size()[0];
        let (prompts, leaves) = sites::visual(&self.config).prompts(
            sites,
            wanted,
            rows,
            options.prompt_position,
            (self.dtype.kind(), self.device),
            |site| sites::misplaced(&self.config, site, "images"),
        )?;
        let work = Work::Images(rows);
        let outputs = self
            .vision()
            .outputs(&pixels, &prompts, options.prompt_entry, wanted);
        let outputs = work.during("encoding", outputs)?;
        let names = wanted.iter().map(|&name| name.to_owned());
        recording::forward(work, names.zip(outputs).collect(), leaves)
    }

    pub(crate) fn forward_texts(
        &self,
        texts: &[&str],
        row_text: &[i64],
        place: Place,
        options: &[u8],
        sites: &[Site<'_>],
        wanted: &[&str],
    ) -> Result<Forward> {
        let TextOptions {
            suffix,
            precision,
            shared_context,
        } = parameters::deserialize(options)?;
        let contexts = match shared_context {
            true => Contexts::Shared,
            false => Contexts::PerRow,
        };
        let precision = precision.unwrap_or(self.dtype);
        if let Some(output) = wanted.iter().find(|name| [TOKENS, PROMPTS].contains(name)) {
            return Err(Error::unsupported(format!(
                "`{output}` is an output of images only; texts have `{EMBEDDING}` and `{CLASS_TOKEN}`"
            )));
        }
        let mut leaves = Vec::with_capacity(1);
        for site in sites {
            if site.name != TEXT_CONTEXT {
                return Err(sites::misplaced(&self.config, site.name, "texts"));
            }
            let shape = [row_text.len() as i64, -1, self.config.text.hidden_size];
            leaves.push(Leaf::new(site, &shape, self.device)?);
        }
        let n = sites
            .first()
            .map_or(0, |site| site.prompt.shape()[1] as usize);
        let request = Request {
            texts,
            row_text,
            place,
            contexts,
            n,
            suffix: &suffix,
            precision,
        };
        let context = leaves
            .first()
            .map(|leaf| {
                let prompt = leaf.prompt(precision.kind())?;
                match contexts {
                    Contexts::Shared => prompt.f_narrow(0, 0, 1),
                    Contexts::PerRow => Ok(prompt),
                }
            })
            .transpose()
            .during(TEXT_CONTEXT)?;
        let rows = || self.rows.all(&request);
        let EncodedRows { texts, backward } =
            self.texts().encode_again(request, rows, context.as_ref())?;
        let outputs = wanted.iter().map(|&name| {
            let output = match name {
                CLASS_TOKEN => &texts.class_token,
                _ => &texts.embedding,
            };
            (name.to_owned(), output.shallow_clone())
        });
        let (work, outputs) = (Work::Texts(row_text.len() as i64), outputs.collect());
        match backward {
            None => recording::forward(work, outputs, leaves),
            Some(backward) => {
                let shape = [row_text.len(), n, self.config.text.hidden_size as usize];
                let backward = Box::new(move |given: &[(&str, Tensor)]| {
                    of_contexts(backward, given, shape).map(|gradient| vec![gradient])
                });
                recording::computed(work, outputs, leaves, backward)
            }
        }
    }
}

/// The gradient of the rows' contexts, `shape`, from those of outputs. If all rows have one context,
/// it is that of the first row.
fn of_contexts(
    backward: Backward,
    given: &[(&str, Tensor)],
    shape: [usize; 3],
) -> Result<Tensor, TchError> {
    let of = |output: &str| match given.iter().find(|(name, _)| *name == output) {
        Some((_, gradient)) => numbers(gradient),
        None => Ok(Vec::new()),
    };
    let mut gradient = backward.run(&of(CLASS_TOKEN)?, &of(EMBEDDING)?)?;
    gradient.resize(shape.iter().product(), 0.0);
    Tensor::f_from_slice(&gradient)?.f_view(shape.map(|size| size as i64))
}
