//! A transformer layer with its norms before attention and perceptron, and its parts.
//!
//! What is computed, not how a file names it: a backbone makes the parts of its own file's tensors.

use crate::source::Below;
use clbench_torch::tch::{Kind, TchError, Tensor};
use harness_abi::Result;
use serde::{Deserialize, Serialize};

/// A matrix and a bias: `[…, in]` to `[…, out]`.
#[derive(Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Tensor,
    /// `[out]`, where there is one.
    pub bias: Option<Tensor>,
}

impl Linear {
    /// With a bias: `weight` and `bias` of the source.
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

    /// Without one.
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

    /// The same, computed in another type.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
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
    /// What libtorch reports.
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
    /// `weight` and `bias` of the source; `eps` is what is added to the variance.
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

    /// The same, computed in another type.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn to_kind(&self, kind: Kind) -> Result<LayerNorm, TchError> {
        Ok(LayerNorm {
            weight: self.weight.f_to_kind(kind)?,
            bias: self.bias.f_to_kind(kind)?,
            eps: self.eps,
        })
    }

    /// `[…, width]` to the same.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
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

/// What an attention takes: queries, keys and values, `[…, width]` each.
pub type Inputs = [Tensor; 3];

/// Multi-head attention, with a matrix each for queries, keys and values.
#[derive(Debug)]
pub struct Attention {
    /// To queries.
    pub query: Linear,
    /// To keys.
    pub key: Linear,
    /// To values.
    pub value: Linear,
    /// What the heads' values go through, side by side.
    pub out: Linear,
    /// How many heads; they divide the width.
    pub heads: i64,
    /// Who attends to whom.
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

    /// Queries, keys and values of tokens, `[…, width]`.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn inputs(&self, x: &Tensor) -> Result<Inputs, TchError> {
        Ok([
            self.query.forward(x)?,
            self.key.forward(x)?,
            self.value.forward(x)?,
        ])
    }

    /// The values that the queries attend to, mixed, in the queries' shape: of each of `rows` rows the same number of
    /// queries, and the same number of keys. `mask` is added to the scores, and then says alone who attends to whom.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
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
    /// x · σ(1.702 x), OpenAI's.
    QuickGelu,
    /// x · Φ(x) with the error function.
    Gelu,
}

/// Two matrices with an activation between them.
#[derive(Debug)]
pub struct Perceptron {
    /// From the width to the inner one.
    pub first: Linear,
    /// And back.
    pub second: Linear,
    /// What stands between them.
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

/// A stack of layers: x + out(attention(norm(x))), then x + perceptron(norm(x)), in each.
#[derive(Debug)]
pub struct Encoder {
    /// In the order in which they are passed.
    pub layers: Vec<Layer>,
}

/// One of them.
#[derive(Debug)]
pub struct Layer {
    /// Before the attention.
    pub attention_norm: LayerNorm,
    /// Where tokens look at each other.
    pub attention: Attention,
    /// Before the perceptron.
    pub perceptron_norm: LayerNorm,
    /// What each token goes through alone.
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

    /// What the attention takes.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn inputs(&self, x: &Tensor) -> Result<Inputs, TchError> {
        self.attention.inputs(&self.attention_norm.forward(x)?)
    }

    /// What stands behind the attention, which mixed `mixed`: nothing there looks at another token.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn finish(&self, x: &Tensor, mixed: &Tensor) -> Result<Tensor, TchError> {
        let x = x.f_add(&self.attention.out.forward(mixed)?)?;
        let thought = self
            .perceptron
            .forward(&self.perceptron_norm.forward(&x)?)?;
        x.f_add(&thought)
    }
}

impl Encoder {
    /// The same, computed in another type.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn to_kind(&self, kind: Kind) -> Result<Encoder, TchError> {
        let layers = self.layers.iter().map(|layer| layer.to_kind(kind));
        Ok(Encoder {
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// `[rows, tokens, width]` to the same. `prefix` gives a layer, counted from 0, the keys and values that stand before its
    /// own.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn forward<'p>(
        &self,
        mut x: Tensor,
        prefix: impl Fn(usize) -> Option<&'p Prefix>,
    ) -> Result<Tensor, TchError> {
        let rows = x.size()[0];
        for (at, layer) in self.layers.iter().enumerate() {
            let mut inputs = layer.inputs(&x)?;
            if let Some(prefix) = prefix(at) {
                inputs[1] = Tensor::f_cat(&[&prefix.keys, &inputs[1]], 1)?;
                inputs[2] = Tensor::f_cat(&[&prefix.values, &inputs[2]], 1)?;
            }
            x = layer.finish(&x, &layer.attention.mix(rows, &inputs, None)?)?;
        }
        Ok(x)
    }
}
