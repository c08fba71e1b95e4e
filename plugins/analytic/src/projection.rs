//! A fixed random layer, h = relu(x W). It makes features that a linear classifier can separate
//! better, without anything to learn or to forget.

use clbench_torch::Generator;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::Result;

/// The random layer, or none.
#[derive(Debug)]
pub struct Projection {
    /// W, f64 `[width, M]`. `None`: h = x.
    weight: Option<Tensor>,
}

impl Projection {
    /// h = x.
    pub fn none() -> Projection {
        Projection { weight: None }
    }

    /// h = relu(x W) with the given W, f64 `[width, M]`.
    pub fn new(weight: Tensor) -> Projection {
        Projection {
            weight: Some(weight),
        }
    }

    /// W normally distributed with variance 1; none if M is 0.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn normal(seed: u64, width: i64, projected: i64, device: Device) -> Result<Projection> {
        Projection::drawn(projected, || {
            generator(seed).normal_tensor(&[width, projected], 1.0, device)
        })
    }

    /// W uniform within ±1/√width, as PyTorch initialises a linear layer; none if M is 0.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn uniform(seed: u64, width: i64, projected: i64, device: Device) -> Result<Projection> {
        let bound = 1.0 / (width as f64).sqrt();
        Projection::drawn(projected, || {
            generator(seed).uniform_tensor(&[width, projected], -bound, bound, device)
        })
    }

    fn drawn(projected: i64, draw: impl FnOnce() -> Result<Tensor>) -> Result<Projection> {
        match projected {
            0 => Ok(Projection::none()),
            _ => Ok(Projection::new(draw()?.to_kind(Kind::Double))),
        }
    }

    /// h `[rows, M]` of features `[rows, width]`, both f64.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn of(&self, features: &Tensor) -> Result<Tensor, TchError> {
        match &self.weight {
            Some(weight) => features.f_matmul(weight)?.f_relu_(),
            None => Ok(features.shallow_clone()),
        }
    }

    /// The columns of h from `start` on, `[rows, length]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn columns(&self, features: &Tensor, start: i64, length: i64) -> Result<Tensor, TchError> {
        match &self.weight {
            Some(weight) => features
                .f_matmul(&weight.f_narrow(1, start, length)?)?
                .f_relu_(),
            None => features.f_narrow(1, start, length),
        }
    }
}

/// The same numbers after every task, so W need not be kept.
fn generator(seed: u64) -> Generator {
    Generator::new(seed, "projection", 0)
}

/// M, the width of h: that of a feature without a projection.
pub fn projected_width(width: i64, projection_width: u32) -> i64 {
    match projection_width {
        0 => width,
        projected => projected.into(),
    }
}
