//! A layer on the CPU with frozen weights, forward and backward in few passes over memory.
//!
//! [`Layer`] computes with libtorch, which passes over memory once per operation, and whose autograd
//! doubles the operations. Here, what lies between two matrix products is one pass (see `passes`),
//! and the backward pass is written out. It computes no gradients of weights.
//!
//! Tokens are rows: `[tokens, width]`, row-major. How tokens attend to each other is up to the
//! caller: a layer is applied in two halves, around the attention.
//!
//! ```text
//! x ─ inputs ─▶ queries, keys, values ─ attention ─▶ mixed ─ finish ─▶ x
//! ```
//!
//! Nothing here starts threads; the caller may apply a layer to several parts at a time.

mod passes;

use crate::layer::{Activation, Layer, LayerNorm, Linear};
use clbench_torch::cpu::{self, Frozen, Matrices};
use clbench_torch::tch::{Kind, TchError};

/// A linear layer.
#[derive(Debug)]
pub struct FusedLinear {
    /// `[outputs, inputs]`.
    weight: Frozen,
    bias: Option<Frozen>,
    inputs: usize,
    outputs: usize,
}

impl FusedLinear {
    /// The same layer; `None` unless its weights are contiguous f32 on the CPU.
    ///
    /// # Safety
    ///
    /// As for [`Frozen::new`].
    pub unsafe fn new(linear: &Linear) -> Option<FusedLinear> {
        let [outputs, inputs] = linear.weight.size()[..] else {
            return None;
        };
        // SAFETY: the caller vouches for the weights.
        let frozen = |tensor| unsafe { Frozen::new(tensor) };
        Some(FusedLinear {
            weight: frozen(&linear.weight)?,
            bias: match &linear.bias {
                Some(bias) => Some(frozen(bias)?),
                None => None,
            },
            inputs: inputs as usize,
            outputs: outputs as usize,
        })
    }

    /// `[rows, inputs]` to `[rows, outputs]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn forward(&self, x: &[f32]) -> Result<Vec<f32>, TchError> {
        let mut made = self.unbiased(x)?;
        passes::add_bias(&mut made, self.bias());
        Ok(made)
    }

    /// [`forward`](Self::forward) without the bias.
    fn unbiased(&self, x: &[f32]) -> Result<Vec<f32>, TchError> {
        self.product(x, [self.inputs, self.outputs], self.weight().transposed())
    }

    /// The gradient of the input, from that of the output.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn backward(&self, gradient: &[f32]) -> Result<Vec<f32>, TchError> {
        self.product(gradient, [self.outputs, self.inputs], self.weight())
    }

    fn product(
        &self,
        rows: &[f32],
        [from, to]: [usize; 2],
        weight: Matrices<'_>,
    ) -> Result<Vec<f32>, TchError> {
        let count = rows.len() / from;
        let mut made = vec![0.0; count * to];
        if count > 0 {
            let rows = Matrices::new(rows, [count, from]);
            cpu::product(&mut made, rows, weight, Kind::Float)?;
        }
        Ok(made)
    }

    fn weight(&self) -> Matrices<'_> {
        Matrices::new(&self.weight, [self.outputs, self.inputs])
    }

    /// Empty if there is none.
    fn bias(&self) -> &[f32] {
        self.bias.as_deref().unwrap_or_default()
    }
}

/// Layer normalisation.
#[derive(Debug)]
pub struct FusedNorm {
    gain: Frozen,
    bias: Frozen,
    eps: f32,
}

/// What the backward pass of a normalisation needs.
#[derive(Debug)]
pub struct Normalised {
    /// Before gain and bias, `[rows, width]`.
    normalised: Vec<f32>,
    /// One over the standard deviation of each row.
    inverse: Vec<f32>,
}

impl FusedNorm {
    /// The same normalisation; `None` unless its weights are contiguous f32 on the CPU.
    ///
    /// # Safety
    ///
    /// As for [`Frozen::new`].
    pub unsafe fn new(norm: &LayerNorm) -> Option<FusedNorm> {
        // SAFETY: the caller vouches for the weights.
        let frozen = |tensor| unsafe { Frozen::new(tensor) };
        Some(FusedNorm {
            gain: frozen(norm.weight())?,
            bias: frozen(norm.bias())?,
            eps: norm.eps() as f32,
        })
    }

    /// The width of a row.
    pub fn width(&self) -> usize {
        self.gain.len()
    }

    /// Normalises rows.
    pub fn forward(&self, x: &[f32]) -> (Vec<f32>, Normalised) {
        let mut made = vec![0.0; x.len()];
        let mut normalised = vec![0.0; x.len()];
        let mut inverse = vec![0.0; x.len() / self.width()];
        passes::normalise(
            &mut made,
            &mut normalised,
            &mut inverse,
            x,
            &self.gain,
            &self.bias,
            self.eps,
        );
        let kept = Normalised {
            normalised,
            inverse,
        };
        (made, kept)
    }

    /// Adds the gradient of the input to `gradient`; that of the output is the sum of `of_output`.
    pub fn backward(&self, gradient: &mut [f32], kept: &Normalised, of_output: &[&[f32]]) {
        let Normalised {
            normalised,
            inverse,
        } = kept;
        let (&first, rest) = of_output.split_first().expect("an output has a gradient");
        let mut whole = first.to_vec();
        for part in rest {
            passes::add(&mut whole, part);
        }
        passes::normalise_backward(gradient, &mut whole, normalised, inverse, &self.gain);
    }
}

/// A layer.
#[derive(Debug)]
pub struct FusedLayer {
    attention_norm: FusedNorm,
    /// The projections of queries, keys and values.
    projections: [FusedLinear; 3],
    out: FusedLinear,
    perceptron_norm: FusedNorm,
    first: FusedLinear,
    second: FusedLinear,
    activation: Activation,
    heads: usize,
}

/// What the backward pass of [`FusedLayer::finish`] needs.
#[derive(Debug)]
pub struct Finished {
    norm: Normalised,
    /// The derivative of the activation, `[rows, inner width]`.
    slopes: Vec<f32>,
}

impl FusedLayer {
    /// The same layer; `None` unless its weights are contiguous f32 on the CPU.
    ///
    /// # Safety
    ///
    /// As for [`Frozen::new`].
    pub unsafe fn new(layer: &Layer) -> Option<FusedLayer> {
        let attention = &layer.attention;
        // SAFETY: the caller vouches for the weights.
        let linear = |linear| unsafe { FusedLinear::new(linear) };
        // SAFETY: as above.
        let norm = |norm| unsafe { FusedNorm::new(norm) };
        Some(FusedLayer {
            attention_norm: norm(&layer.attention_norm)?,
            projections: [
                linear(&attention.query)?,
                linear(&attention.key)?,
                linear(&attention.value)?,
            ],
            out: linear(&attention.out)?,
            perceptron_norm: norm(&layer.perceptron_norm)?,
            first: linear(&layer.perceptron.first)?,
            second: linear(&layer.perceptron.second)?,
            activation: layer.perceptron.activation,
            heads: attention.heads as usize,
        })
    }

    /// The number of attention heads.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// The norm before the attention.
    pub fn attention_norm(&self) -> &FusedNorm {
        &self.attention_norm
    }

    /// The projections of normalised tokens to queries, keys and values.
    pub fn projections(&self) -> &[FusedLinear; 3] {
        &self.projections
    }

    /// Applies the rest of the layer, after the attention, to `x`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn finish(&self, x: &mut [f32], mixed: &[f32]) -> Result<Finished, TchError> {
        passes::add_biased(x, &self.out.unbiased(mixed)?, self.out.bias());
        let (normed, norm) = self.perceptron_norm.forward(x);
        let mut slopes = self.first.unbiased(&normed)?;
        let mut active = vec![0.0; slopes.len()];
        match self.activation {
            Activation::QuickGelu => {
                passes::quick_gelu(&mut active, &mut slopes, self.first.bias());
            }
            Activation::Gelu => {
                passes::scale_biased(&mut active, &mut slopes, self.first.bias());
                cpu::erf(&mut active)?;
                passes::gelu(&mut active, &mut slopes);
            }
        }
        passes::add_biased(x, &self.second.unbiased(&active)?, self.second.bias());
        Ok(Finished { norm, slopes })
    }

    /// Takes the gradient of [`finish`](Self::finish)'s result back to its `x`, in place, and
    /// returns that of `mixed`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn finish_backward(
        &self,
        gradient: &mut [f32],
        kept: &Finished,
    ) -> Result<Vec<f32>, TchError> {
        let mut inner = self.second.backward(gradient)?;
        passes::multiply(&mut inner, &kept.slopes);
        let normed = self.first.backward(&inner)?;
        self.perceptron_norm
            .backward(gradient, &kept.norm, &[&normed]);
        self.out.backward(gradient)
    }
}
