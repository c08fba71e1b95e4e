//! The network that generates a token of a prompt from a feature.
//!
//! Four linear layers; between them an affine map and SELU (Klambauer et al., arXiv 1706.02515). The affine map is what is left
//! of a batch normalisation that always evaluates, with a running mean of 0 and a running variance of 1 that nothing moves:
//! x / √(1 + 1e-5) · gain + bias, gain and bias being trained. So no row depends on another.

use clbench_torch::tch::{Device, TchError, Tensor};
use clbench_torch::{During, Generator};
use harness_abi::Result;

/// ε of the batch normalisation.
const EPS: f64 = 1e-5;
/// Linear and affine layers in the order of the reference implementation's names, which are these numbers.
const LINEAR: [usize; 4] = [0, 3, 6, 9];
const AFFINE: [usize; 3] = [1, 4, 7];

/// The network, by the names of its tensors: `0.weight`, `0.bias`, `1.weight`, … `9.bias`.
#[derive(Debug)]
pub struct TokenNetwork {
    tensors: Vec<(String, Tensor)>,
}

impl TokenNetwork {
    /// A network from features of `from` numbers to tokens of `to`, as PyTorch begins: weights and biases of a linear layer
    /// uniform within ±1/√inputs, gains 1, their biases 0.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
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

    /// How many numbers the network of those widths has.
    pub fn parameters(from: u64, to: u64) -> u64 {
        let linear = |inputs: u64, outputs: u64| (inputs + 1) * outputs;
        2 * linear(from, from) + linear(from, to) + linear(to, to) + 2 * (2 * from + to)
    }

    /// Its tensors.
    pub fn tensors(&self) -> &[(String, Tensor)] {
        &self.tensors
    }

    /// A network of other tensors, made of these one by one.
    ///
    /// # Errors
    ///
    /// What `make` reports.
    pub fn map(&self, mut make: impl FnMut(&str, &Tensor) -> Result<Tensor>) -> Result<Self> {
        let tensors = self.tensors.iter().map(|(name, tensor)| {
            let made = make(name, tensor)?;
            Ok((name.clone(), made))
        });
        Ok(TokenNetwork {
            tensors: tensors.collect::<Result<_>>()?,
        })
    }

    /// The tokens of features, `[rows, from]` to `[rows, to]`.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
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
        &found.expect("every layer is made in `new`").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_as_many_parameters_as_declared_and_no_row_depends_on_another() {
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
