//! A backbone small enough to check by hand, for testing strategies.
//!
//! It has what a strategy may need of a large one: an image and a text encoder with one embedding
//! space, prompt sites on both, and exact pullbacks. It computes in f64 and only its weights are
//! random, so its outputs do not depend on the batch. It is not a model of anything: until a prompt
//! is trained, the similarity of an image and a text is meaningless.

mod image;
mod matrix;
mod text;

use super::random::Random;
use crate::ParameterSet;
use crate::backbone::{
    Backbone, BackboneInfo, BackboneSetting, Filter, Forward, ImageInfo, Inputs, OutputGradients,
    Place, Pullback, Resize, Site, SiteInfo, TextInfo,
};
use crate::error::{Error, Result};
use crate::foreign::BackboneHandle;
use crate::tensor::{Tensor, TensorView};
use image::ImageEncoder;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use text::TextEncoder;

/// The height and width of a picture.
const SIZE: usize = 8;
/// The width of an embedding, and of the class token.
const EMBEDDING: usize = 16;
/// The width of a prompt's token.
const TOKEN: usize = 8;
/// The maximum number of tokens in a text, including its context.
const CONTEXT_LENGTH: usize = 24;

const OUTPUTS: [&str; 2] = ["embedding", "class_token"];

/// The parameters of a [`ToyBackbone`].
#[derive(Debug, Clone, Copy, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct ToyParameters {
    /// The seed of its weights.
    #[parameter(default = 0)]
    pub seed: u64,
}

/// The toy backbone: pictures of 8 × 8 pixels, embeddings of width 16, the sites `visual.prompt`
/// `[images, n, 8]`, `visual.shift` `[images, 16]` and `text.context` `[rows, n, 8]`, and the
/// outputs `embedding` and `class_token`.
pub struct ToyBackbone {
    parameters: ToyParameters,
    images: Arc<ImageEncoder>,
    texts: Arc<TextEncoder>,
}

impl ToyBackbone {
    /// The toy with its default weights, behind the boundary, as a strategy gets it.
    pub fn handle() -> BackboneHandle {
        super::backbone_handle::<ToyBackbone>(&serde_json::json!({}))
            .expect("the toy's default parameters are valid")
    }
}

impl Backbone for ToyBackbone {
    type Parameters = ToyParameters;

    fn create(parameters: ToyParameters, _: BackboneSetting) -> Result<ToyBackbone> {
        let mut random = Random::new(parameters.seed);
        Ok(ToyBackbone {
            parameters,
            images: Arc::new(ImageEncoder::new(&mut random)),
            texts: Arc::new(TextEncoder::new(&mut random)),
        })
    }

    fn info(&self) -> BackboneInfo {
        let site = |name: &str, shape: &[i64]| SiteInfo {
            name: name.into(),
            shape: shape.into(),
        };
        BackboneInfo {
            name: "toy".into(),
            fingerprint: format!("toy 1, seed {}", self.parameters.seed),
            embedding_width: EMBEDDING as u32,
            image: ImageInfo {
                height: SIZE as u32,
                width: SIZE as u32,
                resize: Resize::Stretch,
                filter: Filter::Bilinear,
            },
            text: Some(TextInfo {
                context_length: CONTEXT_LENGTH as u32,
                width: TOKEN as u32,
                layers: 1,
            }),
            logit_scale: Some(10.0),
            device: "cpu".into(),
            dtype: "f32".into(),
            sites: vec![
                site("visual.prompt", &[-1, -1, TOKEN as i64]),
                site("visual.shift", &[-1, EMBEDDING as i64]),
                site("text.context", &[-1, -1, TOKEN as i64]),
            ],
            outputs: OUTPUTS.map(String::from).to_vec(),
            output_widths: BTreeMap::from([("class_token".into(), EMBEDDING as u32)]),
            image_batch: 64,
        }
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Tensor> {
        let mut embeddings = Vec::with_capacity(texts.len() * EMBEDDING);
        for text in texts {
            let words = words(text, 0)?;
            embeddings.extend(self.texts.pass(&words, &[], Place::Front).embedding);
        }
        rows_of(embeddings, texts.len(), &[EMBEDDING])
    }

    fn encode_images(&self, images: TensorView<'_>) -> Result<Tensor> {
        let pictures = pictures(images)?;
        let embeddings = pictures
            .iter()
            .flat_map(|pixels| self.images.pass(pixels, &[], &[]).embedding)
            .collect();
        rows_of(embeddings, pictures.len(), &[EMBEDDING])
    }

    fn forward(&self, inputs: &Inputs<'_>, sites: &[Site<'_>], wanted: &[&str]) -> Result<Forward> {
        if let Some(unknown) = wanted.iter().find(|name| !OUTPUTS.contains(name)) {
            return Err(Error::unsupported(format!(
                "the toy has no output `{unknown}`; it has `{}`",
                OUTPUTS.join("`, `")
            )));
        }
        match *inputs {
            Inputs::Images { images, .. } => self.forward_images(images, sites, wanted),
            Inputs::Texts {
                texts,
                row_text,
                place,
                ..
            } => self.forward_texts(texts, row_text, place, sites, wanted),
        }
    }
}

impl ToyBackbone {
    fn forward_images(
        &self,
        images: TensorView<'_>,
        sites: &[Site<'_>],
        wanted: &[&str],
    ) -> Result<Forward> {
        let pictures = pictures(images)?;
        let rows = pictures.len();
        let mut prompts = Prompts::copied(
            sites,
            rows,
            &[
                ("visual.prompt", &[-1, TOKEN as i64]),
                ("visual.shift", &[EMBEDDING as i64]),
            ],
        )?;
        let (prompt, shift) = (prompts.take("visual.prompt"), prompts.take("visual.shift"));
        let passes: Vec<_> = pictures
            .iter()
            .enumerate()
            .map(|(row, pixels)| {
                self.images.pass(
                    pixels,
                    row_of(&prompt, row, rows),
                    row_of(&shift, row, rows),
                )
            })
            .collect();
        let output = |name: &str| match name {
            "embedding" => passes.iter().flat_map(|p| p.embedding.clone()).collect(),
            _ => passes.iter().flat_map(|p| p.class_token.clone()).collect(),
        };
        let outputs = outputs(wanted, rows, output)?;
        let (side, wanted) = (self.images.clone(), owned(wanted));
        let pullback = Pullback::new(move |gradients| {
            let mut pulled: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for (pass, gradients) in passes.iter().zip(read_gradients(gradients, &wanted, rows)?) {
                let (prompt, shift) = side.pull(pass, &gradients);
                pulled.entry("visual.prompt").or_default().extend(prompt);
                pulled.entry("visual.shift").or_default().extend(shift);
            }
            prompts.gradients(pulled)
        });
        Ok(Forward { outputs, pullback })
    }

    fn forward_texts(
        &self,
        texts: &[&str],
        row_text: &[i64],
        place: Place,
        sites: &[Site<'_>],
        wanted: &[&str],
    ) -> Result<Forward> {
        let rows = row_text.len();
        let mut prompts = Prompts::copied(sites, rows, &[("text.context", &[-1, TOKEN as i64])])?;
        let context = prompts.take("text.context");
        let room = context.len() / rows.max(1) / TOKEN;
        let texts = texts
            .iter()
            .map(|text| words(text, room))
            .collect::<Result<Vec<_>>>()?;
        let passes: Vec<_> = row_text
            .iter()
            .enumerate()
            .map(|(row, &text)| {
                let context = row_of(&context, row, rows);
                self.texts.pass(&texts[text as usize], context, place)
            })
            .collect();
        let output = |name: &str| match name {
            "embedding" => passes.iter().flat_map(|p| p.embedding.clone()).collect(),
            _ => passes
                .iter()
                .flat_map(|p| p.class_token().to_vec())
                .collect(),
        };
        let outputs = outputs(wanted, rows, output)?;
        let (side, wanted) = (self.texts.clone(), owned(wanted));
        let pullback = Pullback::new(move |gradients| {
            let mut pulled: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for (pass, gradients) in passes.iter().zip(read_gradients(gradients, &wanted, rows)?) {
                let context = side.pull(pass, &gradients);
                pulled.entry("text.context").or_default().extend(context);
            }
            prompts.gradients(pulled)
        });
        Ok(Forward { outputs, pullback })
    }
}

/// The gradients of one row's outputs; zero if the caller left them out.
struct Gradients {
    embedding: Vec<f64>,
    class_token: Vec<f64>,
}

/// The prompts of one call: values until they are taken, names and shapes for the pullback.
struct Prompts {
    values: BTreeMap<String, Vec<f64>>,
    shapes: Vec<(String, Vec<i64>)>,
}

impl Prompts {
    /// Copies the prompts, each in one of the known shapes (without the row).
    fn copied(sites: &[Site<'_>], rows: usize, known: &[(&str, &[i64])]) -> Result<Prompts> {
        let mut prompts = Prompts {
            values: BTreeMap::new(),
            shapes: Vec::new(),
        };
        for site in sites {
            let Some((_, shape)) = known.iter().find(|(name, _)| *name == site.name) else {
                let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                return Err(Error::unsupported(format!(
                    "the toy has no site `{}` for these inputs; it has `{}`",
                    site.name,
                    names.join("`, `")
                )));
            };
            let what = format!("the prompt at `{}`", site.name);
            let pattern: Vec<i64> = [rows as i64].iter().chain(*shape).copied().collect();
            site.prompt.expect_shape(&what, &pattern)?;
            let values = site.prompt.to_vec::<f32>().map_err(|e| e.context(what))?;
            let values = values.into_iter().map(f64::from).collect();
            prompts
                .shapes
                .push((site.name.into(), site.prompt.shape().into()));
            if prompts.values.insert(site.name.into(), values).is_some() {
                return Err(Error::failed(format!(
                    "the site `{}` was given two prompts",
                    site.name
                )));
            }
        }
        Ok(prompts)
    }

    /// The values at a site; empty if the caller passed none.
    fn take(&mut self, site: &str) -> Vec<f64> {
        self.values.remove(site).unwrap_or_default()
    }

    /// The gradients of the caller's sites, in the caller's order.
    fn gradients(&self, mut pulled: BTreeMap<&str, Vec<f64>>) -> Result<Vec<(String, Tensor)>> {
        self.shapes
            .iter()
            .map(|(name, shape)| {
                let values = pulled.remove(name.as_str()).unwrap_or_default();
                let values = values.into_iter().map(|value| value as f32).collect();
                Ok((name.clone(), Tensor::from_vec(values, shape)?))
            })
            .collect()
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// One of `rows` equally long rows; empty if the prompt is empty.
fn row_of(values: &[f64], row: usize, rows: usize) -> &[f64] {
    let width = values.len() / rows.max(1);
    &values[row * width..][..width]
}

fn rows_of(values: Vec<f64>, rows: usize, shape: &[usize]) -> Result<Tensor> {
    let shape: Vec<i64> = [rows].iter().chain(shape).map(|&n| n as i64).collect();
    Tensor::from_vec(
        values.into_iter().map(|value| value as f32).collect(),
        &shape,
    )
}

fn outputs(wanted: &[&str], rows: usize, output: impl Fn(&str) -> Vec<f64>) -> Result<Vec<Tensor>> {
    wanted
        .iter()
        .map(|name| rows_of(output(name), rows, &[EMBEDDING]))
        .collect()
}

fn pictures<'a>(images: TensorView<'a>) -> Result<Vec<&'a [u8]>> {
    let size = SIZE as i64;
    images.expect_shape("the batch of images", &[-1, 3, size, size])?;
    let pixels = images
        .as_slice::<u8>()
        .map_err(|error| error.context("the batch of images"))?;
    Ok(pixels.chunks_exact(3 * SIZE * SIZE).collect())
}

fn words(text: &str, context: usize) -> Result<Vec<Vec<f64>>> {
    let words = text::tokens(text);
    if words.len() + context > CONTEXT_LENGTH {
        return Err(Error::failed(format!(
            "`{text}` has {} tokens and {context} of context; the toy takes {CONTEXT_LENGTH}",
            words.len()
        )));
    }
    Ok(words)
}

fn read_gradients(
    gradients: &OutputGradients<'_>,
    wanted: &[String],
    rows: usize,
) -> Result<Vec<Gradients>> {
    let mut sums = BTreeMap::new();
    for (name, gradient) in gradients {
        if !wanted.iter().any(|wanted| wanted == name) {
            return Err(Error::failed(format!(
                "`{name}` was not among the wanted outputs `{}`",
                wanted.join("`, `")
            )));
        }
        let what = format!("the gradient of `{name}`");
        gradient.expect_shape(&what, &[rows as i64, EMBEDDING as i64])?;
        let values = gradient.to_vec::<f32>().map_err(|e| e.context(what))?;
        sums.insert(*name, values);
    }
    let row = |name: &str, row: usize| match sums.get(name) {
        Some(values) => values[row * EMBEDDING..][..EMBEDDING]
            .iter()
            .map(|&value| f64::from(value))
            .collect(),
        None => vec![0.0; EMBEDDING],
    };
    Ok((0..rows)
        .map(|i| Gradients {
            embedding: row("embedding", i),
            class_token: row("class_token", i),
        })
        .collect())
}
