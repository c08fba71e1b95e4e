//! The model: timm's `VisionTransformer` with default options, with timm's tensor names.
//!
//! A class token and patches with learned positions, pre-norm layers, and a final layer norm. timm
//! stores the query, key and value projections of a layer in one matrix; it is split when read, so
//! that prefixes can be prepended to keys and values.

use crate::shape::Shape;
use clbench_torch::During;
use clbench_torch::tch::{TchError, Tensor};
use clbench_transformer::embedding::{ImageEmbedding, insert};
use clbench_transformer::layer::{
    Activation, Attend, Attention, Encoder, Layer, LayerNorm, Linear, Perceptron,
};
use clbench_transformer::source::{Below, Source};
use clbench_transformer::visual::{NeededTokens, VisualPrompts};
use harness_abi::Result;
use std::ops::Range;

/// The ε of every layer norm.
const EPS: f64 = 1e-6;

/// A plain vision transformer.
#[derive(Debug)]
pub struct VisionTransformer {
    embedding: ImageEmbedding,
    encoder: Encoder,
    norm: LayerNorm,
}

impl VisionTransformer {
    /// Creates a model of the given shape from the source's tensors.
    ///
    /// # Errors
    ///
    /// Propagates errors from the source.
    pub fn new(shape: &Shape, heads: i64, source: &mut dyn Source) -> Result<VisionTransformer> {
        let &Shape { width, patch, .. } = shape;
        let class_token = source.tensor("cls_token", &[1, 1, width])?;
        let positions = source.tensor("pos_embed", &[1, 1 + shape.patches(), width])?;
        let doing = "reshaping the class token and the positions";
        let mut patches = Below::new(source, "patch_embed.proj");
        let embedding = ImageEmbedding {
            class_token: class_token.f_view([width]).during(doing)?,
            patches: patches.tensor("weight", &[width, 3, patch, patch])?,
            patches_bias: Some(patches.tensor("bias", &[width])?),
            positions: positions.f_squeeze_dim(0).during(doing)?,
        };
        let mut blocks = Below::new(source, "blocks");
        let layers = (0..shape.layers).map(|at| layer(blocks.below(&at.to_string()), shape, heads));
        Ok(VisionTransformer {
            embedding,
            encoder: Encoder {
                layers: layers.collect::<Result<_>>()?,
            },
            norm: LayerNorm::new(Below::new(source, "norm"), width, EPS)?,
        })
    }

    /// Encodes normalised images, `[images, 3, height, width]`: all tokens after the last layer,
    /// before the final norm, `[images, 1 + n + patches, width]`. Prompt tokens are between the
    /// class token and the patches.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn encode(&self, pixels: &Tensor, prompts: &VisualPrompts) -> Result<Tensor, TchError> {
        self.last(pixels, prompts, None)
    }

    /// The outputs called `wanted` for normalised images, without computing others. Names and
    /// shapes are those of [`visual`](clbench_transformer::visual). There is no projection: the
    /// class token is the embedding.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn outputs(
        &self,
        pixels: &Tensor,
        prompts: &VisualPrompts,
        wanted: &[&str],
    ) -> Result<Vec<Tensor>, TchError> {
        let needed = NeededTokens::new(wanted, prompts);
        let last = self.last(pixels, prompts, needed.range())?;
        let output = |name: &&str| self.tokens(&needed.of_output(name, &last)?);
        wanted.iter().map(output).collect()
    }

    /// The output of the last layer, all tokens or those in `range`.
    fn last(
        &self,
        pixels: &Tensor,
        prompts: &VisualPrompts,
        range: Option<Range<i64>>,
    ) -> Result<Tensor, TchError> {
        let mut x = self.embedding.embed(pixels)?;
        if let Some(tokens) = &prompts.tokens {
            x = insert(&x, &self.embedding.positioned(tokens)?)?;
        }
        let prefix = |layer| prompts.prefixes.get(&layer);
        self.encoder.forward(x, prefix, range)
    }

    /// The class token of encoded images after the final norm, `[images, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn class_token(&self, encoded: &Tensor) -> Result<Tensor, TchError> {
        self.norm.forward(&encoded.f_select(1, 0)?)
    }

    /// All tokens of encoded images after the final norm, in the same shape.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn tokens(&self, encoded: &Tensor) -> Result<Tensor, TchError> {
        self.norm.forward(encoded)
    }
}

fn layer(mut source: Below<'_>, shape: &Shape, heads: i64) -> Result<Layer> {
    let &Shape { width, inner, .. } = shape;
    Ok(Layer {
        attention_norm: LayerNorm::new(source.below("norm1"), width, EPS)?,
        attention: attention(source.below("attn"), width, heads)?,
        perceptron_norm: LayerNorm::new(source.below("norm2"), width, EPS)?,
        perceptron: Perceptron {
            first: Linear::new(source.below("mlp.fc1"), width, inner)?,
            second: Linear::new(source.below("mlp.fc2"), inner, width)?,
            activation: Activation::Gelu,
        },
    })
}

fn attention(mut source: Below<'_>, width: i64, heads: i64) -> Result<Attention> {
    // Rows for queries, keys and values, stacked.
    let weight = source.tensor("qkv.weight", &[3 * width, width])?;
    let bias = source.tensor("qkv.bias", &[3 * width])?;
    let part = |at: i64| {
        Ok(Linear {
            weight: weight.f_narrow(0, at * width, width)?,
            bias: Some(bias.f_narrow(0, at * width, width)?),
        })
    };
    let doing = "splitting the query, key and value projections";
    Ok(Attention {
        query: part(0).during(doing)?,
        key: part(1).during(doing)?,
        value: part(2).during(doing)?,
        out: Linear::new(source.below("proj"), width, width)?,
        heads,
        attend: Attend::All,
    })
}
