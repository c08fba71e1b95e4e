//! What is kept of every class: the number of its samples, their mean and, for draws with a full
//! covariance, their scatter, all in f64.
//!
//! The scatter of n features x with mean m is S = Σ (x − m)(x − m)ᵀ; S / (n − 1) is the unbiased
//! covariance. If a class comes back, its statistics are those of all its samples: with means m₁, m₂
//! and δ = m₂ − m₁ (Chan, Golub and LeVeque, 1983)
//!
//! ```text
//! n = n₁ + n₂     m = m₁ + δ n₂/n     S = S₁ + S₂ + δ δᵀ n₁ n₂ / n
//! ```

use clbench_torch::During;
use clbench_torch::bridge::state;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use harness_abi::{Error, Result, State};

/// The names of the tensors in a state.
const COUNTS: &str = "statistics.count";
const MEANS: &str = "statistics.mean";
const SCATTERS: &str = "statistics.scatter";

/// The statistics of the classes seen, by class id.
#[derive(Debug, Default)]
pub struct ClassStatistics {
    classes: Vec<Moments>,
}

/// The statistics of one class, f64.
#[derive(Debug)]
struct Moments {
    /// n.
    count: i64,
    /// m, `[width]`.
    mean: Tensor,
    /// S, `[width, width]` and exactly symmetric; `None` if it is not needed.
    scatter: Option<Tensor>,
}

impl ClassStatistics {
    /// The number of classes.
    pub fn classes(&self) -> u32 {
        self.classes.len() as u32
    }

    /// Adds samples of a class, `[samples, width]`, at least one.
    ///
    /// # Errors
    ///
    /// If its id is neither known nor the next one, or libtorch reports an error.
    pub fn add(&mut self, class: u32, features: &Tensor, with_scatter: bool) -> Result<()> {
        let _mode = GradientMode::off();
        let doing = || format!("the statistics of class {class}");
        let new = Moments::of(features, with_scatter).during(&doing())?;
        let seen = self.classes();
        match self.classes.get_mut(class as usize) {
            Some(known) => *known = known.and(&new).during(&doing())?,
            None if class == seen => self.classes.push(new),
            None => {
                return Err(Error::failed(format!(
                    "it arrived after {seen} classes; class ids must follow the order of arrival"
                ))
                .context(doing()));
            }
        }
        Ok(())
    }

    /// The means, f64 `[classes, width]`.
    ///
    /// # Errors
    ///
    /// If there are no classes.
    pub fn means(&self) -> Result<Tensor> {
        let means: Vec<&Tensor> = self.classes.iter().map(|class| &class.mean).collect();
        Tensor::f_stack(&means, 0).during("stacking the means of classes")
    }

    /// The unbiased covariance of a class plus `ridge` times the identity, f64 `[width, width]`. A
    /// single sample has the covariance 0.
    ///
    /// # Errors
    ///
    /// If the class is not known or its scatter is not kept.
    pub fn covariance(&self, class: u32, ridge: f64) -> Result<Tensor> {
        let known = self.classes.get(class as usize);
        let Some((count, scatter)) =
            known.and_then(|class| Some((class.count, class.scatter.as_ref()?)))
        else {
            return Err(Error::failed(format!(
                "the scatter of class {class} is not kept"
            )));
        };
        let covariance = || {
            let identity = Tensor::f_eye(scatter.size()[0], (Kind::Double, scatter.device()))?;
            scatter
                .f_div_scalar((count - 1).max(1))?
                .f_add(&identity.f_mul_scalar(ridge)?)
        };
        covariance().during("the covariance of a class")
    }

    /// Copies the statistics into a state. Of a scatter, the lower triangle is stored.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        let doing = "storing the statistics of classes";
        let counts: Vec<i64> = self.classes.iter().map(|class| class.count).collect();
        state::put(
            written,
            COUNTS,
            &Tensor::f_from_slice(&counts).during(doing)?,
        )?;
        if self.classes.is_empty() {
            return Ok(());
        }
        state::put(written, MEANS, &self.means()?)?;
        let scatters = self
            .classes
            .iter()
            .filter_map(|class| class.scatter.as_ref());
        let packed: Vec<Tensor> = scatters
            .map(|scatter| {
                let triangle = triangle(scatter.size()[0], scatter.device())?;
                scatter.f_reshape([-1])?.f_index_select(0, &triangle)
            })
            .collect::<Result<_, TchError>>()
            .during(doing)?;
        if packed.is_empty() {
            return Ok(());
        }
        let packed = Tensor::f_stack(&packed, 0).during(doing)?;
        state::put(written, SCATTERS, &packed)
    }

    /// Restores statistics from a state, bit for bit.
    ///
    /// # Errors
    ///
    /// If the state has no statistics of this form.
    pub fn take(
        written: &mut State,
        width: i64,
        with_scatter: bool,
        device: Device,
    ) -> Result<ClassStatistics> {
        let doing = "restoring the statistics of classes";
        let counts: Vec<i64> = written.take(COUNTS)?.view().to_vec()?;
        let classes = counts.len() as i64;
        if classes == 0 {
            return Ok(ClassStatistics::default());
        }
        let mut taken =
            |name, shape: &[i64]| state::taken(written, name, shape, (Kind::Double, device));
        let means = taken(MEANS, &[classes, width])?;
        let scatters = match with_scatter {
            true => Some(taken(SCATTERS, &[classes, width * (width + 1) / 2])?),
            false => None,
        };
        let restored = |(class, &count): (i64, &i64)| {
            let scatter = |packed: &Tensor| unpacked(&packed.f_get(class)?, width);
            Ok(Moments {
                count,
                mean: means.f_get(class)?.f_detach_copy()?,
                scatter: scatters.as_ref().map(scatter).transpose()?,
            })
        };
        let classes: Result<Vec<Moments>, TchError> = (0..).zip(&counts).map(restored).collect();
        Ok(ClassStatistics {
            classes: classes.during(doing)?,
        })
    }
}

impl Moments {
    fn of(features: &Tensor, with_scatter: bool) -> Result<Moments, TchError> {
        let features = features.f_to_kind(Kind::Double)?;
        let mean = features.f_mean_dim([0_i64].as_slice(), false, Kind::Double)?;
        let scatter = || {
            let centred = features.f_sub(&mean)?;
            // A product need not be symmetric to the last bit.
            let lower = centred.f_tr()?.f_matmul(&centred)?.f_tril(0)?;
            lower.f_add(&lower.f_tril(-1)?.f_tr()?)
        };
        Ok(Moments {
            count: features.size()[0],
            scatter: with_scatter.then(scatter).transpose()?,
            mean,
        })
    }

    /// The statistics of both samples together.
    fn and(&self, other: &Moments) -> Result<Moments, TchError> {
        let (before, new) = (self.count as f64, other.count as f64);
        let total = before + new;
        let apart = other.mean.f_sub(&self.mean)?;
        let scatter = match (&self.scatter, &other.scatter) {
            (Some(a), Some(b)) => {
                let between = apart.f_outer(&apart)?.f_mul_scalar(before * new / total)?;
                Some(a.f_add(b)?.f_add(&between)?)
            }
            _ => None,
        };
        Ok(Moments {
            count: self.count + other.count,
            mean: self.mean.f_add(&apart.f_mul_scalar(new / total)?)?,
            scatter,
        })
    }
}

/// The positions of the lower triangle in a flattened matrix.
fn triangle(width: i64, device: Device) -> Result<Tensor, TchError> {
    let indices = Tensor::f_tril_indices(width, width, 0, (Kind::Int64, device))?;
    indices
        .f_get(0)?
        .f_mul_scalar(width)?
        .f_add(&indices.f_get(1)?)
}

/// The symmetric matrix with this lower triangle.
fn unpacked(packed: &Tensor, width: i64) -> Result<Tensor, TchError> {
    let lower = Tensor::f_zeros([width * width], (packed.kind(), packed.device()))?
        .f_index_copy(0, &triangle(width, packed.device())?, packed)?
        .f_reshape([width, width])?;
    lower.f_add(&lower.f_tril(-1)?.f_tr()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;

    fn features(rows: i64) -> Tensor {
        let mut generator = Generator::new(3, "features", rows as u32);
        let normal = generator.normal_tensor(&[rows, 3], 1.0, Device::Cpu);
        normal.unwrap() * Tensor::from_slice(&[1.0_f32, 0.1, 30.0]) + 7.0
    }

    /// Mean and unbiased covariance, in f64.
    fn by_hand(features: &Tensor) -> (Vec<f64>, Vec<f64>) {
        let flat: Vec<f64> = Vec::try_from(features.to_kind(Kind::Double).view(-1)).unwrap();
        let rows: Vec<&[f64]> = flat.chunks(3).collect();
        let n = rows.len() as f64;
        let mean: Vec<f64> = (0..3)
            .map(|d| rows.iter().map(|row| row[d]).sum::<f64>() / n)
            .collect();
        let entry = |i: usize, j: usize| {
            let products = rows
                .iter()
                .map(|row| (row[i] - mean[i]) * (row[j] - mean[j]));
            products.sum::<f64>() / (n - 1.0).max(1.0)
        };
        let covariance = (0..9).map(|at| entry(at / 3, at % 3)).collect();
        (mean, covariance)
    }

    fn close(ours: &Tensor, theirs: &[f64]) {
        let ours: Vec<f64> = Vec::try_from(ours.reshape([-1])).unwrap();
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!(
                (ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0),
                "{ours}, by hand {theirs}"
            );
        }
    }

    #[test]
    fn the_statistics_of_a_returning_class_are_those_of_all_its_samples() {
        let (first, second, third) = (features(5), features(8), features(1));
        let mut statistics = ClassStatistics::default();
        statistics.add(0, &first, true).unwrap();
        statistics.add(1, &third, true).unwrap();
        statistics.add(0, &second, true).unwrap();
        statistics.add(0, &third, true).unwrap();
        let (mean, covariance) = by_hand(&Tensor::cat(&[&first, &second, &third], 0));
        close(&statistics.means().unwrap().get(0), &mean);
        close(&statistics.covariance(0, 0.0).unwrap(), &covariance);
        // One sample: only the ridge.
        let ridge = [0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5];
        close(&statistics.covariance(1, 0.5).unwrap(), &ridge);
        let error = statistics.add(5, &first, true).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the statistics of class 5: it arrived after 2 classes; class ids must follow the order of arrival"
        );
    }

    #[test]
    fn a_state_restores_the_same_bits() {
        for with_scatter in [true, false] {
            let mut statistics = ClassStatistics::default();
            for class in 0..3 {
                statistics
                    .add(class, &features(4 + i64::from(class)), with_scatter)
                    .unwrap();
            }
            statistics.add(1, &features(9), with_scatter).unwrap();
            let mut state = State::default();
            statistics.put(&mut state).unwrap();
            let bytes = state.to_bytes().unwrap();
            let restored = ClassStatistics::take(&mut state, 3, with_scatter, Device::Cpu).unwrap();
            assert!(state.tensors.is_empty());
            restored.put(&mut state).unwrap();
            assert_eq!(state.to_bytes().unwrap(), bytes);
            if with_scatter {
                let covariance = |s: &ClassStatistics| s.covariance(1, 1e-4).unwrap();
                assert_eq!(covariance(&restored), covariance(&statistics));
            }
        }
    }
}
