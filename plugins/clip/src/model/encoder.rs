//! Builds an encoder from Hugging Face's tensor names, which are the same for images and texts.

use crate::config::Activation;
use clbench_transformer::layer::{
    Attend, Attention, Encoder, Layer, LayerNorm, Linear, Perceptron,
};
use clbench_transformer::source::Below;
use harness_abi::Result;

/// The shape of an encoder.
pub(super) struct EncoderShape {
    pub(super) width: i64,
    pub(super) inner: i64,
    pub(super) layers: i64,
    pub(super) heads: i64,
    pub(super) activation: Activation,
    pub(super) eps: f64,
    pub(super) attend: Attend,
}

/// Builds the layers below `encoder.layers`.
pub(super) fn encoder(mut source: Below<'_>, shape: &EncoderShape) -> Result<Encoder> {
    let layers = (0..shape.layers).map(|at| layer(source.below(&at.to_string()), shape));
    Ok(Encoder {
        layers: layers.collect::<Result<_>>()?,
    })
}

fn layer(mut source: Below<'_>, shape: &EncoderShape) -> Result<Layer> {
    let &EncoderShape {
        width, inner, eps, ..
    } = shape;
    Ok(Layer {
        attention_norm: LayerNorm::new(source.below("layer_norm1"), width, eps)?,
        attention: attention(source.below("self_attn"), shape)?,
        perceptron_norm: LayerNorm::new(source.below("layer_norm2"), width, eps)?,
        perceptron: Perceptron {
            first: Linear::new(source.below("mlp.fc1"), width, inner)?,
            second: Linear::new(source.below("mlp.fc2"), inner, width)?,
            activation: shape.activation,
        },
    })
}

fn attention(mut source: Below<'_>, shape: &EncoderShape) -> Result<Attention> {
    let mut linear = |name: &str| Linear::new(source.below(name), shape.width, shape.width);
    Ok(Attention {
        query: linear("q_proj")?,
        key: linear("k_proj")?,
        value: linear("v_proj")?,
        out: linear("out_proj")?,
        heads: shape.heads,
        attend: shape.attend,
    })
}
