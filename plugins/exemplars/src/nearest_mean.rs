//! iCaRL's classifier: the nearest mean of exemplars.
//!
//! Features are scaled to unit length: x̂ = x / (‖x‖ + 1e-8). The mean of a class is that of its
//! exemplars' unit features, scaled to unit length again; an image is scored by the negative squared
//! distance:
//!
//! ```text
//! μ = Σ x̂ / ‖Σ x̂‖        logit = −‖x̂ − μ‖²
//! ```

use clbench_torch::During;
use clbench_torch::exemplars::{Memory, unit_rows};
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::Result;

/// The means of the classes.
#[derive(Debug)]
pub struct NearestMean {
    /// f64 `[classes, width]`; zero for a class without exemplars.
    means: Tensor,
    /// 0 for a class with exemplars, −∞ without, f64 `[classes]`.
    learned: Tensor,
}

impl NearestMean {
    /// Computes the means of the exemplars (features) of a memory.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn new(memory: &Memory) -> Result<NearestMean> {
        let doing = "computing the means of the exemplars";
        let (classes, width) = (memory.seen().len(), memory.rows().size()[1]);
        let device = memory.rows().device();
        let mut learned = vec![f64::NEG_INFINITY; classes];
        let mut means = Vec::with_capacity(classes);
        let nothing = Tensor::f_zeros([width], (Kind::Double, device)).during(doing)?;
        means.resize_with(classes, || nothing.shallow_clone());
        for (class, features) in memory.by_class()? {
            learned[class as usize] = 0.0;
            means[class as usize] = mean(&features).during(doing)?;
        }
        let stacked = || -> Result<NearestMean, TchError> {
            Ok(NearestMean {
                means: Tensor::f_stack(&means, 0)?,
                learned: Tensor::f_from_slice(&learned)?.f_to_device(device)?,
            })
        };
        stacked().during(doing)
    }

    /// The means, f64 `[classes, width]`.
    pub fn means(&self) -> &Tensor {
        &self.means
    }

    /// Logits, f32 `[images, classes]` on the CPU, of features `[images, width]`, one column per
    /// requested class; −∞ for a class without exemplars.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn logits(&self, features: &Tensor, classes: &[i64]) -> Result<Tensor, TchError> {
        let classes = Tensor::f_from_slice(classes)?.f_to_device(self.means.device())?;
        let means = self.means.f_index_select(0, &classes)?;
        let learned = self.learned.f_index_select(0, &classes)?;
        let features = unit_rows(features)?;
        let squares = |rows: &Tensor, keep| {
            let squares = rows.f_square()?;
            squares.f_sum_dim_intlist(1, keep, Kind::Double)
        };
        // −‖x − μ‖² = 2 x·μ − ‖x‖² − ‖μ‖², in f64, so that nothing is lost in the difference.
        features
            .f_matmul(&means.f_tr()?)?
            .f_mul_scalar(2.0)?
            .f_sub(&squares(&features, true)?)?
            .f_sub(&squares(&means, false)?)?
            .f_clamp_max(0.0)?
            .f_add(&learned)?
            .f_to_kind(Kind::Float)?
            .f_to_device(Device::Cpu)
    }
}

/// The mean of `[exemplars, width]`, of unit length, f64. Exemplars that cancel each other out have
/// the mean zero.
fn mean(features: &Tensor) -> Result<Tensor, TchError> {
    let mean = unit_rows(features)?.f_mean_dim(0, false, Kind::Double)?;
    let length = mean.f_norm()?.f_clamp_min(1e-12)?;
    mean.f_div(&length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;
    use clbench_torch::exemplars::{Budget, Offer, Selection, Settings};

    const WIDTH: i64 = 8;

    /// A memory of every sample.
    fn memory(features: &Tensor, labels: &[i64]) -> Memory {
        let settings = Settings {
            budget: Budget::PerClass(1000),
            selection: Selection::Herding,
        };
        let mut memory = Memory::new(settings, 4, &[WIDTH], Kind::Float, Device::Cpu).unwrap();
        let offer = Offer {
            features,
            labels,
            kept: None,
            seed: 1,
            task: 1,
        };
        let read = |rows: &[u32]| {
            let rows: Vec<i64> = rows.iter().map(|&row| row.into()).collect();
            Ok(features.index_select(0, &Tensor::from_slice(&rows)))
        };
        memory.update(&offer, read).unwrap();
        memory
    }

    fn random(rows: i64, task: u32) -> Tensor {
        let mut generator = Generator::new(3, "features", task);
        let features = generator.normal_tensor(&[rows, WIDTH], 1.0, Device::Cpu);
        features.unwrap() * 7.0 + 1.0
    }

    fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
        let values = Vec::<f64>::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap();
        let width = tensor.size()[1] as usize;
        values.chunks(width).map(<[f64]>::to_vec).collect()
    }

    /// With every sample as an exemplar, the order of the logits is that of the cosine to the class
    /// mean of unit features; the logits are those of the formula.
    #[test]
    fn with_all_samples_it_is_the_nearest_class_mean_by_cosine_of_unit_features() {
        let labels: Vec<i64> = (0..60).map(|row| [0, 1, 1, 3][row % 4]).collect();
        let (features, images) = (random(60, 1), random(25, 2));
        let nearest = NearestMean::new(&memory(&features, &labels)).unwrap();
        let logits = rows(&nearest.logits(&images, &[3, 0, 2, 1]).unwrap());

        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let unit = |x: &[f64]| -> Vec<f64> { x.iter().map(|v| v / (norm(x) + 1e-8)).collect() };
        let features = rows(&features);
        for (image, logits) in rows(&images).iter().zip(logits) {
            let image = unit(image);
            for (class, logit) in [3, 0, 2, 1].into_iter().zip(logits) {
                if class == 2 {
                    assert_eq!(logit, f64::NEG_INFINITY);
                    continue;
                }
                let mut sum = vec![0.0; WIDTH as usize];
                for (row, _) in features.iter().zip(&labels).filter(|(_, l)| **l == class) {
                    for (sum, x) in sum.iter_mut().zip(unit(row)) {
                        *sum += x;
                    }
                }
                let products = image.iter().zip(&sum).map(|(x, m)| x * m);
                let cosine = products.sum::<f64>() / norm(&sum) / norm(&image);
                // ‖x − μ‖² = 2 − 2 cos for vectors of unit length.
                let expected = 2.0 * cosine - 2.0;
                assert!((logit - expected).abs() < 1e-6, "{logit}, not {expected}");
            }
        }
    }

    #[test]
    fn degenerate_features_give_finite_logits() {
        // A class whose exemplars cancel out, one whose exemplars are zero, one that is constant.
        let row = Tensor::ones([1, WIDTH], (Kind::Float, Device::Cpu));
        let features = Tensor::cat(&[&row, &-&row, &(&row * 0.0), &row, &row], 0);
        let nearest = NearestMean::new(&memory(&features, &[0, 0, 1, 2, 2])).unwrap();
        let images = Tensor::cat(&[&row, &(&row * 0.0)], 0);
        let logits = rows(&nearest.logits(&images, &[0, 1, 2]).unwrap());
        for (logits, expected) in logits.iter().zip([[-1.0, -1.0, 0.0], [0.0, 0.0, -1.0]]) {
            for (logit, expected) in logits.iter().zip(expected) {
                assert!((logit - expected).abs() < 1e-6, "{logits:?}");
            }
        }
    }
}
