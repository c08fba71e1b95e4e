//! The mean and the covariance of every class's raw features: all that RAPF keeps of past data.
//!
//! For the n features x of a class, all in f64:
//!
//! ```text
//! mean        μ = Σ x / n
//! scatter     S = Σ (x − μ)(x − μ)ᵀ
//! covariance  Σ = S / (n − 1) + 10⁻⁴ I       S = 0 for a class with one sample
//! shrinkage   Σ + d I + o (1 − I)            d, o: the mean diagonal and off-diagonal entry of Σ
//! draw        μ + L z,  L Lᵀ = Σ,  z ~ N(0, I)
//! ```
//!
//! A class that comes back in a later task adds its new samples: with δ the difference of both
//! means, the scatter of n₁ and n₂ samples together is S₁ + S₂ + n₁ n₂ / (n₁ + n₂) · δ δᵀ. So the
//! statistics are those of all its samples, whatever tasks they came in.

use crate::stored;
use clbench_torch::During;
use clbench_torch::bridge::state;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{Error, Result, State};
use std::collections::BTreeMap;

/// What is added to the variances, so that a covariance of few samples has a Cholesky factor.
pub const RIDGE: f64 = 1e-4;

/// The statistics of all classes with samples, by class id.
#[derive(Debug)]
pub struct Statistics {
    width: i64,
    device: Device,
    classes: BTreeMap<u32, Moments>,
}

/// A class's statistics.
#[derive(Debug)]
struct Moments {
    count: i64,
    /// f64 `[width]`.
    mean: Tensor,
    /// f64 `[width · (width + 1) / 2]`: the lower triangle, which halves the state.
    scatter: Tensor,
}

impl Statistics {
    /// No classes yet.
    pub fn new(width: u32, device: Device) -> Statistics {
        Statistics {
            width: width.into(),
            device,
            classes: BTreeMap::new(),
        }
    }

    /// The ids of the classes, ascending.
    pub fn classes(&self) -> Vec<u32> {
        self.classes.keys().copied().collect()
    }

    /// Adds samples of a class, raw features `[samples, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn add(&mut self, class: u32, features: &Tensor) -> Result<(), TchError> {
        let count = features.size()[0];
        if count == 0 {
            return Ok(());
        }
        let features = features.f_to_kind(Kind::Double)?;
        let mean = features.f_mean_dim([0_i64].as_slice(), false, Kind::Double)?;
        let centred = features.f_sub(&mean)?;
        let scatter = packed(&centred.f_tr()?.f_matmul(&centred)?)?;
        let new = Moments {
            count,
            mean,
            scatter,
        };
        let all = match self.classes.remove(&class) {
            None => new,
            Some(old) => old.with(&new)?,
        };
        self.classes.insert(class, all);
        Ok(())
    }

    /// A class's mean, f64 `[width]`.
    ///
    /// # Errors
    ///
    /// If the class has no samples.
    pub fn mean(&self, class: u32) -> Result<&Tensor> {
        Ok(&self.of(class)?.mean)
    }

    /// A class's covariance, with [`RIDGE`], f64 `[width, width]`.
    ///
    /// # Errors
    ///
    /// If the class has no samples.
    pub fn covariance(&self, class: u32) -> Result<Tensor> {
        let its = self.of(class)?;
        let freedom = (its.count - 1).max(1) as f64;
        let options = (Kind::Double, self.device);
        unpacked(&its.scatter, self.width)
            .and_then(|scatter| scatter.f_div_scalar(freedom))
            .and_then(|covariance| {
                covariance.f_add(&Tensor::f_eye(self.width, options)?.f_mul_scalar(RIDGE)?)
            })
            .during("computing a class's covariance")
    }

    /// Adds the statistics to a state.
    ///
    /// # Errors
    ///
    /// If memory is short.
    pub fn put(&self, written: &mut State) -> Result<()> {
        let counts: Vec<i64> = self.classes.values().map(|its| its.count).collect();
        let stacked = |rows: Vec<&Tensor>, width: i64| match rows.is_empty() {
            true => Tensor::f_zeros([0, width], (Kind::Double, Device::Cpu)),
            false => Tensor::f_stack(&rows, 0),
        };
        let doing = "storing the statistics";
        let means = self.classes.values().map(|its| &its.mean).collect();
        let scatters = self.classes.values().map(|its| &its.scatter).collect();
        let means = stacked(means, self.width).during(doing)?;
        let scatters = stacked(scatters, triangle(self.width)).during(doing)?;
        state::put(
            written,
            "statistics.classes",
            &stored::ids(&self.classes())?,
        )?;
        let counts = Tensor::f_from_slice(&counts).during(doing)?;
        state::put(written, "statistics.counts", &counts)?;
        state::put(written, "statistics.means", &means)?;
        state::put(written, "statistics.scatters", &scatters)
    }

    /// Restores the statistics from a state.
    ///
    /// # Errors
    ///
    /// If the state does not belong to this strategy.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        let ids = stored::taken_ids(written, "statistics.classes")?;
        let classes = ids.len() as i64;
        let cpu = (Kind::Int64, Device::Cpu);
        let counts = state::taken(written, "statistics.counts", &[classes], cpu)?;
        let here = (Kind::Double, self.device);
        let means = state::taken(written, "statistics.means", &[classes, self.width], here)?;
        let shape = [classes, triangle(self.width)];
        let scatters = state::taken(written, "statistics.scatters", &shape, here)?;
        let all = || {
            let counts = Vec::<i64>::try_from(&counts)?;
            let (means, scatters) = (means.f_unbind(0)?, scatters.f_unbind(0)?);
            let each = counts.into_iter().zip(means).zip(scatters);
            let moments = each.map(|((count, mean), scatter)| Moments {
                count,
                mean,
                scatter,
            });
            Ok::<_, TchError>(ids.into_iter().zip(moments).collect())
        };
        self.classes = all().during("restoring the statistics")?;
        Ok(())
    }

    fn of(&self, class: u32) -> Result<&Moments> {
        self.classes
            .get(&class)
            .ok_or_else(|| Error::failed(format!("class {class} has no samples")))
    }
}

impl Moments {
    /// The statistics of both sets of samples together.
    fn with(&self, other: &Moments) -> Result<Moments, TchError> {
        let (n1, n2) = (self.count as f64, other.count as f64);
        let step = other.mean.f_sub(&self.mean)?;
        let between = step.f_outer(&step)?.f_mul_scalar(n1 * n2 / (n1 + n2))?;
        Ok(Moments {
            count: self.count + other.count,
            mean: self.mean.f_add(&step.f_mul_scalar(n2 / (n1 + n2))?)?,
            scatter: self
                .scatter
                .f_add(&other.scatter)?
                .f_add(&packed(&between)?)?,
        })
    }
}

/// A covariance moved towards one with equal variances and equal covariances: Σ + d I + o (1 − I),
/// d the mean diagonal entry of Σ, o the mean of its off-diagonal entries that are not 0.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn shrunk(covariance: &Tensor) -> Result<Tensor, TchError> {
    let options = (covariance.kind(), covariance.device());
    let width = covariance.size()[0];
    let identity = Tensor::f_eye(width, options)?;
    let diagonal = covariance.f_diagonal(0, 0, 1)?;
    let off = covariance.f_sub(&diagonal.f_diag_embed(0, -2, -1)?)?;
    let entries = off.f_count_nonzero(None)?.f_clamp_min(1)?;
    let mean_off = off.f_sum(options.0)?.f_div(&entries)?;
    let rest = Tensor::f_ones([width, width], options)?.f_sub(&identity)?;
    covariance
        .f_add(&identity.f_mul(&diagonal.f_mean(options.0)?)?)?
        .f_add(&rest.f_mul(&mean_off)?)
}

/// The Cholesky factor L of a covariance, f64 `[width, width]`. A covariance that rounding made
/// indefinite gets a growing part of its mean variance on the diagonal until it has one.
///
/// # Errors
///
/// If it has none even so: it is not a covariance.
pub fn factor(covariance: &Tensor) -> Result<Tensor> {
    let doing = "factorising a class's covariance";
    let width = covariance.size()[0];
    let options = (Kind::Double, covariance.device());
    let attempt = |part: f64| {
        let mean = covariance.f_diagonal(0, 0, 1)?.f_mean(Kind::Double)?;
        let jitter = Tensor::f_eye(width, options)?.f_mul(&mean.f_mul_scalar(part)?)?;
        let (factor, info) = covariance
            .f_add(&jitter)?
            .f_linalg_cholesky_ex(false, false)?;
        Ok::<_, TchError>((info.f_int64_value(&[])? == 0).then_some(factor))
    };
    for part in [0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2] {
        if let Some(factor) = attempt(part).during(doing)? {
            return Ok(factor);
        }
    }
    Err(Error::failed(
        "the covariance is not positive definite, even with a hundredth of its mean variance added; check the \
         features for values of very different size",
    )
    .context(doing))
}

fn triangle(width: i64) -> i64 {
    width * (width + 1) / 2
}

/// The positions of the lower triangle in a flattened matrix.
fn positions(width: i64, device: Device) -> Result<Tensor, TchError> {
    let pair = Tensor::f_tril_indices(width, width, 0, (Kind::Int64, device))?;
    pair.f_select(0, 0)?
        .f_mul_scalar(width)?
        .f_add(&pair.f_select(0, 1)?)
}

fn packed(symmetric: &Tensor) -> Result<Tensor, TchError> {
    let positions = positions(symmetric.size()[0], symmetric.device())?;
    symmetric.f_reshape([-1])?.f_index_select(0, &positions)
}

fn unpacked(packed: &Tensor, width: i64) -> Result<Tensor, TchError> {
    let positions = positions(width, packed.device())?;
    let lower = Tensor::f_zeros([width * width], (packed.kind(), packed.device()))?
        .f_index_copy(0, &positions, packed)?
        .f_view([width, width])?;
    let below = lower.f_tril(-1)?;
    lower.f_add(&below.f_tr()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;

    fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
    }

    fn features(rows: i64, task: u32) -> Tensor {
        let mut generator = Generator::new(5, "features", task);
        let noise = generator
            .normal_tensor(&[rows, 4], 1.0, Device::Cpu)
            .unwrap();
        let mix = generator.normal_tensor(&[4, 4], 1.0, Device::Cpu).unwrap();
        noise.matmul(&mix) + 3.0 + f64::from(task)
    }

    /// Mean and unbiased covariance with the ridge, by loops.
    fn by_hand(features: &Tensor) -> (Vec<f64>, Vec<f64>) {
        let rows: Vec<Vec<f64>> = Vec::try_from(features.to_kind(Kind::Double)).unwrap();
        let n = rows.len() as f64;
        let mean: Vec<f64> = (0..4)
            .map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / n)
            .collect();
        let covariance = (0..16).map(|at| {
            let (i, j) = (at / 4, at % 4);
            let products = rows
                .iter()
                .map(|row| (row[i] - mean[i]) * (row[j] - mean[j]));
            products.sum::<f64>() / (n - 1.0).max(1.0) + if i == j { RIDGE } else { 0.0 }
        });
        let covariance = covariance.collect();
        (mean, covariance)
    }

    fn close(ours: &[f64], theirs: &[f64]) {
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!(
                (ours - theirs).abs() < 1e-10 * theirs.abs().max(1.0),
                "{ours}, by hand {theirs}"
            );
        }
    }

    #[test]
    fn a_class_in_three_tasks_has_the_statistics_of_all_its_samples() {
        let parts = [features(7, 0), features(1, 1), features(30, 2)];
        let mut statistics = Statistics::new(4, Device::Cpu);
        for part in &parts {
            statistics.add(9, part).unwrap();
        }
        let (mean, covariance) = by_hand(&Tensor::cat(&parts, 0));
        close(&values(statistics.mean(9).unwrap()), &mean);
        close(&values(&statistics.covariance(9).unwrap()), &covariance);
    }

    #[test]
    fn a_single_sample_and_constant_features_can_be_drawn_from() {
        let mut statistics = Statistics::new(4, Device::Cpu);
        let options = (Kind::Float, Device::Cpu);
        statistics.add(2, &features(1, 0)).unwrap();
        statistics
            .add(3, &(Tensor::ones([9, 4], options) * 1e4))
            .unwrap();
        statistics.add(5, &Tensor::zeros([0, 4], options)).unwrap();
        assert_eq!(statistics.classes(), [2, 3]);
        for class in [2, 3] {
            let covariance = statistics.covariance(class).unwrap();
            for covariance in [&covariance, &shrunk(&covariance).unwrap()] {
                let factor = values(&factor(covariance).unwrap());
                assert!(factor.iter().all(|value| value.is_finite()));
                assert!(factor[0] > 0.0 && factor[1] == 0.0);
            }
        }
        // So large that the ridge vanishes in rounding: a line in four dimensions.
        let line = Tensor::from_slice(&[1e9_f32, 2e9, 3e9, -1e9]).view((4, 1))
            * Tensor::from_slice(&[1.0_f32, -3.0, 0.3, 7.0]);
        statistics.add(7, &line).unwrap();
        let factor = factor(&statistics.covariance(7).unwrap()).unwrap();
        assert!(values(&factor).iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_factor_times_its_transpose_is_the_covariance() {
        let mut statistics = Statistics::new(4, Device::Cpu);
        statistics.add(0, &features(12, 0)).unwrap();
        let covariance = statistics.covariance(0).unwrap();
        let factor = factor(&covariance).unwrap();
        close(&values(&factor.matmul(&factor.tr())), &values(&covariance));
        assert_eq!(values(&factor)[1], 0.0);
    }

    #[test]
    fn what_is_no_covariance_is_refused() {
        let matrix = Tensor::from_slice(&[1.0_f64, 5.0, 5.0, 1.0]).view((2, 2));
        let error = factor(&matrix).unwrap_err().to_string();
        assert!(error.contains("not positive definite"), "{error}");
    }

    #[test]
    fn shrinkage_adds_the_mean_diagonal_and_off_diagonal_entry() {
        let covariance = Tensor::from_slice(&[3.0_f64, 1.0, 0.0, 1.0, 5.0, 2.0, 0.0, 2.0, 7.0]);
        let shrunk = shrunk(&covariance.view((3, 3))).unwrap();
        // The diagonal's mean is 5, the mean of the off-diagonal entries other than 0 is 1.5.
        close(
            &values(&shrunk),
            &[8.0, 2.5, 1.5, 2.5, 10.0, 3.5, 1.5, 3.5, 12.0],
        );
    }

    #[test]
    fn a_state_has_the_same_bits() {
        let mut statistics = Statistics::new(4, Device::Cpu);
        let bytes = |statistics: &Statistics| {
            let mut written = State::default();
            statistics.put(&mut written).unwrap();
            written.to_bytes().unwrap()
        };
        for class in [6, 1] {
            let before = bytes(&statistics);
            let mut written = State::from_bytes(bytes(&statistics)).unwrap();
            let mut other = Statistics::new(4, Device::Cpu);
            other.take(&mut written).unwrap();
            assert_eq!(bytes(&other), before);
            for statistics in [&mut statistics, &mut other] {
                statistics.add(class, &features(5, class)).unwrap();
            }
            assert_eq!(bytes(&other), bytes(&statistics));
        }
    }
}
