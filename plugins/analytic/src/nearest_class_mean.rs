//! The strategy `nearest-class-mean`.
//!
//! A class is its mean feature (Mensink et al., *Distance-Based Image Classification*, TPAMI 2013).
//! Means of frozen features do not change when new classes arrive, so nothing is overwritten. With
//! the cosine it is SimpleCIL (Zhou et al., *Revisiting Class-Incremental Learning with Pre-Trained
//! Models*, arXiv 2303.07338).

use crate::class_means::ClassMeans;
use crate::features::{Source, for_the_host, ids};
use clbench_torch::bridge::{device, threads};
use clbench_torch::features::Output;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use harness_abi::{
    Batch, Choice, Declaration, Host, Keeps, Learned, Outline, ParameterSet, Result, Setting,
    State, Strategy, Task,
};
use serde::Deserialize;

/// The parameters of `nearest-class-mean`.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How an image is compared with a class mean. Neither features nor means are normalised first.
    #[parameter(default = Distance::Euclidean)]
    pub distance: Distance,
    /// The output of the backbone that is an image's feature.
    #[parameter(default = Output::Embedding)]
    pub output: Output,
}

/// How an image is compared with a class mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// −‖x − μ‖², for the feature x and the mean μ.
    Euclidean,
    /// xᵀμ / (‖x‖ ‖μ‖): SimpleCIL.
    Cosine,
}

/// Nearest class mean. Its state is the sum of the features of every class, and their number.
#[derive(Debug)]
pub struct NearestClassMean {
    distance: Distance,
    source: Source,
    host: Host,
    means: ClassMeans,
}

impl Strategy for NearestClassMean {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        let device = device::named(&outline.device)?;
        let width = u64::from(parameters.output.width(outline.backbone()?)?);
        // A task's features as the host lends them and in libtorch; the sums with a chunk's, the
        // means, the state and its bytes.
        let bytes =
            4 * 2 * outline.task_samples * width + 8 * 5 * u64::from(outline.classes) * (width + 1);
        Ok(Declaration {
            keeps: vec![Keeps::Statistics],
            reads: parameters.output.reads(),
            memory_bytes: (device == Device::Cpu).then_some(bytes),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let info = setting.backbone()?.info();
        let source = Source::new(parameters.output, info, setting.classes, device)?;
        Ok(NearestClassMean {
            distance: parameters.distance,
            means: ClassMeans::new(source.classes, source.width, device)?,
            source,
            host: setting.host,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        self.source
            .of_task(task)
            .and_then(|samples| self.means.add(&samples, &self.host))
            .map_err(|error| error.context(format!("learning task {}", task.id())))?;
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = self.source.of_batch(batch)?;
        let ids = ids(batch.classes(), self.source.device)?;
        for_the_host(logits(self.distance, &features, &self.means, &ids))
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        self.means.put(&mut written)?;
        Ok(written)
    }

    fn restore(&mut self, mut state: State) -> Result<()> {
        self.means.take(&mut state)
    }
}

/// Logits `[images, candidates]` of features `[images, width]`.
fn logits(
    distance: Distance,
    features: &Tensor,
    means: &ClassMeans,
    ids: &Tensor,
) -> Result<Tensor, TchError> {
    let candidates = means.means()?.f_index_select(0, ids)?;
    let scores = match distance {
        Distance::Euclidean => squared_distances(features, &candidates)?.f_neg()?,
        Distance::Cosine => unit_rows(features)?.f_matmul(&unit_rows(&candidates)?.f_tr()?)?,
    };
    means.learned_only(&scores, ids)
}

/// ‖x − z‖² of all pairs of rows of `x` `[n, width]` and `z` `[m, width]`, f64 `[n, m]`.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn squared_distances(x: &Tensor, z: &Tensor) -> Result<Tensor, TchError> {
    let squares = |rows: &Tensor, keep| {
        rows.f_square()?
            .f_sum_dim_intlist(&[1_i64][..], keep, Kind::Double)
    };
    // ‖x‖² + ‖z‖² − 2 xᵀz. In f64 the cancellation leaves more digits than f32 features have. In
    // place, because a kernel over all samples is large.
    x.f_matmul(&z.f_tr()?)?
        .f_mul_scalar_(-2.0)?
        .f_add_(&squares(x, true)?)?
        .f_add_(&squares(z, false)?)?
        .f_clamp_min_(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Samples;
    use clbench_torch::Generator;

    fn samples(labels: &[i64], generator: &mut Generator) -> (Vec<Vec<f64>>, Samples) {
        let rows: Vec<Vec<f64>> = labels
            .iter()
            .map(|_| {
                (0..3)
                    .map(|_| f64::from(generator.normal() as f32))
                    .collect()
            })
            .collect();
        let flat: Vec<f32> = rows.iter().flatten().map(|&x| x as f32).collect();
        let features = Tensor::from_slice(&flat).view((-1, 3));
        (rows, Samples::new(features, labels, 5).unwrap())
    }

    /// Class 1 comes back in the second task; class 3 has one sample; class 0 is never learned.
    #[test]
    fn logits_match_a_loop_over_all_samples_of_a_class() {
        let mut generator = Generator::new(1, "samples", 0);
        let mut means = ClassMeans::new(5, 3, Device::Cpu).unwrap();
        let labels = [vec![1, 2, 1, 2, 2], vec![4, 1, 3, 4]];
        let mut all = Vec::new();
        for labels in &labels {
            let (rows, samples) = samples(labels, &mut generator);
            means.add(&samples, &Host::silent()).unwrap();
            all.extend(labels.iter().copied().zip(rows));
        }
        let mean = |class: i64| -> Vec<f64> {
            let rows: Vec<_> = all.iter().filter(|(label, _)| *label == class).collect();
            (0..3)
                .map(|at| rows.iter().map(|(_, row)| row[at]).sum::<f64>() / rows.len() as f64)
                .collect()
        };
        let (images, batch) = samples(&[0, 0, 0, 0], &mut generator);
        let candidates = [3_i64, 0, 1, 4, 2];
        let ids = Tensor::from_slice(&candidates);
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        for distance in [Distance::Euclidean, Distance::Cosine] {
            let ours = logits(distance, &batch.all().unwrap(), &means, &ids).unwrap();
            for (row, x) in images.iter().enumerate() {
                for (column, &class) in candidates.iter().enumerate() {
                    let ours = ours.double_value(&[row as i64, column as i64]);
                    if class == 0 {
                        assert_eq!(ours, f64::NEG_INFINITY);
                        continue;
                    }
                    let mean = mean(class);
                    let expected: f64 = match distance {
                        Distance::Euclidean => -x
                            .iter()
                            .zip(&mean)
                            .map(|(x, m)| (x - m) * (x - m))
                            .sum::<f64>(),
                        Distance::Cosine => {
                            x.iter().zip(&mean).map(|(x, m)| x * m).sum::<f64>()
                                / (norm(x) * norm(&mean))
                        }
                    };
                    assert!(
                        (ours - expected).abs() < 1e-12,
                        "{ours}, by hand {expected}"
                    );
                }
            }
        }
    }
}
