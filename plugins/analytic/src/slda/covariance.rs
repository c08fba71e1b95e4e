//! The discriminant, and the two estimates of the covariance that all classes share.

use crate::features::Samples;
use crate::linear_scores::LinearScores;
use crate::symmetric::pseudo_inverse;
use crate::within_class::WithinClass;
use clbench_torch::During;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{Choice, Error, Host, Result, State};
use serde::Deserialize;

/// How the shared covariance is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Covariance {
    /// The scatter of all samples around the mean of their class, divided by their number. It is
    /// exact, and the same in whatever order the samples come.
    Pooled,
    /// As published: one sample after another, with its deviation from the mean of its class before
    /// it, which is 0 for a class's first sample. It depends on the order of the samples.
    Streaming,
}

/// Linear discriminant analysis from sums.
#[derive(Debug)]
pub struct Discriminant {
    covariance: Covariance,
    shrinkage: f64,
    /// With `streaming`, the scatter is n Σ of the published recursion after n samples.
    sums: WithinClass,
    scores: LinearScores,
}

impl Discriminant {
    /// A discriminant without samples.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn new(
        covariance: Covariance,
        shrinkage: f64,
        classes: i64,
        width: i64,
        device: Device,
    ) -> Result<Discriminant> {
        Ok(Discriminant {
            covariance,
            shrinkage,
            sums: WithinClass::new(classes, width, device)?,
            scores: LinearScores::zeros(classes, width, device)?,
        })
    }

    /// Adds samples and computes the classifier.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch; [`Error::cancelled`].
    pub fn add(&mut self, samples: &Samples, host: &Host) -> Result<()> {
        if samples.is_empty() {
            return Ok(());
        }
        match self.covariance {
            Covariance::Pooled => self.sums.add(samples, Ok, host)?,
            Covariance::Streaming => {
                self.stream(samples)
                    .during("updating the covariance sample by sample")?;
                self.sums.means.add(samples, host)?;
            }
        }
        if host.cancelled() {
            return Err(Error::cancelled());
        }
        self.solve().during("inverting the covariance")
    }

    /// Adds δδᵀ n / (n + 1) of every sample, n the number of samples before it and δ its deviation
    /// from the mean of its class before it. That is (n + 1) Σ' = n Σ + δδᵀ n / (n + 1), the
    /// published Σ' = (n Σ + δδᵀ n / (n + 1)) / (n + 1).
    fn stream(&mut self, samples: &Samples) -> Result<(), TchError> {
        let features = samples.all()?;
        let mut before = features.f_zeros_like()?;
        for (position, &class) in samples.present.iter().enumerate() {
            let rows = samples.rows_of(position)?;
            let of_class = features.f_index_select(0, &rows)?;
            let count = of_class.size()[0];
            let known = self.sums.means.sums().f_narrow(0, class, 1)?;
            // The sum before every sample: those of earlier tasks, and the rows above.
            let above = of_class.f_narrow(0, 0, count - 1)?;
            let sums = Tensor::f_cat(&[&known, &above], 0)?.f_cumsum(0, Kind::Double)?;
            let earlier = self.sums.means.counts().f_double_value(&[class])?;
            let counts = of_class
                .f_new_ones([count], (Kind::Double, features.device()))?
                .f_cumsum(0, Kind::Double)?
                .f_add_scalar(earlier - 1.0)?
                .f_clamp_min(1.0)?
                .f_unsqueeze(1)?;
            let _ = before.f_index_copy_(0, &rows, &sums.f_div(&counts)?)?;
        }
        let total = self.sums.means.total()?;
        let n = Tensor::f_arange(samples.len(), (Kind::Double, features.device()))?
            .f_add_scalar(total)?;
        let weights = n.f_div(&n.f_add_scalar(1.0)?)?.f_sqrt()?.f_unsqueeze(1)?;
        let deviations = features.f_sub(&before)?.f_mul(&weights)?;
        self.sums.scatter.add_products(&deviations)
    }

    /// Λ, then Λμ and −½ μᵀΛμ of every class.
    fn solve(&mut self) -> Result<(), TchError> {
        let precision = pseudo_inverse(&self.shrunk()?)?;
        let means = self.sums.means.means()?;
        let weight = means.f_matmul(&precision)?;
        let bias = weight
            .f_mul(&means)?
            .f_sum_dim_intlist(&[1_i64][..], false, Kind::Double)?
            .f_mul_scalar(-0.5)?;
        self.scores.set(&weight, Some(&bias))
    }

    /// (1 − ε)Σ + εI.
    fn shrunk(&self) -> Result<Tensor, TchError> {
        let shrunk = self.covariance()?.f_mul_scalar(1.0 - self.shrinkage)?;
        let _ = shrunk.f_diagonal(0, 0, 1)?.f_add_scalar_(self.shrinkage)?;
        Ok(shrunk)
    }

    /// Σ, f64 `[width, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn covariance(&self) -> Result<Tensor, TchError> {
        let total = self.sums.means.total()?.max(1.0);
        self.sums.scatter.full()?.f_div_scalar(total)
    }

    /// Logits `[images, candidates]` of features `[images, width]`; −∞ for classes without samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn logits(&self, features: &Tensor, ids: &Tensor) -> Result<Tensor, TchError> {
        let scores = self.scores.of(features, ids)?;
        self.sums.means.learned_only(&scores, ids)
    }

    /// Writes the sums and the classifier.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        self.sums.put(written)?;
        self.scores.put(written)
    }

    /// Reads the sums and the classifier.
    ///
    /// # Errors
    ///
    /// If they have other shapes.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        self.sums.take(written)?;
        self.scores.take(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;

    const WIDTH: i64 = 5;

    fn rows() -> Vec<(i64, Vec<f64>)> {
        let mut generator = Generator::new(6, "rows", 0);
        (0..60)
            .map(|_| {
                let class = generator.below(5) as i64;
                let row = (0..WIDTH).map(|at| {
                    let spread = 1.0 + at as f64;
                    f64::from((10.0 + class as f64 + spread * generator.normal()) as f32)
                });
                (class, row.collect())
            })
            .collect()
    }

    fn of(rows: &[(i64, Vec<f64>)]) -> Samples {
        let labels: Vec<i64> = rows.iter().map(|(label, _)| *label).collect();
        let flat: Vec<f32> = rows
            .iter()
            .flat_map(|(_, row)| row.iter().map(|&x| x as f32))
            .collect();
        Samples::new(Tensor::from_slice(&flat).view((-1, WIDTH)), &labels, 6).unwrap()
    }

    fn learned(covariance: Covariance, tasks: &[&[(i64, Vec<f64>)]]) -> Discriminant {
        let mut ours = Discriminant::new(covariance, 1e-4, 6, WIDTH, Device::Cpu).unwrap();
        for rows in tasks {
            ours.add(&of(rows), &Host::silent()).unwrap();
        }
        ours
    }

    fn logits(ours: &Discriminant, rows: &[(i64, Vec<f64>)]) -> Tensor {
        let ids = Tensor::from_slice(&[0_i64, 1, 2, 3, 4, 5]);
        ours.logits(&of(rows).all().unwrap(), &ids).unwrap()
    }

    fn close(ours: &Tensor, expected: &Tensor, tolerance: f64) {
        let finite = expected.isfinite();
        assert_eq!(ours.isfinite(), finite);
        let (ours, expected) = (ours.masked_select(&finite), expected.masked_select(&finite));
        let difference = (ours - &expected).abs().max().double_value(&[]);
        let scale = expected.abs().max().double_value(&[]);
        assert!(difference <= tolerance * scale, "{difference} of {scale}");
    }

    #[test]
    fn the_pooled_covariance_does_not_depend_on_order_and_tasks() {
        let rows = rows();
        let expected = learned(Covariance::Pooled, &[&rows]);
        let mut by_class = rows.clone();
        by_class.sort_by_key(|(class, _)| -class);
        let by_class: Vec<&[_]> = by_class.chunk_by(|a, b| a.0 == b.0).collect();
        let one_by_one: Vec<&[_]> = rows.chunks(1).rev().collect();
        for tasks in [
            vec![&rows[..1], &rows[1..20], &rows[20..]],
            by_class,
            one_by_one,
        ] {
            let ours = learned(Covariance::Pooled, &tasks);
            close(
                &ours.covariance().unwrap(),
                &expected.covariance().unwrap(),
                1e-12,
            );
            close(&logits(&ours, &rows), &logits(&expected, &rows), 1e-9);
        }
    }

    /// The published recursion, sample by sample.
    #[test]
    fn the_streaming_covariance_is_the_published_recursion() {
        let rows = rows();
        let width = WIDTH as usize;
        let mut sigma = vec![vec![1.0; width]; width];
        let (mut means, mut counts) = (vec![vec![0.0; width]; 6], [0.0; 6]);
        for (n, (class, x)) in rows.iter().enumerate() {
            let (n, class) = (n as f64, *class as usize);
            let delta: Vec<f64> = x.iter().zip(&means[class]).map(|(x, m)| x - m).collect();
            for (i, row) in sigma.iter_mut().enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    let step = delta[i] * delta[j] * n / (n + 1.0);
                    *value = (n * *value + step) / (n + 1.0);
                }
            }
            counts[class] += 1.0;
            for (mean, delta) in means[class].iter_mut().zip(&delta) {
                *mean += delta / counts[class];
            }
        }
        let expected = Tensor::from_slice(&sigma.concat()).view((WIDTH, WIDTH));
        for tasks in [vec![&rows[..]], vec![&rows[..7], &rows[7..8], &rows[8..]]] {
            let ours = learned(Covariance::Streaming, &tasks);
            close(&ours.covariance().unwrap(), &expected, 1e-12);
        }
        let pooled = learned(Covariance::Pooled, &[&rows]).covariance().unwrap();
        assert!((pooled - &expected).abs().max().double_value(&[]) > 0.5);
    }

    #[test]
    fn one_sample_and_constant_features_give_finite_logits() {
        let rows = rows();
        let constant: Vec<_> = rows
            .iter()
            .map(|(class, _)| (*class, vec![3.0; 5]))
            .collect();
        for covariance in [Covariance::Pooled, Covariance::Streaming] {
            for tasks in [
                vec![&rows[..1]],
                vec![&rows[..1], &rows[1..2]],
                vec![&constant[..]],
            ] {
                let ours = learned(covariance, &tasks);
                let logits = logits(&ours, &rows);
                assert_eq!(logits.isnan().any().int64_value(&[]), 0);
                let finite = logits.isfinite().sum(Kind::Int64).int64_value(&[]);
                assert!(finite >= rows.len() as i64);
            }
        }
    }
}
