//! What both sides are built of: a transformer layer with its norms before attention and perceptron, and its parts.

use crate::config::Activation;
use crate::source::Below;
use clbench_torch::tch::{TchError, Tensor};
use harness_abi::Result;

/// A matrix and a bias: `[…, in]` to `[…, out]`.
#[derive(Debug)]
pub struct Linear {
    /// `[out, in]`.
    weight: Tensor,
    /// `[out]`; the two projections have none.
    bias: Option<Tensor>,
}

impl Linear {
    /// With a bias.
    pub(super) fn new(mut source: Below<'_>, from: i64, to: i64) -> Result<Linear> {
        Ok(Linear {
            weight: source.tensor("weight", &[to, from])?,
            bias: Some(source.tensor("bias", &[to])?),
        })
    }

    /// Without one.
    pub(super) fn unbiased(mut source: Below<'_>, from: i64, to: i64) -> Result<Linear> {
        Ok(Linear {
            weight: source.tensor("weight", &[to, from])?,
            bias: None,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
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
    pub(super) fn new(mut source: Below<'_>, width: i64, eps: f64) -> Result<LayerNorm> {
        Ok(LayerNorm {
            weight: source.tensor("weight", &[width])?,
            bias: source.tensor("bias", &[width])?,
            eps,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
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
    /// Itself and those before it.
    Causal,
}

/// Keys and values that stand before a layer's own, `[rows, n, width]` each.
#[derive(Debug)]
pub struct Prefix {
    /// Joined before the projected keys.
    pub keys: Tensor,
    /// Joined before the projected values.
    pub values: Tensor,
}

/// Multi-head attention with separate matrices for queries, keys and values, as Hugging Face stores them.
#[derive(Debug)]
struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: i64,
    attend: Attend,
}

impl Attention {
    fn new(mut source: Below<'_>, width: i64, heads: i64, attend: Attend) -> Result<Attention> {
        let mut linear = |name: &str| Linear::new(source.below(name), width, width);
        Ok(Attention {
            query: linear("q_proj")?,
            key: linear("k_proj")?,
            value: linear("v_proj")?,
            out: linear("out_proj")?,
            heads,
            attend,
        })
    }

    /// `[rows, tokens, width]` to the same.
    fn forward(&self, x: &Tensor, prefix: Option<&Prefix>) -> Result<Tensor, TchError> {
        let (rows, tokens, width) = x.size3()?;
        // [rows, heads, tokens, width / heads]
        let split = |x: Tensor| {
            x.f_reshape([rows, -1, self.heads, width / self.heads])?
                .f_transpose(1, 2)
        };
        let (mut key, mut value) = (self.key.forward(x)?, self.value.forward(x)?);
        if let Some(prefix) = prefix {
            key = Tensor::f_cat(&[&prefix.keys, &key], 1)?;
            value = Tensor::f_cat(&[&prefix.values, &value], 1)?;
        }
        let mixed = Tensor::f_scaled_dot_product_attention(
            &split(self.query.forward(x)?)?,
            &split(key)?,
            &split(value)?,
            None::<Tensor>,
            0.0,
            self.attend == Attend::Causal,
            None,
            false,
        )?;
        let joined = mixed.f_transpose(1, 2)?.f_reshape([rows, tokens, width])?;
        self.out.forward(&joined)
    }
}

/// Two matrices with an activation between them.
#[derive(Debug)]
struct Perceptron {
    first: Linear,
    second: Linear,
    activation: Activation,
}

impl Perceptron {
    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let inner = self.first.forward(x)?;
        let inner = match self.activation {
            Activation::QuickGelu => inner.f_mul(&inner.f_mul_scalar(1.702)?.f_sigmoid()?)?,
            Activation::Gelu => inner.f_gelu("none")?,
        };
        self.second.forward(&inner)
    }
}

/// A stack of layers: x + attention(norm(x)), then x + perceptron(norm(x)), in each.
#[derive(Debug)]
pub struct Encoder {
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    attention_norm: LayerNorm,
    attention: Attention,
    perceptron_norm: LayerNorm,
    perceptron: Perceptron,
}

/// The numbers that shape an encoder.
pub(super) struct EncoderShape {
    pub(super) width: i64,
    pub(super) inner: i64,
    pub(super) layers: i64,
    pub(super) heads: i64,
    pub(super) activation: Activation,
    pub(super) eps: f64,
    pub(super) attend: Attend,
}

impl Encoder {
    /// The layers below `encoder.layers`.
    pub(super) fn new(mut source: Below<'_>, shape: &EncoderShape) -> Result<Encoder> {
        let &EncoderShape {
            width,
            inner,
            heads,
            activation,
            eps,
            attend,
            ..
        } = shape;
        let layers = (0..shape.layers).map(|at| {
            let mut source = source.below(&at.to_string());
            Ok(Layer {
                attention_norm: LayerNorm::new(source.below("layer_norm1"), width, eps)?,
                attention: Attention::new(source.below("self_attn"), width, heads, attend)?,
                perceptron_norm: LayerNorm::new(source.below("layer_norm2"), width, eps)?,
                perceptron: Perceptron {
                    first: Linear::new(source.below("mlp.fc1"), width, inner)?,
                    second: Linear::new(source.below("mlp.fc2"), inner, width)?,
                    activation,
                },
            })
        });
        Ok(Encoder {
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// `[rows, tokens, width]` to the same. `prefix` gives a layer, counted from 0, the keys and values that stand before its
    /// own.
    pub(super) fn forward<'p>(
        &self,
        mut x: Tensor,
        prefix: impl Fn(usize) -> Option<&'p Prefix>,
    ) -> Result<Tensor, TchError> {
        for (at, layer) in self.layers.iter().enumerate() {
            let attended = layer
                .attention
                .forward(&layer.attention_norm.forward(&x)?, prefix(at))?;
            x = x.f_add(&attended)?;
            let thought = layer
                .perceptron
                .forward(&layer.perceptron_norm.forward(&x)?)?;
            x = x.f_add(&thought)?;
        }
        Ok(x)
    }
}
