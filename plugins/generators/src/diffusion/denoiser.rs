//! The denoisers of some classes: one small network per class, computed together.
//!
//! ```text
//! time     e = W₂ silu(W₁ s(t))          s(t): sines and cosines of t
//! in       h = silu(W x)
//! hidden   h = silu(W h + e)             `layers` times
//! out      x̂₀ = W h
//! ```
//!
//! Every W is a linear layer with a bias and PyTorch's default initialisation. The parameters of
//! all classes are stacked along their first dimension, so a layer is one batched matrix product.

use crate::Fitted;
use clbench_torch::Noise;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};

/// The names of the layers before the hidden ones.
const TIME_AND_IN: [&str; 3] = ["time.0", "time.1", "in"];

/// The shape of a network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// The width of an embedding.
    pub(crate) width: i64,
    pub(crate) hidden: i64,
    pub(crate) layers: i64,
    /// T: times are 1 … T.
    pub(crate) steps: i64,
}

impl Shape {
    /// The names, input widths and output widths of the linear layers, in order.
    pub(crate) fn linears(&self) -> Vec<(String, i64, i64)> {
        let hidden = (0..self.layers).map(|layer| format!("hidden.{layer}"));
        let names = TIME_AND_IN.into_iter().map(String::from).chain(hidden);
        let square = |name| match name {
            name if name == "in" => (name, self.width, self.hidden),
            name => (name, self.hidden, self.hidden),
        };
        let mut linears: Vec<_> = names.map(square).collect();
        linears.push(("out".into(), self.hidden, self.width));
        linears
    }
}

/// One linear layer per class.
#[derive(Debug)]
pub(crate) struct Linear {
    /// `[classes, in, out]`.
    pub(crate) weight: Tensor,
    /// `[classes, 1, out]`.
    pub(crate) bias: Tensor,
}

impl Linear {
    /// Weights and biases uniform in ±1/√in.
    fn new(width_in: i64, width_out: i64, noise: &mut Noise) -> Result<Linear, TchError> {
        let bound = 1.0 / (width_in as f64).sqrt();
        let mut uniform = |shape: [i64; 2]| {
            noise
                .uniform(&shape)?
                .f_mul_scalar(2.0 * bound)?
                .f_sub_scalar(bound)
        };
        Ok(Linear {
            weight: uniform([width_in, width_out])?,
            bias: uniform([1, width_out])?,
        })
    }

    /// Maps `[classes, rows, in]` to `[classes, rows, out]`, with the product in type `kind`.
    fn forward(&self, input: &Tensor, kind: Kind) -> Result<Tensor, TchError> {
        match kind {
            Kind::Float => self.bias.f_baddbmm(input, &self.weight, 1.0, 1.0),
            kind => input
                .f_to_kind(kind)?
                .f_bmm(&self.weight.f_to_kind(kind)?)?
                .f_to_kind(Kind::Float)?
                .f_add(&self.bias),
        }
    }
}

/// The networks of some classes.
#[derive(Debug)]
pub(crate) struct Denoiser {
    /// In the order of [`Shape::linears`].
    pub(crate) linears: Vec<Linear>,
    /// The type of matrix products.
    pub(crate) kind: Kind,
}

impl Denoiser {
    /// Creates untrained networks.
    pub(crate) fn new(shape: &Shape, kind: Kind, noise: &mut Noise) -> Result<Denoiser, TchError> {
        let linear = |(_, width_in, width_out)| Linear::new(width_in, width_out, noise);
        let linears = shape.linears().into_iter().map(linear);
        Ok(Denoiser {
            linears: linears.collect::<Result<_, _>>()?,
            kind,
        })
    }

    /// The parameters: weight and bias of each layer in turn.
    pub(crate) fn parameters(&self) -> Vec<Tensor> {
        let of_linear = |linear: &Linear| [&linear.weight, &linear.bias].map(Tensor::shallow_clone);
        self.linears.iter().flat_map(of_linear).collect()
    }

    pub(crate) fn classes(&self) -> i64 {
        self.linears[0].weight.size()[0]
    }

    /// The networks of the first classes, sharing memory, as leaves of a new autograd graph.
    pub(crate) fn leaves(&self, classes: i64) -> Result<Denoiser, TchError> {
        let leaf = |tensor: &Tensor| {
            let own = tensor.f_narrow(0, 0, classes)?.f_detach()?;
            own.f_set_requires_grad(true)
        };
        let linears = self.linears.iter().map(|linear| {
            Ok(Linear {
                weight: leaf(&linear.weight)?,
                bias: leaf(&linear.bias)?,
            })
        });
        Ok(Denoiser {
            linears: linears.collect::<Result<_, TchError>>()?,
            kind: self.kind,
        })
    }

    /// The embeddings of all times, `[classes, T, hidden]`, from the `times` of [`sinusoids`].
    pub(crate) fn embedded(&self, times: &Tensor) -> Result<Tensor, TchError> {
        let times = times
            .f_unsqueeze(0)?
            .f_expand([self.classes(), -1, -1], false)?;
        let inner = self.linears[0].forward(&times, self.kind)?.f_silu()?;
        self.linears[1].forward(&inner, self.kind)
    }

    /// x̂₀ of `noisy`, `[classes, rows, width]`; `time` has a row of [`Denoiser::embedded`] for
    /// each row, or one for all.
    pub(crate) fn denoised(&self, noisy: &Tensor, time: &Tensor) -> Result<Tensor, TchError> {
        let (out, hidden) = self.linears[TIME_AND_IN.len()..]
            .split_last()
            .expect("a denoiser has an output layer");
        let mut rows = self.linears[2].forward(noisy, self.kind)?.f_silu()?;
        for layer in hidden {
            rows = layer.forward(&rows, self.kind)?.f_add(time)?.f_silu()?;
        }
        out.forward(&rows, self.kind)
    }
}

impl Denoiser {
    /// Whether all parameters of a class are finite, bool `[classes]`.
    pub(crate) fn finite(&self) -> Result<Tensor, TchError> {
        let parameters = self.parameters();
        let finite = parameters.iter().map(|parameter| {
            parameter
                .f_isfinite()?
                .f_flatten(1, -1)?
                .f_all_dim(1, false)
        });
        let finite: Vec<Tensor> = finite.collect::<Result<_, _>>()?;
        Tensor::f_stack(&finite, 1)?.f_all_dim(1, false)
    }

    /// The tensors for [`Denoiser::from_fitted`], of the classes at `positions`, in order.
    pub(crate) fn tensors(
        &self,
        shape: &Shape,
        positions: &Tensor,
    ) -> Result<Vec<(String, Tensor)>, TchError> {
        let mut tensors = Vec::new();
        for ((name, ..), linear) in shape.linears().into_iter().zip(&self.linears) {
            for (part, tensor) in [("weight", &linear.weight), ("bias", &linear.bias)] {
                tensors.push((
                    format!("{name}.{part}"),
                    tensor.f_index_select(0, positions)?,
                ));
            }
        }
        Ok(tensors)
    }

    /// Restores the networks from a fit, and their shape; `shape` makes it from the embedding
    /// width.
    pub(crate) fn from_fitted(
        fitted: &Fitted,
        shape: impl FnOnce(i64) -> Shape,
    ) -> harness_abi::Result<(Denoiser, Shape)> {
        let tensor = |name: &str, part: &str| -> harness_abi::Result<Tensor> {
            let tensor = fitted.tensor(&format!("{name}.{part}"))?;
            Ok(tensor.shallow_clone())
        };
        let shape = shape(tensor("in", "weight")?.size()[1]);
        let linears = shape.linears().into_iter().map(|(name, ..)| {
            Ok(Linear {
                weight: tensor(&name, "weight")?,
                bias: tensor(&name, "bias")?,
            })
        });
        let denoiser = Denoiser {
            linears: linears.collect::<harness_abi::Result<_>>()?,
            kind: Kind::Float,
        };
        Ok((denoiser, shape))
    }
}

/// s(t) for t = 1 … T, `[T, width]`: sines, then cosines, of t T^(−i/(n−1)) for i = 0 … n − 1,
/// where n is half the width. This is the transformer's positional encoding (Vaswani et al., 2017)
/// with T instead of 10000.
pub(crate) fn sinusoids(steps: i64, width: i64, device: Device) -> Result<Tensor, TchError> {
    let half = (width + 1) / 2;
    let count = |from, to| Tensor::f_arange_start(from, to, (Kind::Double, device));
    let exponent = -(steps as f64).ln() / (half - 1).max(1) as f64;
    let frequencies = count(0, half)?.f_mul_scalar(exponent)?.f_exp()?;
    let angles = count(1, steps + 1)?.f_unsqueeze(1)?.f_mul(&frequencies)?;
    // For an odd width the last cosine is dropped.
    Tensor::f_cat(&[angles.f_sin()?, angles.f_cos()?], 1)?
        .f_narrow(1, 0, width)?
        .f_to_kind(Kind::Float)
}
