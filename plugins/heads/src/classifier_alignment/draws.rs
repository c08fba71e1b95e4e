//! Draws from Gaussians with a full covariance, and where the mean of a class is moved to.
//!
//! In task t, the mean μ_c of a class that first arrived in task t_c is replaced by
//!
//! ```text
//! (1 − ρ + ρ t_c / t) μ_c
//! ```
//!
//! which pulls the features of old classes towards the origin (ρ = 0.1 in SLCA). A draw is then
//! x = that mean + L ε, with the Cholesky factor L of the covariance and ε ~ N(0, 1).

use super::statistics::ClassStatistics;
use clbench_torch::During;
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use harness_abi::{Error, Result};

/// Gaussians of all classes seen.
#[derive(Debug)]
pub struct Gaussians {
    /// The moved means, f32 `[classes, 1, width]`.
    means: Tensor,
    /// Lᵀ of each class, f32 `[classes, width, width]`.
    factors: Tensor,
}

/// The factors of the means, one for each entry of `arrived`, the tasks t_c in which the classes
/// first arrived; tasks are counted from 1.
pub fn mean_factors(arrived: &[u32], task: u32, shrinkage: f64) -> Vec<f64> {
    let factor = |&t: &u32| 1.0 - shrinkage + shrinkage * f64::from(t) / f64::from(task);
    arrived.iter().map(factor).collect()
}

impl Gaussians {
    /// The Gaussians of all classes, with `ridge` added to the covariances' diagonals and the means
    /// multiplied by `factors`. Computed in f64.
    ///
    /// # Errors
    ///
    /// If a covariance is not positive definite, or libtorch reports an error.
    pub fn new(statistics: &ClassStatistics, factors: &[f64], ridge: f64) -> Result<Gaussians> {
        let _mode = GradientMode::off();
        let doing = "preparing the classes' Gaussians";
        let means = statistics.means()?;
        let moved = || {
            let factors = Tensor::f_from_slice(factors)?.f_to_device(means.device())?;
            means
                .f_mul(&factors.f_unsqueeze(1)?)?
                .f_unsqueeze(1)?
                .f_to_kind(Kind::Float)
        };
        let means = moved().during(doing)?;
        let mut triangles = Vec::new();
        for class in 0..statistics.classes() {
            let covariance = statistics.covariance(class, ridge)?;
            let (factor, info) = covariance
                .f_linalg_cholesky_ex(false, false)
                .during(doing)?;
            if info.f_int64_value(&[]).during(doing)? != 0 {
                return Err(Error::failed(format!(
                    "the covariance of class {class} is not positive definite; raise \
                     `alignment.covariance_ridge` (now {ridge})"
                ))
                .context(doing));
            }
            let factor = factor
                .f_tr()
                .and_then(|factor| factor.f_to_kind(Kind::Float));
            triangles.push(factor.during(doing)?);
        }
        Ok(Gaussians {
            means,
            factors: Tensor::f_stack(&triangles, 0).during(doing)?,
        })
    }

    /// Draws from all classes with the normal numbers ε, `[classes, count, width]`: f32
    /// `[classes · count, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn drawn(&self, normal: &Tensor) -> Result<Tensor, TchError> {
        let width = self.means.size()[2];
        self.means
            .f_add(&normal.f_bmm(&self.factors)?)?
            .f_reshape([-1, width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;
    use clbench_torch::tch::Device;

    #[test]
    fn old_classes_are_pulled_towards_the_origin() {
        let factors = mean_factors(&[1, 1, 2, 4], 4, 0.1);
        for (factor, expected) in factors.iter().zip([0.925, 0.925, 0.95, 1.0]) {
            assert!((factor - expected).abs() < 1e-15);
        }
        assert_eq!(mean_factors(&[1, 3], 3, 0.0), [1.0, 1.0]);
    }

    #[test]
    fn draws_have_the_moved_mean_and_the_covariance() {
        let mut generator = Generator::new(7, "features", 0);
        let mix = Tensor::from_slice(&[2.0_f32, 0.5, 0.0, 1.0]).view((2, 2));
        let mut statistics = ClassStatistics::default();
        for (class, rows) in [(0, 50), (1, 1)] {
            let normal = generator
                .normal_tensor(&[rows, 2], 1.0, Device::Cpu)
                .unwrap();
            statistics
                .add(class, &(normal.matmul(&mix) + 3.0), true)
                .unwrap();
        }
        let gaussians = Gaussians::new(&statistics, &[0.5, 1.0], 1e-4).unwrap();
        let normal = generator
            .normal_tensor(&[2, 40_000, 2], 1.0, Device::Cpu)
            .unwrap();
        let drawn = gaussians
            .drawn(&normal)
            .unwrap()
            .to_kind(Kind::Double)
            .view((2, -1, 2));
        let means = statistics.means().unwrap();
        for (class, factor) in [(0, 0.5), (1, 1.0)] {
            let of_class = drawn.get(class);
            let mean = of_class.mean_dim([0_i64].as_slice(), false, Kind::Double);
            let off = (&mean - means.get(class) * factor).abs().max();
            assert!(
                off.double_value(&[]) < 0.03,
                "mean of class {class}: {mean:?}"
            );
            let covariance = of_class.tr().cov(1, None::<&Tensor>, None::<&Tensor>);
            let expected = statistics.covariance(class as u32, 1e-4).unwrap();
            let off = (covariance - expected).abs().max().double_value(&[]);
            assert!(off < 0.1, "covariance of class {class} is off by {off}");
        }
    }

    #[test]
    fn a_covariance_that_is_not_positive_definite_is_an_error() {
        let mut statistics = ClassStatistics::default();
        let rows = Tensor::from_slice(&[1.0_f32, 3.0, -2.0, -6.0]).view((2, 2));
        statistics.add(0, &rows, true).unwrap();
        // A negative ridge makes sure of it, whatever the rounding.
        let error = Gaussians::new(&statistics, &[1.0], -1.0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "preparing the classes' Gaussians: the covariance of class 0 is not positive definite; raise \
             `alignment.covariance_ridge` (now -1)"
        );
    }
}
