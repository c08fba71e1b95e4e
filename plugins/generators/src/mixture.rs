//! A mixture of diagonal Gaussians per class, fitted by expectation maximisation (EM; Dempster,
//! Laird and Rubin, 1977).
//!
//! For the n normalised features x of a class, with weight w, mean m and variance v of component k,
//! and d running over dimensions:
//!
//! ```text
//! density         log p(x, k) = log w_k − ½ Σ_d (log 2π + log v_kd + (x_d − m_kd)² / v_kd)
//! likelihood      log p(x) = log Σ_k p(x, k)
//! expectation     r_k(x) = p(x, k) / p(x)
//! maximisation    N_k = Σ_x r_k(x),  w_k = N_k / n,  m_k = Σ_x r_k(x) x / N_k,
//!                 v_k = max(Σ_x r_k(x) x² / N_k − m_k², floor)
//! ```
//!
//! The floor of the variance is the exact maximum among variances that are not below it, so the
//! mean log-likelihood never decreases. EM starts at the clusters of k-means and stops when a step
//! gains less than 10⁻³ nats per sample, as in scikit-learn's `GaussianMixture` and in the code
//! published with CGIL. That code uses 1/√v where 1/v belongs; this one does not.
//!
//! All classes are fitted at once: smaller ones are padded, and a class that has converged stays as
//! it is. The computation is in f64, because (x − m)² / v is computed as three matrix products, in
//! which most digits cancel when v is at the floor.

use crate::normalisation::Normalisation;
use crate::{ClassFeatures, Fit, Fitted, Fitting, Generator, k_means};
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Noise};
use harness_abi::{Error, ParameterSet, Result};
use serde::Deserialize;
use std::f64::consts::PI;

/// The smallest variance of normalised features: what scikit-learn adds to every variance.
const VARIANCE_FLOOR: f64 = 1e-6;
/// A class has converged when a step gains less mean log-likelihood than this.
const LEAST_GAIN: f64 = 1e-3;
/// A component with fewer samples than this keeps its mean and variance; its weight vanishes.
const LEAST_SAMPLES: f64 = 1e-10;
/// Steps between two reads of whether all classes have converged; each waits for the device.
const CHECK_EVERY: u32 = 8;

/// Mixtures of Gaussians with independent dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Mixture {
    /// Components per class. A class with fewer distinct samples has one component for each of
    /// them.
    #[parameter(default = 5, at_least = 1)]
    pub components: u32,
    /// The largest number of EM steps.
    #[parameter(default = 500, at_least = 1)]
    pub em_steps: u32,
}

impl Mixture {
    /// All steps of EM.
    fn maximised(&self, samples: &Samples, start: Step, fitting: &Fitting<'_>) -> Result<Step> {
        let steps = self.em_steps;
        let mut now = start;
        for step in 1..=steps {
            if fitting.host.cancelled() {
                return Err(Error::cancelled());
            }
            let doing = format!("step {step} of EM");
            now = now.next(samples).during(&doing)?;
            if step % CHECK_EVERY == 0 || step == steps {
                fitting.host.progress("EM step", step.into(), steps.into());
                if now.has_ended().during(&doing)? {
                    break;
                }
            }
        }
        Ok(now)
    }
}

impl Generator for Mixture {
    fn fit(&self, classes: &[ClassFeatures], fitting: &Fitting<'_>) -> Result<Fit> {
        let _mode = GradientMode::off();
        let (normalisation, normalised) = Normalisation::of(classes)?;
        let streams: Vec<u32> = classes.iter().map(|class| class.class).collect();
        let mut noise = Noise::new(
            fitting.seed,
            "mixture",
            fitting.task,
            &streams,
            fitting.device,
        )?;
        let samples = Samples::new(&normalised).during("stacking the features of classes")?;
        let start = k_means::clusters(&samples, self.components.into(), &mut noise)
            .and_then(|clusters| Components::of(&samples, &clusters))
            .and_then(|components| Step::first(&samples, components))
            .during("starting the mixtures with k-means")?;
        let Step { components, .. } = self.maximised(&samples, start, fitting)?;
        let mut tensors = components.into_tensors().during("the mixtures")?;
        tensors.extend(normalisation.into_tensors());
        Ok(Fit {
            fitted: Fitted::new(tensors),
            optimiser_steps: 0,
        })
    }

    fn draw(&self, fitted: &Fitted, count: i64, noise: &mut Noise) -> Result<Tensor> {
        let _mode = GradientMode::off();
        let tensor = |name| fitted.tensor(name);
        let (weights, means, stds) = (tensor("weights")?, tensor("means")?, tensor("stds")?);
        let normalisation = Normalisation::from_fitted(fitted)?;
        let drawn =
            drawn(weights, means, stds, count, noise).during("drawing from the mixtures")?;
        normalisation.undo(&drawn)
    }
}

/// `[classes, count, width]`, normalised.
fn drawn(
    weights: &Tensor,
    means: &Tensor,
    stds: &Tensor,
    count: i64,
    noise: &mut Noise,
) -> Result<Tensor, TchError> {
    let component = chosen(weights, &noise.uniform(&[count])?)?
        .f_unsqueeze(2)?
        .f_expand([-1, -1, means.size()[2]], false)?;
    let of_component = |tensor: &Tensor| tensor.f_gather(1, &component, false);
    of_component(means)?.f_addcmul(
        &of_component(stds)?,
        &noise.normal(&[count, means.size()[2]])?,
    )
}

/// Indices drawn with probabilities in proportion to `weights`, `[classes, choices]`: the inverse
/// of the distribution function at `uniform` numbers in [0, 1), `[classes, count]`. A weight of 0
/// is never chosen unless all are 0.
pub(crate) fn chosen(weights: &Tensor, uniform: &Tensor) -> Result<Tensor, TchError> {
    let last = weights.size()[1] - 1;
    let cumulative = weights.f_cumsum(1, Kind::Double)?;
    let target = uniform
        .f_to_kind(Kind::Double)?
        .f_mul(&cumulative.f_narrow(1, last, 1)?)?;
    // [classes, count, choices].
    cumulative
        .f_unsqueeze(1)?
        .f_le_tensor(&target.f_unsqueeze(2)?)?
        .f_sum_dim_intlist([2_i64].as_slice(), false, Kind::Int64)?
        .f_clamp_max(last)
}

/// The normalised features of all classes, in f64.
pub(crate) struct Samples {
    /// `[classes, samples, width]`, padded with zeros for smaller classes.
    pub(crate) features: Tensor,
    /// The same, squared.
    squares: Tensor,
    /// 1 for a sample, 0 for padding, `[classes, samples]`.
    pub(crate) mask: Tensor,
    /// `[classes]`.
    counts: Tensor,
}

impl Samples {
    /// Stacks the features of each class, `[its samples, width]`.
    pub(crate) fn new(classes: &[Tensor]) -> Result<Samples, TchError> {
        let count = |class: &Tensor| class.size()[0];
        let most = classes.iter().map(count).max().unwrap_or(0);
        let (mut features, mut masks) = (Vec::new(), Vec::new());
        for class in classes {
            let padding = most - count(class);
            let class = class.f_to_kind(Kind::Double)?;
            let mask = Tensor::f_ones([count(&class)], (Kind::Double, class.device()))?;
            features.push(class.f_constant_pad_nd([0, 0, 0, padding])?);
            masks.push(mask.f_constant_pad_nd([0, padding])?);
        }
        let features = Tensor::f_stack(&features, 0)?;
        let mask = Tensor::f_stack(&masks, 0)?;
        Ok(Samples {
            squares: features.f_square()?,
            counts: mask.f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Double)?,
            features,
            mask,
        })
    }

    pub(crate) fn width(&self) -> i64 {
        self.features.size()[2]
    }

    /// The probability of each sample under the components.
    fn expectation(&self, components: &Components) -> Result<Expectation, TchError> {
        // (x − m)² / v = x² / v − 2 x m / v + m² / v, summed over dimensions: [classes, samples,
        // components].
        let precision = components.variances.f_reciprocal()?;
        let shifted = components.means.f_mul(&precision)?;
        let over_width =
            |tensor: Tensor| tensor.f_sum_dim_intlist([2_i64].as_slice(), false, Kind::Double);
        let constant = over_width(components.means.f_mul(&shifted)?)?
            .f_add(&over_width(components.variances.f_log()?)?)?
            .f_add_scalar(self.width() as f64 * (2.0 * PI).ln())?;
        let joint = components
            .weights
            .f_log()?
            .f_sub(&constant.f_mul_scalar(0.5)?)?
            .f_unsqueeze(1)?
            .f_baddbmm(&self.squares, &precision.f_transpose(1, 2)?, 1.0, -0.5)?
            .f_baddbmm(&self.features, &shifted.f_transpose(1, 2)?, 1.0, 1.0)?;
        let of_sample = joint.f_logsumexp([2_i64].as_slice(), true)?;
        let mask = self.mask.f_unsqueeze(2)?;
        Ok(Expectation {
            responsibilities: joint.f_sub(&of_sample)?.f_exp()?.f_mul(&mask)?,
            likelihood: of_sample
                .f_mul(&mask)?
                .f_sum_dim_intlist([1_i64, 2].as_slice(), false, Kind::Double)?
                .f_div(&self.counts)?,
        })
    }

    /// The components that maximise the likelihood of the samples under these responsibilities.
    fn maximisation(
        &self,
        responsibilities: &Tensor,
        before: &Components,
    ) -> Result<Components, TchError> {
        let each = responsibilities.f_transpose(1, 2)?;
        // [classes, components, 1].
        let totals = each.f_sum_dim_intlist([2_i64].as_slice(), true, Kind::Double)?;
        let there = totals.f_ge(LEAST_SAMPLES)?;
        let divisor = totals.f_clamp_min(LEAST_SAMPLES)?;
        let means = each.f_bmm(&self.features)?.f_div(&divisor)?;
        let variances = each
            .f_bmm(&self.squares)?
            .f_div(&divisor)?
            .f_sub(&means.f_square()?)?
            .f_clamp_min(VARIANCE_FLOOR)?;
        Ok(Components {
            weights: totals
                .f_squeeze_dim(2)?
                .f_div(&self.counts.f_unsqueeze(1)?)?,
            means: means.f_where_self(&there, &before.means)?,
            variances: variances.f_where_self(&there, &before.variances)?,
        })
    }
}

/// The components of a mixture, f64.
struct Components {
    /// `[classes, components]`; 0 for a component that a class does not have.
    weights: Tensor,
    /// `[classes, components, width]`.
    means: Tensor,
    /// `[classes, components, width]`.
    variances: Tensor,
}

impl Components {
    /// The components of clusters, where each sample belongs to one cluster only.
    fn of(samples: &Samples, clusters: &k_means::Clusters) -> Result<Components, TchError> {
        let empty = Components {
            weights: clusters.centres.f_select(2, 0)?.f_zeros_like()?,
            means: clusters.centres.shallow_clone(),
            variances: clusters.centres.f_ones_like()?,
        };
        samples.maximisation(&clusters.members, &empty)
    }

    /// These components for classes where `choice` is true, `others` for the rest.
    fn or(&self, choice: &Tensor, others: &Components) -> Result<Components, TchError> {
        let cubic = choice.f_view([-1, 1, 1])?;
        let choose = |tensor: &Tensor, choice: &Tensor, other| tensor.f_where_self(choice, other);
        Ok(Components {
            weights: choose(&self.weights, &choice.f_view([-1, 1])?, &others.weights)?,
            means: choose(&self.means, &cubic, &others.means)?,
            variances: choose(&self.variances, &cubic, &others.variances)?,
        })
    }

    fn into_tensors(self) -> Result<Vec<(String, Tensor)>, TchError> {
        let single = |tensor: Tensor| tensor.f_to_kind(Kind::Float);
        Ok(vec![
            ("weights".into(), single(self.weights)?),
            ("means".into(), single(self.means)?),
            ("stds".into(), single(self.variances.f_sqrt()?)?),
        ])
    }
}

struct Expectation {
    /// `[classes, samples, components]`, 0 for padding.
    responsibilities: Tensor,
    /// The mean log-likelihood of a sample, `[classes]`.
    likelihood: Tensor,
}

/// The state of EM.
struct Step {
    components: Components,
    /// Of the components.
    responsibilities: Tensor,
    /// Of the components.
    likelihood: Tensor,
    /// Which classes have not converged, bool `[classes]`.
    going_on: Tensor,
}

impl Step {
    fn first(samples: &Samples, components: Components) -> Result<Step, TchError> {
        let expectation = samples.expectation(&components)?;
        Ok(Step {
            components,
            going_on: expectation
                .likelihood
                .f_ones_like()?
                .f_to_kind(Kind::Bool)?,
            responsibilities: expectation.responsibilities,
            likelihood: expectation.likelihood,
        })
    }

    fn next(&self, samples: &Samples) -> Result<Step, TchError> {
        let components = samples
            .maximisation(&self.responsibilities, &self.components)?
            .or(&self.going_on, &self.components)?;
        let expectation = samples.expectation(&components)?;
        let gain = expectation.likelihood.f_sub(&self.likelihood)?;
        Ok(Step {
            components,
            going_on: self.going_on.f_logical_and(&gain.f_ge(LEAST_GAIN)?)?,
            responsibilities: expectation.responsibilities,
            likelihood: expectation.likelihood,
        })
    }

    /// Read from the device.
    fn has_ended(&self) -> Result<bool, TchError> {
        Ok(self.going_on.f_any()?.f_int64_value(&[])? == 0)
    }
}

#[cfg(test)]
mod tests;
