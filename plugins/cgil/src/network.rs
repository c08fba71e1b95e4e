//! The network that generates a token of a prompt from a feature.
//!
//! Four linear layers, with an affine map and SELU (Klambauer et al., arXiv 1706.02515) between
//! them. The affine map is a batch normalisation in evaluation mode whose running mean stays 0 and
//! running variance stays 1: x / √(1 + 1e-5) · gain + bias, with trained gain and bias. So rows do
//! not depend on each other.

use clbench_torch::tch::{Device, TchError, Tensor};
use clbench_torch::{During, Generator};
use harness_abi::Result;

/// ε of the batch normalisation.
const EPS: f64 = 1e-5;
/// The linear and affine layers, numbered as in the reference implementation.
const LINEAR: [usize; 4] = [0, 3, 6, 9];
const AFFINE: [usize; 3] = [1, 4, 7];

/// The network: its tensors by name, `0.weight`, `0.bias`, `1.weight`, … `9.bias`.
#[derive(Debug)]
pub struct TokenNetwork {
    tensors: Vec<(String, Tensor)>,
}

impl TokenNetwork {
    /// Creates a network from features of width `from` to tokens of width `to`, with PyTorch's
    /// default initialisation: weights and biases of a linear layer uniform in ±1/√inputs, gains 1,
    /// their biases 0.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn new(from: i64, to: i64, generator: &mut Generator, device: Device) -> Result<Self> {
        let mut tensors = Vec::new();
        let widths = [from, from, from, to, to];
        for (at, layer) in LINEAR.into_iter().enumerate() {
            let (inputs, outputs) = (widths[at], widths[at + 1]);
            let bound = 1.0 / (inputs as f64).sqrt();
            for (name, shape) in [("weight", &[outputs, inputs][..]), ("bias", &[outputs])] {
                let drawn = generator.uniform_tensor(shape, -bound, bound, device)?;
                tensors.push((format!("{layer}.{name}"), drawn));
            }
            if let Some(layer) = AFFINE.get(at) {
                let bias = tensors[tensors.len() - 1].1.f_zeros_like();
                let bias = bias.during("making the token network")?;
                let gain = bias.f_ones_like().during("making the token network")?;
                tensors.push((format!("{layer}.weight"), gain));
                tensors.push((format!("{layer}.bias"), bias));
            }
        }
        Ok(TokenNetwork { tensors })
    }

    /// The number of parameters of a network of these widths.
    pub fn parameters(from: u64, to: u64) -> u64 {
        let linear = |inputs: u64, outputs: u64| (inputs + 1) * outputs;
        2 * linear(from, from) + linear(from, to) + linear(to, to) + 2 * (2 * from + to)
    }

    /// The tensors, by name.
    pub fn tensors(&self) -> &[(String, Tensor)] {
        &self.tensors
    }

    /// Creates a network by applying `make` to each tensor.
    ///
    /// # Errors
    ///
    /// Propagates errors from `make`.
    pub fn map(&self, mut make: impl FnMut(&str, &Tensor) -> Result<Tensor>) -> Result<Self> {
        let tensors = self.tensors.iter().map(|(name, tensor)| {
            let made = make(name, tensor)?;
            Ok((name.clone(), made))
        });
        Ok(TokenNetwork {
            tensors: tensors.collect::<Result<_>>()?,
        })
    }

    /// Computes the tokens of features, `[rows, from]` to `[rows, to]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn forward(&self, features: &Tensor) -> Result<Tensor, TchError> {
        let mut x = features.shallow_clone();
        for (at, layer) in LINEAR.into_iter().enumerate() {
            x = x.f_linear(
                self.tensor(layer, "weight"),
                Some(self.tensor(layer, "bias")),
            )?;
            if let Some(&layer) = AFFINE.get(at) {
                let gain = self
                    .tensor(layer, "weight")
                    .f_div_scalar((1.0 + EPS).sqrt())?;
                x = x
                    .f_mul(&gain)?
                    .f_add(self.tensor(layer, "bias"))?
                    .f_selu()?;
            }
        }
        Ok(x)
    }

    fn tensor(&self, layer: usize, name: &str) -> &Tensor {
        let name = format!("{layer}.{name}");
        let found = self.tensors.iter().find(|(have, _)| *have == name);
        &found.expect("`new` creates every layer").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_parameters_is_as_declared_and_rows_are_independent() {
        let mut generator = Generator::new(3, "network", 0);
        let network = TokenNetwork::new(6, 4, &mut generator, Device::Cpu).unwrap();
        let count: usize = network.tensors().iter().map(|(_, t)| t.numel()).sum();
        assert_eq!(count as u64, TokenNetwork::parameters(6, 4));
        let rows = generator.normal_tensor(&[5, 6], 3.0, Device::Cpu).unwrap();
        let tokens = network.forward(&rows).unwrap();
        assert_eq!(tokens.size(), [5, 4]);
        let alone = network.forward(&rows.narrow(0, 2, 1)).unwrap();
        assert!(alone.allclose(&tokens.narrow(0, 2, 1), 1e-6, 1e-6, false));
    }
}
