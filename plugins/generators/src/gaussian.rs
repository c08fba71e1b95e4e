//! A diagonal Gaussian per class: the simplest generator, and the baseline for learned ones.
//!
//! For the n features x of a class, each dimension separately and not normalised:
//!
//! ```text
//! mean  m = Σ x / n
//! std   s = √(Σ (x − m)² / (n − 1))    unbiased; 0 for a class with one sample
//! draw  m + s ε,  ε ~ N(0, 1)
//! ```

use crate::{ClassFeatures, Fit, Fitted, Fitting, Generator};
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::all_finite;
use clbench_torch::{During, Noise};
use harness_abi::{Error, Result};

/// One Gaussian per class, with independent dimensions. It has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gaussian {}

impl Generator for Gaussian {
    fn fit(&self, classes: &[ClassFeatures], fitting: &Fitting<'_>) -> Result<Fit> {
        let _mode = GradientMode::off();
        let mut moments = Vec::new();
        for class in classes {
            if fitting.host.cancelled() {
                return Err(Error::cancelled());
            }
            let doing = format!("the mean and standard deviation of class {}", class.class);
            let (mean, std) = moments_of(&class.features).during(&doing)?;
            if !all_finite(&mean).during(&doing)? {
                return Err(
                    Error::failed("its embeddings contain NaN or infinite values").context(doing),
                );
            }
            moments.push((mean, std));
        }
        let (means, stds): (Vec<_>, Vec<_>) = moments.into_iter().unzip();
        let stacked = |tensors: &[Tensor]| Tensor::f_stack(tensors, 0).during("stacking classes");
        Ok(Fit {
            fitted: Fitted::new(vec![
                ("mean".into(), stacked(&means)?),
                ("std".into(), stacked(&stds)?),
            ]),
            optimiser_steps: 0,
        })
    }

    fn draw(&self, fitted: &Fitted, count: i64, noise: &mut Noise) -> Result<Tensor> {
        let _mode = GradientMode::off();
        let (mean, std) = (fitted.tensor("mean")?, fitted.tensor("std")?);
        drawn(mean, std, count, noise).during("drawing from the Gaussians")
    }
}

/// Mean and unbiased standard deviation over rows, f32 `[width]` each. Computed in f64, so that
/// equal values have exactly that mean and a deviation of 0.
fn moments_of(features: &Tensor) -> Result<(Tensor, Tensor), TchError> {
    let features = features.f_to_kind(Kind::Double)?;
    let mean = features.f_mean_dim([0_i64].as_slice(), true, Kind::Double)?;
    let freedom = (features.size()[0] - 1).max(1) as f64;
    let std = features
        .f_sub(&mean)?
        .f_square()?
        .f_sum_dim_intlist([0_i64].as_slice(), false, Kind::Double)?
        .f_div_scalar(freedom)?
        .f_sqrt()?;
    Ok((
        mean.f_squeeze_dim(0)?.f_to_kind(Kind::Float)?,
        std.f_to_kind(Kind::Float)?,
    ))
}

/// `[classes, count, width]`.
fn drawn(mean: &Tensor, std: &Tensor, count: i64, noise: &mut Noise) -> Result<Tensor, TchError> {
    noise
        .normal(&[count, mean.size()[1]])?
        .f_mul(&std.f_unsqueeze(1)?)?
        .f_add(&mean.f_unsqueeze(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{self, Toy};

    #[test]
    fn moments_are_those_of_the_samples() {
        let features = Tensor::from_slice(&[1.0_f32, 5.0, 2.0, 5.0, 6.0, 5.0]).view((3, 2));
        let class = ClassFeatures { class: 4, features };
        let fit = toy::fit(&Gaussian {}, &[class]);
        assert_eq!(fit.optimiser_steps, 0);
        let values =
            |name| Vec::<f32>::try_from(fit.fitted.tensor(name).unwrap().view(-1)).unwrap();
        // (4 + 1 + 9) / 2 = 7.
        assert_eq!(values("mean"), [3.0, 5.0]);
        assert_eq!(values("std"), [7_f32.sqrt(), 0.0]);
    }

    #[test]
    fn embeddings_that_are_no_numbers_are_refused() {
        let classes = Toy::new(&[(3, 5), (4, 5)]).classes;
        let _ = classes[1].features.narrow(0, 0, 1).fill_(f64::NAN);
        let host = harness_abi::Host::silent();
        let error = Gaussian {}.fit(&classes, &toy::fitting(&host)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the mean and standard deviation of class 4: its embeddings contain NaN or infinite values"
        );
    }

    #[test]
    fn draws_are_distributed_as_the_classes() {
        Toy::new(&[(3, 40), (8, 90)]).check_moments(&Gaussian {}, 0.05);
    }

    #[test]
    fn degenerate_classes_come_back_as_they_are() {
        toy::check_degenerate(&Gaussian {});
    }

    #[test]
    fn a_state_gives_the_same_draws() {
        toy::check_round_trip(&Gaussian {});
    }
}
