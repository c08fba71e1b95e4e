//! A pre-norm transformer layer and its parts.
//!
//! This module computes but knows no tensor names: each backbone builds the parts from its own
//! files.

use crate::source::Below;
use clbench_torch::tch::{Kind, TchError, Tensor};
use harness_abi::Result;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A linear layer: `[…, in]` to `[…, out]`.
#[derive(Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Tensor,
    /// `[out]`, if there is one.
    pub bias: Option<Tensor>,
}

impl Linear {
    /// Reads `weight` and `bias` from the source.
    ///
    /// # Errors
    ///
    /// As for [`Source::tensor`](crate::source::Source::tensor).
    pub fn new(mut source: Below<'_>, from: i64, to: i64) -> Result<Linear> {
        Ok(Linear {
            weight: source.tensor("weight", &[to, from])?,
            bias: Some(source.tensor("bias", &[to])?),
        })
    }

    /// Reads `weight` from the source; there is no bias.
    ///
    /// # Errors
    ///
    /// As for [`Source::tensor`](crate::source::Source::tensor).
    pub fn unbiased(mut source: Below<'_>, from: i64, to: i64) -> Result<Linear> {
        Ok(Linear {
            weight: source.tensor("weight", &[to, from])?,
            bias: None,
        })
    }

    /// Converts to another type.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn to_kind(&self, kind: Kind) -> Result<Linear, TchError> {
        let bias = self.bias.as_ref().map(|bias| bias.f_to_kind(kind));
        Ok(Linear {
            weight: self.weight.f_to_kind(kind)?,
            bias: bias.transpose()?,
        })
    }

    /// `[…, in]` to `[…, out]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.weight, self.bias.as_ref())
    }
}

/// Layer normalisation over the last dimension.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Reads `weight` and `bias` from the source; `eps` is added to the variance.
    ///
    /// # Errors
    ///
    /// As for [`Source::tensor`](crate::source::Source::tensor).
    pub fn new(mut source: Below<'_>, width: i64, eps: f64) -> Result<LayerNorm> {
        Ok(LayerNorm {
            weight: source.tensor("weight", &[width])?,
            bias: source.tensor("bias", &[width])?,
            eps,
        })
    }

    /// Converts to another type.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn to_kind(&self, kind: Kind) -> Result<LayerNorm, TchError> {
        Ok(LayerNorm {
            weight: self.weight.f_to_kind(kind)?,
            bias: self.bias.f_to_kind(kind)?,
            eps: self.eps,
        })
    }

    /// The gain, `[width]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, `[width]`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// What is added to the variance.
    pub fn eps(&self) -> f64 {
        self.eps
    }

    /// Normalises `[…, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_layer_norm(
            self.weight.size(),
            Some(&self.weight),
            Some(&self.bias),
            self.eps,
            true,
        )
    }
}

/// Which tokens a token attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attend {
    /// All of them.
    All,
    /// Itself and the tokens before it.
    Causal,
}

/// Prefix tuning: keys and values that are prepended to a layer's own, `[rows, n, width]` each.
#[derive(Debug)]
pub struct Prefix {
    /// Prepended to the projected keys.
    pub keys: Tensor,
    /// Prepended to the projected values.
    pub values: Tensor,
}

/// The inputs of an attention: queries, keys and values, `[…, width]` each.
pub type Inputs = [Tensor; 3];

/// Multi-head attention, with separate projections of queries, keys and values.
#[derive(Debug)]
pub struct Attention {
    /// The query projection.
    pub query: Linear,
    /// The key projection.
    pub key: Linear,
    /// The value projection.
    pub value: Linear,
    /// The output projection of the concatenated heads.
    pub out: Linear,
    /// The number of heads, a divisor of the width.
    pub heads: i64,
    /// Which tokens a token attends to.
    pub attend: Attend,
}

impl Attention {
    fn to_kind(&self, kind: Kind) -> Result<Attention, TchError> {
        Ok(Attention {
            query: self.query.to_kind(kind)?,
            key: self.key.to_kind(kind)?,
            value: self.value.to_kind(kind)?,
            out: self.out.to_kind(kind)?,
            heads: self.heads,
            attend: self.attend,
        })
    }

    /// Projects tokens, `[…, width]`, to queries, keys and values.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn inputs(&self, x: &Tensor) -> Result<Inputs, TchError> {
        Ok([
            self.query.forward(x)?,
            self.key.forward(x)?,
            self.value.forward(x)?,
        ])
    }

    /// Scaled dot-product attention, in the shape of the queries. Each of `rows` rows has the same
    /// number of queries and the same number of keys. `mask`, if given, is added to the scores and
    /// replaces `attend`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn mix(
        &self,
        rows: i64,
        [queries, keys, values]: &Inputs,
        mask: Option<&Tensor>,
    ) -> Result<Tensor, TchError> {
        let shape = queries.size();
        let size = shape[shape.len() - 1] / self.heads;
        // [rows, heads, tokens, width / heads]
        let split = |x: &Tensor| x.f_reshape([rows, -1, self.heads, size])?.f_transpose(1, 2);
        Tensor::f_scaled_dot_product_attention(
            &split(queries)?,
            &split(keys)?,
            &split(values)?,
            mask,
            0.0,
            mask.is_none() && self.attend == Attend::Causal,
            None,
            false,
        )?
        .f_transpose(1, 2)?
        .f_reshape(shape)
    }
}

/// An activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · σ(1.702 x), OpenAI's approximation.
    QuickGelu,
    /// x · Φ(x), computed with the error function (Hendrycks and Gimpel, arXiv 1606.08415).
    Gelu,
}

/// An MLP: two linear layers with an activation between them.
#[derive(Debug)]
pub struct Perceptron {
    /// From the width to the hidden width.
    pub first: Linear,
    /// From the hidden width back.
    pub second: Linear,
    /// The activation between them.
    pub activation: Activation,
}

impl Perceptron {
    fn to_kind(&self, kind: Kind) -> Result<Perceptron, TchError> {
        Ok(Perceptron {
            first: self.first.to_kind(kind)?,
            second: self.second.to_kind(kind)?,
            activation: self.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let inner = self.first.forward(x)?;
        let inner = match self.activation {
            Activation::QuickGelu => inner.f_mul(&inner.f_mul_scalar(1.702)?.f_sigmoid_()?)?,
            Activation::Gelu => inner.f_gelu("none")?,
        };
        self.second.forward(&inner)
    }
}

/// A stack of layers, each x + out(attention(norm(x))), then x + perceptron(norm(x)).
#[derive(Debug)]
pub struct Encoder {
    /// The layers, first to last.
    pub layers: Vec<Layer>,
}

/// A layer.
#[derive(Debug)]
pub struct Layer {
    /// The norm before the attention.
    pub attention_norm: LayerNorm,
    /// The attention.
    pub attention: Attention,
    /// The norm before the perceptron.
    pub perceptron_norm: LayerNorm,
    /// The perceptron, applied to each token separately.
    pub perceptron: Perceptron,
}

impl Layer {
    fn to_kind(&self, kind: Kind) -> Result<Layer, TchError> {
        Ok(Layer {
            attention_norm: self.attention_norm.to_kind(kind)?,
            attention: self.attention.to_kind(kind)?,
            perceptron_norm: self.perceptron_norm.to_kind(kind)?,
            perceptron: self.perceptron.to_kind(kind)?,
        })
    }

    /// The inputs of the attention.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn inputs(&self, x: &Tensor) -> Result<Inputs, TchError> {
        self.attention.inputs(&self.attention_norm.forward(x)?)
    }

    /// The rest of the layer after the attention, whose result is `mixed`. It treats each token
    /// separately.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn finish(&self, x: &Tensor, mixed: &Tensor) -> Result<Tensor, TchError> {
        let x = x.f_add(&self.attention.out.forward(mixed)?)?;
        let thought = self
            .perceptron
            .forward(&self.perceptron_norm.forward(&x)?)?;
        x.f_add(&thought)
    }
}

impl Encoder {
    /// Converts to another type.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn to_kind(&self, kind: Kind) -> Result<Encoder, TchError> {
        let layers = self.layers.iter().map(|layer| layer.to_kind(kind));
        Ok(Encoder {
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// Encodes `[rows, tokens, width]`. `prefix` returns the prefix of a layer, counted from 0.
    /// With `wanted`, only these tokens are returned: the last layer computes keys and values of
    /// every token, but everything else only for them. Not for causal attention.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn forward<'p>(
        &self,
        mut x: Tensor,
        prefix: impl Fn(usize) -> Option<&'p Prefix>,
        wanted: Option<Range<i64>>,
    ) -> Result<Tensor, TchError> {
        let rows = x.size()[0];
        for (at, layer) in self.layers.iter().enumerate() {
            let mut inputs = match &wanted {
                Some(wanted) if at + 1 == self.layers.len() => {
                    let normed = layer.attention_norm.forward(&x)?;
                    let only = |x: &Tensor| x.f_slice(1, wanted.start, wanted.end, 1);
                    x = only(&x)?;
                    [
                        layer.attention.query.forward(&only(&normed)?)?,
                        layer.attention.key.forward(&normed)?,
                        layer.attention.value.forward(&normed)?,
                    ]
                }
                _ => layer.inputs(&x)?,
            };
            if let Some(prefix) = prefix(at) {
                inputs[1] = Tensor::f_cat(&[&prefix.keys, &inputs[1]], 1)?;
                inputs[2] = Tensor::f_cat(&[&prefix.values, &inputs[2]], 1)?;
            }
            x = layer.finish(&x, &layer.attention.mix(rows, &inputs, None)?)?;
        }
        Ok(x)
    }
}
