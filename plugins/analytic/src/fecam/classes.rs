//! A normal distribution per class: its mean, and the correlations of its shrunk covariance.

use crate::class_means::ClassMeans;
use crate::features::Samples;
use crate::symmetric::{Symmetric, pseudo_inverse};
use clbench_torch::During;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{Error, Host, Result, State};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// The classes that have samples.
#[derive(Debug)]
pub struct Classes {
    gamma: [f64; 2],
    /// Of unit features.
    means: ClassMeans,
    own: BTreeMap<i64, Own>,
    device: Device,
}

/// A class.
#[derive(Debug)]
struct Own {
    /// Σ (x − μ)(x − μ)ᵀ over its samples.
    scatter: Symmetric,
    /// The inverse of the correlations; computed again after a restore.
    precision: OnceCell<Tensor>,
}

impl Classes {
    /// No samples of any class. `gamma` are γ₁ and γ₂.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn new(gamma: [f64; 2], classes: i64, width: i64, device: Device) -> Result<Classes> {
        Ok(Classes {
            gamma,
            means: ClassMeans::new(classes, width, device)?,
            own: BTreeMap::new(),
            device,
        })
    }

    /// Adds samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch; [`Error::cancelled`].
    pub fn add(&mut self, samples: &Samples, host: &Host) -> Result<()> {
        let (_, width) = self.means.shape();
        let known = self.means.means().during("reading the class means")?;
        for (position, &class) in samples.present.iter().enumerate() {
            if host.cancelled() {
                return Err(Error::cancelled());
            }
            let own = match self.own.remove(&class) {
                Some(own) => own.scatter,
                None => Symmetric::zeros(width, self.device)?,
            };
            let before = self.means.counts().f_double_value(&[class]);
            let scatter = before
                .and_then(|before| scatter(own, before, &known.f_get(class)?, samples, position))
                .during("computing a class's covariance")?;
            let precision = OnceCell::new();
            self.own.insert(class, Own { scatter, precision });
        }
        self.means
            .add_mapped(samples, |rows| unit_rows(&rows), host)?;
        for (done, class) in samples.present.iter().enumerate() {
            if host.cancelled() {
                return Err(Error::cancelled());
            }
            let doing = "inverting covariances";
            let _ = self.precision(*class).during(doing)?;
            host.progress(doing, done as u64 + 1, samples.present.len() as u64);
        }
        Ok(())
    }

    /// The correlations of a class, f64 `[width, width]`: its unbiased covariance, plus γ₁ times
    /// the mean of its diagonal on the diagonal and γ₂ times the mean of the rest beside it,
    /// divided by the standard deviations.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch; if there is no such class.
    pub fn correlations(&self, class: i64) -> Result<Tensor, TchError> {
        let own = self
            .own
            .get(&class)
            .ok_or_else(|| TchError::Torch(format!("class {class} has no samples")))?;
        let count = self.means.counts().f_double_value(&[class])?;
        let covariance = own.scatter.full()?.f_div_scalar((count - 1.0).max(1.0))?;
        let width = covariance.size()[0] as f64;
        let trace = covariance.f_trace()?.f_double_value(&[])?;
        let rest = covariance.f_sum(Kind::Double)?.f_double_value(&[])? - trace;
        let on = self.gamma[0] * trace / width;
        let beside = self.gamma[1] * rest / (width * (width - 1.0)).max(1.0);
        let shrunk = covariance.f_add_scalar(beside)?;
        let mut diagonal = shrunk.f_diagonal(0, 0, 1)?;
        let _ = diagonal.f_add_scalar_(on - beside)?;
        // A class without extent, such as one of a single sample, gets the identity.
        let deviations = diagonal.f_clamp_min(0.0)?.f_sqrt()?;
        let still = deviations.f_eq(0.0)?;
        let inverse = deviations.f_reciprocal()?.f_masked_fill(&still, 0.0)?;
        let correlations = shrunk.f_mul(&inverse)?.f_mul(&inverse.f_unsqueeze(1)?)?;
        let _ = correlations.f_diagonal(0, 0, 1)?.f_fill_(1.0)?;
        Ok(correlations)
    }

    fn precision(&self, class: i64) -> Result<Tensor, TchError> {
        let computed = |class| {
            let correlations = self.correlations(class)?;
            let (factor, info) = correlations.f_linalg_cholesky_ex(true, false)?;
            match info.f_int64_value(&[])? {
                0 => factor.f_cholesky_inverse(true),
                // γ₁ may be 0, and a class may have fewer samples than dimensions.
                _ => pseudo_inverse(&correlations),
            }
        };
        let Some(own) = self.own.get(&class) else {
            return computed(class);
        };
        if let Some(precision) = own.precision.get() {
            return Ok(precision.shallow_clone());
        }
        let precision = computed(class)?;
        Ok(own.precision.get_or_init(|| precision).shallow_clone())
    }

    /// Logits `[images, candidates]` of features `[images, width]`: the negative squared
    /// Mahalanobis distances; −∞ for classes without samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn logits(&self, features: &Tensor, ids: &Tensor) -> Result<Tensor, TchError> {
        let unit = unit_rows(features)?;
        let means = self.means.means()?;
        let mut columns = Vec::new();
        for class in Vec::<i64>::try_from(ids)? {
            columns.push(match self.own.contains_key(&class) {
                false => unit.f_new_full(
                    [unit.size()[0]],
                    f64::NEG_INFINITY,
                    (Kind::Double, self.device),
                )?,
                true => {
                    let deviations = unit.f_sub(&means.f_get(class)?)?;
                    deviations
                        .f_matmul(&self.precision(class)?)?
                        .f_mul(&deviations)?
                        .f_sum_dim_intlist(&[1_i64][..], false, Kind::Double)?
                        .f_neg()?
                }
            });
        }
        Tensor::f_stack(&columns, 1)
    }

    /// Writes the means, and the scatter of every class.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        self.means.put(written)?;
        for (class, own) in &self.own {
            own.scatter.put(written, &name(*class))?;
        }
        Ok(())
    }

    /// Reads the means, and the scatter of every class.
    ///
    /// # Errors
    ///
    /// If they have other shapes.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        self.means.take(written)?;
        self.own.clear();
        let (classes, width) = self.means.shape();
        for class in 0..classes {
            let counts = self.means.counts();
            if counts
                .f_double_value(&[class])
                .during("reading the counts")?
                == 0.0
            {
                continue;
            }
            let mut scatter = Symmetric::zeros(width, self.device)?;
            scatter.take(written, &name(class))?;
            let precision = OnceCell::new();
            self.own.insert(class, Own { scatter, precision });
        }
        Ok(())
    }
}

fn name(class: i64) -> String {
    format!("scatter.{class}")
}

/// The scatter of a class with `before` samples of mean `known`, joined with those at `position`.
fn scatter(
    mut scatter: Symmetric,
    before: f64,
    known: &Tensor,
    samples: &Samples,
    position: usize,
) -> Result<Symmetric, TchError> {
    let rows = samples
        .features
        .f_index_select(0, &samples.rows_of(position)?)?;
    let unit = unit_rows(&rows.f_to_kind(Kind::Double)?)?;
    let mean = unit.f_mean_dim(0, false, Kind::Double)?;
    scatter.add_products(&unit.f_sub(&mean)?)?;
    let new = unit.size()[0] as f64;
    let root = (before * new / (before + new)).sqrt();
    scatter.add_products(&known.f_sub(&mean)?.f_mul_scalar(root)?.f_unsqueeze(0)?)?;
    Ok(scatter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;

    fn samples(labels: &[i64], purpose: &str) -> Samples {
        let features = Generator::new(8, purpose, 0)
            .normal_tensor(&[labels.len() as i64, 4], 1.0, Device::Cpu)
            .unwrap();
        Samples::new(features, labels, 4).unwrap()
    }

    fn learned(gamma: [f64; 2], tasks: &[Samples]) -> Classes {
        let mut ours = Classes::new(gamma, 4, 4, Device::Cpu).unwrap();
        for samples in tasks {
            ours.add(samples, &Host::silent()).unwrap();
        }
        ours
    }

    #[test]
    fn a_class_that_comes_back_has_the_covariance_of_all_its_samples() {
        let labels = [0, 2, 2, 0, 2, 0, 2, 2, 0, 0, 2, 0];
        let jointly = learned([1.0, 0.5], &[samples(&labels, "rows")]);
        let of = |rows: &[i64]| samples(&labels, "rows").rows(rows).unwrap();
        // `rows` keeps the list of present classes, so the first task has only class 2.
        let part = |rows: &[i64]| {
            let part = of(rows);
            let labels = Vec::<i64>::try_from(part.labels().unwrap()).unwrap();
            Samples::new(part.features, &labels, 4).unwrap()
        };
        let parts = [
            part(&[1]),
            part(&[0, 2, 3, 4]),
            part(&[5, 6, 7, 8, 9, 10, 11]),
        ];
        let split = learned([1.0, 0.5], &parts);
        for class in [0, 2] {
            let difference =
                jointly.correlations(class).unwrap() - split.correlations(class).unwrap();
            assert!(difference.abs().max().double_value(&[]) < 1e-12);
        }
        let (ids, test) = (Tensor::from_slice(&[2_i64, 1, 0]), samples(&[0; 5], "test"));
        let logits = |ours: &Classes| ours.logits(&test.all().unwrap(), &ids).unwrap();
        let (jointly, split) = (logits(&jointly), logits(&split));
        assert_eq!(jointly.select(1, 1).isinf().all().int64_value(&[]), 1);
        for column in [0, 2] {
            let difference = jointly.select(1, column) - split.select(1, column);
            assert!(difference.abs().max().double_value(&[]) < 1e-9);
        }
    }

    #[test]
    fn a_single_sample_and_no_shrinkage_give_finite_logits() {
        let ids = Tensor::from_slice(&[0_i64, 3]);
        for gamma in [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]] {
            for labels in [&[0, 3][..], &[0, 0, 3]] {
                let ours = learned(gamma, &[samples(labels, "rows")]);
                let logits = ours
                    .logits(&samples(&[0; 5], "test").all().unwrap(), &ids)
                    .unwrap();
                assert!(logits.isfinite().all().int64_value(&[]) != 0, "{logits}");
            }
        }
    }
}
