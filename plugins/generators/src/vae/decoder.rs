//! The decoders of classes: the only part of the autoencoders that is kept, because samples are
//! drawn from it.

use super::layer::{leaky, product};
use crate::Fitted;
use clbench_torch::tch::{Kind, TchError, Tensor};

/// The decoders of some classes, `[classes, …]` each.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Layers 0 and 2, `[classes, out, in]`; layer 4, whose samples are rows, `[classes, in, out]`.
    pub weights: [Tensor; 3],
    /// `[classes, out]`.
    pub biases: [Tensor; 3],
}

/// The names of the tensors, after the layers of the reference code.
const NAMES: [&str; 3] = ["decoder.0", "decoder.2", "decoder.4"];

impl Decoder {
    /// Decodes z to x̂, `[classes, latent, samples]` to `[classes, samples, width]`; `kind` is the
    /// type of matrix products.
    pub fn decoded(&self, latent: &Tensor, kind: Kind) -> Result<Tensor, TchError> {
        let [first, second, third] = &self.weights;
        let bias = |at: usize, dimension| self.biases[at].f_unsqueeze(dimension);
        let hidden = leaky(&product(first, latent, Some(&bias(0, 2)?), kind)?)?;
        let hidden = leaky(&product(second, &hidden, Some(&bias(1, 2)?), kind)?)?;
        let rows = hidden.f_transpose(1, 2)?;
        product(&rows, third, Some(&bias(2, 1)?), kind)
    }

    /// Decodes normal noise, `[classes, samples, latent]`, to random samples,
    /// `[classes, samples, width]`.
    pub fn sampled(&self, normal: &Tensor) -> Result<Tensor, TchError> {
        let kind = self.weights[0].kind();
        let latent = normal.f_to_kind(kind)?.f_transpose(1, 2)?;
        self.decoded(&latent, kind)
    }

    /// The width of the latent space.
    pub fn latent(&self) -> i64 {
        self.weights[0].size()[2]
    }

    /// The decoders of the given classes, as tensors for [`Decoder::from_fitted`].
    pub fn tensors(&self, classes: &Tensor) -> Result<Vec<(String, Tensor)>, TchError> {
        let mut tensors = Vec::new();
        for (name, (weight, bias)) in NAMES.iter().zip(self.weights.iter().zip(&self.biases)) {
            let chosen = |tensor: &Tensor| tensor.f_index_select(0, classes);
            tensors.push((format!("{name}.weight"), chosen(weight)?));
            tensors.push((format!("{name}.bias"), chosen(bias)?));
        }
        Ok(tensors)
    }

    /// The same decoders, sharing memory, without a record of operations.
    pub fn detached(&self) -> Result<Decoder, TchError> {
        let [weights, biases] = [&self.weights, &self.biases].map(|own| {
            own.iter()
                .map(Tensor::f_detach)
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(Decoder {
            weights: weights?.try_into().expect("there are three"),
            biases: biases?.try_into().expect("there are three"),
        })
    }

    /// Restores the decoders from a fit.
    ///
    /// # Errors
    ///
    /// If the fit is of another kind of generator.
    pub fn from_fitted(fitted: &Fitted) -> harness_abi::Result<Decoder> {
        let found = |part: &str| -> harness_abi::Result<[Tensor; 3]> {
            let [first, second, third] = NAMES.map(|name| fitted.tensor(&format!("{name}.{part}")));
            Ok([first?, second?, third?].map(Tensor::shallow_clone))
        };
        Ok(Decoder {
            weights: found("weight")?,
            biases: found("bias")?,
        })
    }

    /// Whether all parameters of each class's decoder are finite, bool `[classes]`.
    pub fn finite(&self) -> Result<Tensor, TchError> {
        let tensors = self.weights.iter().chain(&self.biases);
        let finite = tensors.map(|tensor| {
            let numbers = tensor.f_flatten(1, -1)?;
            numbers.f_isfinite()?.f_all_dim(1, false)
        });
        Tensor::f_stack(&finite.collect::<Result<Vec<_>, _>>()?, 0)?.f_all_dim(0, false)
    }
}
