//! The text encoder: token and position embeddings, causal layers, projection of the end-of-text
//! token.
//!
//! It returns every token, and its weights can be trained: pre-training uses it, and
//! [`pooled`](super::pooled), which the backbone uses, is tested against it.

use super::encoder::{EncoderShape, encoder};
use crate::config::Config;
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_transformer::layer::{Attend, Encoder, LayerNorm, Linear};
use clbench_transformer::source::{Below, Source};
use harness_abi::Result;

/// The text encoder.
#[derive(Debug)]
pub struct TextModel {
    /// `[vocabulary, width]`.
    pub(super) tokens: Tensor,
    /// `[context length, width]`.
    pub(super) positions: Tensor,
    pub(super) encoder: Encoder,
    pub(super) final_norm: LayerNorm,
    pub(super) projection: Linear,
}

/// The text encoder's output for rows of text.
#[derive(Debug)]
pub struct EncodedTexts {
    /// All tokens after the final layer norm, `[rows, tokens, width]`.
    pub tokens: Tensor,
    /// The token at which each row is pooled, `[rows, width]`.
    pub pooled: Tensor,
    /// Projected, not normalised, `[rows, projection]`.
    pub embedding: Tensor,
}

impl TextModel {
    pub(super) fn new(config: &Config, source: &mut dyn Source) -> Result<TextModel> {
        let shape = &config.text;
        let (width, eps) = (shape.hidden_size, shape.layer_norm_eps);
        let mut below = Below::new(source, "text_model");
        Ok(TextModel {
            tokens: below.tensor(
                "embeddings.token_embedding.weight",
                &[shape.vocab_size, width],
            )?,
            positions: below.tensor(
                "embeddings.position_embedding.weight",
                &[shape.max_position_embeddings, width],
            )?,
            encoder: encoder(
                below.below("encoder.layers"),
                &EncoderShape {
                    width,
                    inner: shape.intermediate_size,
                    layers: shape.num_hidden_layers,
                    heads: shape.num_attention_heads,
                    activation: shape.hidden_act,
                    eps,
                    attend: Attend::Causal,
                },
            )?,
            final_norm: LayerNorm::new(below.below("final_layer_norm"), width, eps)?,
            projection: Linear::unbiased(
                Below::new(source, "text_projection"),
                width,
                config.projection_dim,
            )?,
        })
    }

    /// Converts to another type.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn to_kind(&self, kind: Kind) -> Result<TextModel, TchError> {
        Ok(TextModel {
            tokens: self.tokens.f_to_kind(kind)?,
            positions: self.positions.f_to_kind(kind)?,
            encoder: self.encoder.to_kind(kind)?,
            final_norm: self.final_norm.to_kind(kind)?,
            projection: self.projection.to_kind(kind)?,
        })
    }

    /// Embeds token ids, i64 `[…]` to `[…, width]`, without positions.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn embed(&self, ids: &Tensor) -> Result<Tensor, TchError> {
        Tensor::f_embedding(&self.tokens, ids, -1, false, false)
    }

    /// Encodes rows of embedded tokens, `[rows, tokens, width]` without positions, each pooled at
    /// its position in `pooled`. Attention is causal, so tokens after the pooled one do not matter;
    /// rows only need to reach the farthest pooled position.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn encode(&self, embedded: &Tensor, pooled: &[i64]) -> Result<EncodedTexts, TchError> {
        let (rows, tokens, width) = embedded.size3()?;
        let x = embedded.f_add(&self.positions.f_narrow(0, 0, tokens)?)?;
        let x = self
            .final_norm
            .forward(&self.encoder.forward(x, |_| None, None)?)?;
        let flat: Vec<i64> = pooled
            .iter()
            .enumerate()
            .map(|(row, at)| row as i64 * tokens + at)
            .collect();
        let flat = Tensor::f_from_slice(&flat)?.f_to_device(x.device())?;
        let pooled = x
            .f_reshape([rows * tokens, width])?
            .f_index_select(0, &flat)?;
        let embedding = self.projection.forward(&pooled)?;
        Ok(EncodedTexts {
            tokens: x,
            pooled,
            embedding,
        })
    }
}
