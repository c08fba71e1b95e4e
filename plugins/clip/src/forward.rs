//! The differentiable call: prompts go in at their sites, and a way back comes out with the outputs.

use crate::backbone::{Clip, ComputeType};
use crate::model::layer::Prefix;
use crate::model::vision::{TokenPrompts, VisualPrompts};
use crate::recent::Request;
use crate::recording::{self, Leaf};
use crate::sites::{self, CLASS_TOKEN, EMBEDDING, TEXT_CONTEXT, TOKENS, VISUAL_PROMPT};
use clbench_torch::During;
use harness_abi::{Error, Forward, Place, Result, Site, TensorView, parameters};
use serde::Deserialize;

/// What a caller of `forward` may choose for rows of text.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TextOptions {
    /// What stands behind the text (CoOp: a full stop).
    suffix: String,
    /// The type that these texts are computed in; the backbone's own, where none is given.
    precision: Option<ComputeType>,
}

/// What a caller of `forward` may choose for images.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ImageOptions {
    /// The position embedding that is added to each token of `visual.prompt`.
    prompt_position: PromptPosition,
    /// Where those tokens enter.
    prompt_entry: PromptEntry,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PromptPosition {
    /// The class token's, as in L2P.
    #[default]
    Class,
    /// None; whoever wants positions of their own adds them to the prompt.
    None,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PromptEntry {
    /// They pass through the norm before the encoder, as the patches do.
    #[default]
    BeforePreNorm,
    /// They join behind it.
    AfterPreNorm,
}

impl Clip {
    pub(crate) fn forward_images(
        &self,
        images: TensorView<'_>,
        options: &[u8],
        sites: &[Site<'_>],
        wanted: &[&str],
    ) -> Result<Forward> {
        let options: ImageOptions = parameters::parse(options)?;
        let pixels = self.pixels(images)?;
        let (rows, width) = (pixels.size()[0], self.config.vision.hidden_size);
        let mut leaves = Vec::with_capacity(sites.len());
        let mut prompts = VisualPrompts::default();
        for site in sites {
            if let Some(layer) = sites::layer(&self.config, site.name) {
                let leaf = Leaf::new(site, &[rows, 2, -1, width], self.device)?;
                let prefix = leaf.prompt(self.dtype.kind()).and_then(|prompt| {
                    Ok(Prefix {
                        keys: prompt.f_select(1, 0)?,
                        values: prompt.f_select(1, 1)?,
                    })
                });
                prompts.prefixes.insert(layer, prefix.during(site.name)?);
                leaves.push(leaf);
            } else if site.name == VISUAL_PROMPT {
                let leaf = Leaf::new(site, &[rows, -1, width], self.device)?;
                prompts.tokens = Some(TokenPrompts {
                    prompts: leaf.prompt(self.dtype.kind()).during(site.name)?,
                    with_class_position: options.prompt_position == PromptPosition::Class,
                    before_pre_norm: options.prompt_entry == PromptEntry::BeforePreNorm,
                });
                leaves.push(leaf);
            } else {
                return Err(sites::misplaced(&self.config, site.name, "images"));
            }
        }
        let doing = format!("encoding {rows} images");
        let vision = self.vision();
        let encoded = vision.encode(&pixels, &prompts).during(&doing)?;
        let outputs = wanted
            .iter()
            .map(|&name| {
                let output = match name {
                    TOKENS => vision.tokens(&encoded.last).during(&doing)?,
                    CLASS_TOKEN => encoded.class_token.shallow_clone(),
                    _ => encoded.embedding.shallow_clone(),
                };
                Ok((name.to_owned(), output))
            })
            .collect::<Result<_>>()?;
        recording::forward(outputs, leaves)
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
        let TextOptions { suffix, precision } = parameters::parse(options)?;
        let precision = precision.unwrap_or(self.dtype);
        if wanted.contains(&TOKENS) {
            return Err(Error::unsupported(format!(
                "`{TOKENS}` are an output of images; of texts there are `{EMBEDDING}` and `{CLASS_TOKEN}`"
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
            n,
            suffix: &suffix,
            precision,
        };
        let context = leaves
            .first()
            .map(|leaf| leaf.prompt(precision.kind()))
            .transpose()
            .during(TEXT_CONTEXT)?;
        let rows = || self.rows.all(&request);
        let encoded = self.texts().encode_again(request, rows, context.as_ref())?;
        let outputs = wanted.iter().map(|&name| {
            let output = match name {
                CLASS_TOKEN => &encoded.class_token,
                _ => &encoded.embedding,
            };
            (name.to_owned(), output.shallow_clone())
        });
        recording::forward(outputs.collect(), leaves)
    }
}
