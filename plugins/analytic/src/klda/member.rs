//! One discriminant on random Fourier features.

use crate::features::Samples;
use crate::linear_scores::LinearScores;
use crate::symmetric::pseudo_inverse;
use crate::within_class::WithinClass;
use clbench_torch::During;
use clbench_torch::Generator;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{Error, Host, Result, State};
use std::f64::consts::PI;

/// The map φ(x) = √(2/D) cos(xΩ + b). The inner product of φ(x) and φ(z) is about exp(−σ‖x − z‖²)
/// (Rahimi and Recht, 2007).
#[derive(Debug)]
pub struct Fourier {
    /// Ω, f64 `[width, D]`.
    frequencies: Tensor,
    /// b, f64 `[D]`.
    phases: Tensor,
}

impl Fourier {
    /// The map with the given Ω `[width, D]` and b `[D]`, both f64.
    pub fn new(frequencies: Tensor, phases: Tensor) -> Fourier {
        Fourier {
            frequencies,
            phases,
        }
    }

    /// Draws Ω normally distributed with variance 2σ, and b uniformly from 0 to 2π. The numbers
    /// depend on the seed and the member only, so they need not be kept.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn drawn(
        seed: u64,
        member: u32,
        sigma: f64,
        width: i64,
        expanded: i64,
        device: Device,
    ) -> Result<Fourier> {
        let mut generator = Generator::new(seed, &format!("fourier/{member}"), 0);
        let deviation = (2.0 * sigma).sqrt();
        let frequencies = generator.normal_tensor(&[width, expanded], deviation, device)?;
        let phases = generator.uniform_tensor(&[expanded], 0.0, 2.0 * PI, device)?;
        Ok(Fourier::new(
            frequencies.to_kind(Kind::Double),
            phases.to_kind(Kind::Double),
        ))
    }

    /// φ `[rows, D]` of features `[rows, width]`, both f64.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn of(&self, features: &Tensor) -> Result<Tensor, TchError> {
        let expanded = self.phases.size()[0] as f64;
        features
            .f_matmul(&self.frequencies)?
            .f_add_(&self.phases)?
            .f_cos_()?
            .f_mul_scalar((2.0 / expanded).sqrt())
    }
}

/// A discriminant: the class means of φ and one scatter that all classes share.
#[derive(Debug)]
pub struct Member {
    map: Fourier,
    sums: WithinClass,
    scores: LinearScores,
}

impl Member {
    /// A discriminant without samples.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn new(map: Fourier, classes: i64, device: Device) -> Result<Member> {
        let expanded = map.phases.size()[0];
        Ok(Member {
            map,
            sums: WithinClass::new(classes, expanded, device)?,
            scores: LinearScores::zeros(classes, expanded, device)?,
        })
    }

    /// Adds samples and computes the classifier.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch; [`Error::cancelled`].
    pub fn add(&mut self, samples: &Samples, host: &Host) -> Result<()> {
        let map = &self.map;
        self.sums.add(samples, |rows| map.of(&rows), host)?;
        if host.cancelled() {
            return Err(Error::cancelled());
        }
        self.solve().during("inverting the scatter")
    }

    /// −(φ − μ)ᵀS⁻¹(φ − μ) is 2φᵀS⁻¹μ − μᵀS⁻¹μ, minus a term that is the same for all classes.
    fn solve(&mut self) -> Result<(), TchError> {
        let precision = pseudo_inverse(&self.sums.scatter.full()?)?;
        let means = self.sums.means.means()?;
        let weight = means.f_matmul(&precision)?;
        let bias = weight
            .f_mul(&means)?
            .f_sum_dim_intlist(&[1_i64][..], false, Kind::Double)?
            .f_neg()?;
        self.scores.set(&weight.f_mul_scalar(2.0)?, Some(&bias))
    }

    /// Scores `[images, candidates]` of features `[images, width]`; −∞ for classes without samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn logits(&self, features: &Tensor, ids: &Tensor) -> Result<Tensor, TchError> {
        let scores = self.scores.of(&self.map.of(features)?, ids)?;
        self.sums.means.learned_only(&scores, ids)
    }

    /// The sums and the classifier.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn state(&self) -> Result<State> {
        let mut written = State::default();
        self.sums.put(&mut written)?;
        self.scores.put(&mut written)?;
        Ok(written)
    }

    /// Restores the sums and the classifier.
    ///
    /// # Errors
    ///
    /// If they have other shapes.
    pub fn restore(&mut self, mut written: State) -> Result<()> {
        self.sums.take(&mut written)?;
        self.scores.take(&mut written)
    }
}

/// The scores of an ensemble: those of its only member, else the logarithm of the mean of all
/// members' softmax; −∞ where all have −∞.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn ensemble(scores: &[Tensor]) -> Result<Tensor, TchError> {
    if let [only] = scores {
        return only.f_add_scalar(0.0);
    }
    let logarithms = scores
        .iter()
        .map(|scores| scores.f_log_softmax(1, Kind::Double))
        .collect::<Result<Vec<_>, _>>()?;
    Tensor::f_stack(&logarithms, 0)?
        .f_logsumexp(&[0_i64][..], false)?
        .f_sub_scalar((scores.len() as f64).ln())
}
