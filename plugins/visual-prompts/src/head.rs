//! The classifier: a linear layer on the encoder's output, with one row per class of the stream.

use clbench_torch::tch::nn::Path;
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::{During, Generator};
use harness_abi::Result;

/// The initialisation of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// Weights normal with standard deviation 0.02, biases 0, as in timm.
    Normal,
    /// Weights and biases uniform in ±1/√width, as in PyTorch's `nn.Linear`.
    Uniform,
}

/// A head over all classes of a stream: z = W x + b.
#[derive(Debug)]
pub struct Head {
    /// `[classes, width]`.
    weight: Tensor,
    /// `[classes]`.
    bias: Tensor,
}

impl Head {
    /// Creates a head with the parameters `head.weight` and `head.bias`.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn new(
        variables: &Path<'_>,
        classes: u32,
        width: i64,
        init: Init,
        generator: &mut Generator,
    ) -> Result<Head> {
        let device = variables.device();
        let (rows, most) = (i64::from(classes), 1.0 / (width as f64).sqrt());
        let (weight, bias) = ([rows, width], [rows]);
        let none = |shape: &[i64]| Tensor::f_zeros(shape, (Kind::Float, device));
        let doing = "making the head";
        let (weight, bias) = match init {
            Init::Zeros => (none(&weight).during(doing)?, none(&bias).during(doing)?),
            Init::Normal => (
                generator.normal_tensor(&weight, 0.02, device)?,
                none(&bias).during(doing)?,
            ),
            Init::Uniform => (
                generator.uniform_tensor(&weight, -most, most, device)?,
                generator.uniform_tensor(&bias, -most, most, device)?,
            ),
        };
        let path = variables / "head";
        Ok(Head {
            weight: path.var_copy("weight", &weight),
            bias: path.var_copy("bias", &bias),
        })
    }

    /// Logits `[rows, classes]` of `x`, `[rows, width]`, for the classes with these ids.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn of_classes(&self, x: &Tensor, classes: &[i64]) -> Result<Tensor, TchError> {
        let consecutive = classes.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if let (Some(&first), true) = (classes.first(), consecutive) {
            // Without a copy of the weights.
            let length = classes.len() as i64;
            let weight = self.weight.f_narrow(0, first, length)?;
            return x.f_linear(&weight, Some(&self.bias.f_narrow(0, first, length)?));
        }
        let classes = Tensor::f_from_slice(classes)?.f_to_device(self.weight.device())?;
        let weight = self.weight.f_index_select(0, &classes)?;
        x.f_linear(&weight, Some(&self.bias.f_index_select(0, &classes)?))
    }
}
