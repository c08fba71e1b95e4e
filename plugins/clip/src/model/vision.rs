//! The image encoder: patch embedding, class token, positions, layers, projection of the class
//! token; and the insertion of prompts.

use super::encoder::{EncoderShape, encoder};
use crate::config::Config;
use clbench_torch::tch::{TchError, Tensor};
use clbench_transformer::embedding::{ImageEmbedding, insert};
use clbench_transformer::layer::{Attend, Encoder, LayerNorm, Linear};
use clbench_transformer::source::{Below, Source};
use clbench_transformer::visual::{EMBEDDING, NeededTokens, TokenPrompts, VisualPrompts};
use harness_abi::Result;
use serde::Deserialize;
use std::ops::Range;

/// The image encoder.
#[derive(Debug)]
pub struct VisionModel {
    embedding: ImageEmbedding,
    pre_norm: LayerNorm,
    encoder: Encoder,
    post_norm: LayerNorm,
    projection: Linear,
}

/// Where prompt tokens are inserted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptEntry {
    /// Before the pre-norm, which normalises them like the patches.
    #[default]
    BeforePreNorm,
    /// After the pre-norm.
    AfterPreNorm,
}

/// Everything that the image encoder can output.
#[derive(Debug)]
pub struct EncodedImages {
    /// The input of the first layer, `[images, 1 + n + patches, width]`.
    pub entering: Tensor,
    /// The output of the last layer, before the final norm, `[images, 1 + n + patches, width]`.
    pub last: Tensor,
    /// The class token after the final norm, `[images, width]`.
    pub class_token: Tensor,
    /// Projected, not normalised, `[images, projection]`.
    pub embedding: Tensor,
}

impl VisionModel {
    pub(super) fn new(config: &Config, source: &mut dyn Source) -> Result<VisionModel> {
        let shape = &config.vision;
        let (width, eps, patch) = (shape.hidden_size, shape.layer_norm_eps, shape.patch_size);
        let mut below = Below::new(source, "vision_model");
        Ok(VisionModel {
            embedding: ImageEmbedding {
                class_token: below.tensor("embeddings.class_embedding", &[width])?,
                patches: below.tensor(
                    "embeddings.patch_embedding.weight",
                    &[width, shape.num_channels, patch, patch],
                )?,
                patches_bias: None,
                positions: below.tensor(
                    "embeddings.position_embedding.weight",
                    &[1 + shape.patches(), width],
                )?,
            },
            // Hugging Face's spelling.
            pre_norm: LayerNorm::new(below.below("pre_layrnorm"), width, eps)?,
            encoder: encoder(
                below.below("encoder.layers"),
                &EncoderShape {
                    width,
                    inner: shape.intermediate_size,
                    layers: shape.num_hidden_layers,
                    heads: shape.num_attention_heads,
                    activation: shape.hidden_act,
                    eps,
                    attend: Attend::All,
                },
            )?,
            post_norm: LayerNorm::new(below.below("post_layernorm"), width, eps)?,
            projection: Linear::unbiased(
                Below::new(source, "visual_projection"),
                width,
                config.projection_dim,
            )?,
        })
    }

    /// Encodes normalised images, `[images, 3, height, width]`, with prompt tokens inserted at
    /// `entry`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn encode(
        &self,
        pixels: &Tensor,
        prompts: &VisualPrompts,
        entry: PromptEntry,
    ) -> Result<EncodedImages, TchError> {
        let entering = self.entering(pixels, prompts.tokens.as_ref(), entry)?;
        let last = self.last(entering.shallow_clone(), prompts, None)?;
        let class_token = self.post_norm.forward(&last.f_select(1, 0)?)?;
        let embedding = self.projection.forward(&class_token)?;
        Ok(EncodedImages {
            entering,
            last,
            class_token,
            embedding,
        })
    }

    /// The outputs called `wanted` for normalised images, without computing others. Names and
    /// shapes are those of [`visual`](clbench_transformer::visual).
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn outputs(
        &self,
        pixels: &Tensor,
        prompts: &VisualPrompts,
        entry: PromptEntry,
        wanted: &[&str],
    ) -> Result<Vec<Tensor>, TchError> {
        let entering = self.entering(pixels, prompts.tokens.as_ref(), entry)?;
        let needed = NeededTokens::new(wanted, prompts);
        let last = self.last(entering, prompts, needed.range())?;
        let output = |&name: &&str| {
            let normed = self.tokens(&needed.of_output(name, &last)?)?;
            match name {
                EMBEDDING => self.projection.forward(&normed),
                _ => Ok(normed),
            }
        };
        wanted.iter().map(output).collect()
    }

    /// The output of the last layer, all tokens or those in `range`.
    fn last(
        &self,
        entering: Tensor,
        prompts: &VisualPrompts,
        range: Option<Range<i64>>,
    ) -> Result<Tensor, TchError> {
        let prefix = |layer| prompts.prefixes.get(&layer);
        self.encoder.forward(entering, prefix, range)
    }

    /// All tokens after the final norm, from `last` of [`EncodedImages`], in the same shape.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn tokens(&self, last: &Tensor) -> Result<Tensor, TchError> {
        self.post_norm.forward(last)
    }

    /// The input tokens of the first layer: class token, prompts, patches.
    fn entering(
        &self,
        pixels: &Tensor,
        prompts: Option<&TokenPrompts>,
        entry: PromptEntry,
    ) -> Result<Tensor, TchError> {
        let x = self.embedding.embed(pixels)?;
        let Some(prompts) = prompts else {
            return self.pre_norm.forward(&x);
        };
        let prompts = self.embedding.positioned(prompts)?;
        match entry {
            PromptEntry::BeforePreNorm => self.pre_norm.forward(&insert(&x, &prompts)?),
            PromptEntry::AfterPreNorm => insert(&self.pre_norm.forward(&x)?, &prompts),
        }
    }
}
