//! The noise schedule: how noise is added to a sample and removed again, step by step.
//!
//! With a sample x₀, ε ~ N(0, I) and steps t = 1 … T (Ho, Jain and Abbeel, *Denoising diffusion
//! probabilistic models*, NeurIPS 2020):
//!
//! ```text
//! schedule     ᾱ_t = cos²(π/2 · t/T),  ᾱ_0 = 1,  α_t = ᾱ_t / ᾱ_{t−1},  β_t = 1 − α_t
//! noisy        x_t = √ᾱ_t x₀ + √(1 − ᾱ_t) ε
//! loss         w_t · mean over dimensions of (x̂₀ − x₀)²,  w_t = max(1, log(√ᾱ_t / √(1 − ᾱ_t)))
//! one back     x_{t−1} = √ᾱ_{t−1} β_t / (1 − ᾱ_t) · x̂₀
//!                        + √α_t (1 − ᾱ_{t−1}) / (1 − ᾱ_t) · x_t + √β_t ε
//! last         x₀ = x̂₀ at t = 1
//! ```
//!
//! where x̂₀ is the denoiser's output for x_t and t. The schedule is the cosine schedule of Nichol
//! and Dhariwal (*Improved denoising diffusion probabilistic models*, ICML 2021) with offset s = 0,
//! as in the code published with CGIL; the target x₀ and the weight w are from that code too.
//!
//! Two things differ from that code. It trains with products of two normal numbers as noise, but
//! samples with one; here noise is always one normal number. And its reverse step adds new noise to
//! x̂₀ and ignores x_t, which loses variance: for normal features of variance 1 even a perfect
//! denoiser ends at 0.46 after 32 steps. The step above, DDPM's with variance β_t, ends at 0.998.

use std::f64::consts::FRAC_PI_2;

/// A schedule of T steps.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// ᾱ_0 … ᾱ_T.
    cumulative: Vec<f64>,
}

/// The coefficients of x_{t−1}.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StepBack {
    /// The factor of x̂₀.
    pub(crate) denoised: f64,
    /// The factor of x_t.
    pub(crate) noisy: f64,
    /// The factor of ε; 0 for the last step.
    pub(crate) noise: f64,
}

impl Schedule {
    pub(crate) fn new(steps: u32) -> Schedule {
        let cosine = |t| (FRAC_PI_2 * f64::from(t) / f64::from(steps)).cos();
        Schedule {
            cumulative: (0..=steps).map(|t| cosine(t) * cosine(t)).collect(),
        }
    }

    /// √ᾱ_t for t = 1 … T.
    pub(crate) fn signal(&self) -> Vec<f64> {
        self.each(|t| self.cumulative[t].sqrt())
    }

    /// √(1 − ᾱ_t) for t = 1 … T.
    pub(crate) fn noise(&self) -> Vec<f64> {
        self.each(|t| (1.0 - self.cumulative[t]).sqrt())
    }

    /// w_t for t = 1 … T.
    pub(crate) fn weight(&self) -> Vec<f64> {
        let signal_to_noise = |t: usize| self.cumulative[t] / (1.0 - self.cumulative[t]);
        self.each(|t| (signal_to_noise(t).ln() / 2.0).max(1.0))
    }

    /// The reverse steps t = T, T − 1, … 1, each with its t.
    pub(crate) fn back(&self) -> impl Iterator<Item = (usize, StepBack)> {
        (1..self.cumulative.len()).rev().map(|t| {
            let (here, before) = (self.cumulative[t], self.cumulative[t - 1]);
            let alpha = here / before;
            let step = StepBack {
                denoised: before.sqrt() * (1.0 - alpha) / (1.0 - here),
                noisy: alpha.sqrt() * (1.0 - before) / (1.0 - here),
                noise: if t > 1 { (1.0 - alpha).sqrt() } else { 0.0 },
            };
            (t, step)
        })
    }

    fn each(&self, of: impl Fn(usize) -> f64) -> Vec<f64> {
        (1..self.cumulative.len()).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: f64, expected: f64) {
        assert!((ours - expected).abs() < 1e-12, "{ours}, not {expected}");
    }

    /// With T = 3 the cosines are those of 30°, 60° and 90°.
    #[test]
    fn three_steps_have_known_values() {
        let schedule = Schedule::new(3);
        let root = 3_f64.sqrt();
        for (ours, expected) in [
            (schedule.signal(), [root / 2.0, 0.5, 0.0]),
            (schedule.noise(), [0.5, root / 2.0, 1.0]),
            // log √3 is 0.55.
            (schedule.weight(), [1.0, 1.0, 1.0]),
        ] {
            assert_eq!(ours.len(), 3);
            ours.iter()
                .zip(expected)
                .for_each(|(&ours, expected)| close(ours, expected));
        }
        let back: Vec<_> = schedule.back().collect();
        assert_eq!(back.iter().map(|(t, _)| *t).collect::<Vec<_>>(), [3, 2, 1]);
        // ᾱ = 3/4, 1/4, 0; α_2 = 1/3.
        for ((_, step), [denoised, noisy, noise]) in back.iter().zip([
            [0.5, 0.0, 1.0],
            [
                root / 2.0 * (2.0 / 3.0) / 0.75,
                (1.0_f64 / 3.0).sqrt() / 3.0,
                (2.0_f64 / 3.0).sqrt(),
            ],
            [1.0, 0.0, 0.0],
        ]) {
            close(step.denoised, denoised);
            close(step.noisy, noisy);
            close(step.noise, noise);
        }
    }

    /// The first of 32 steps has signal-to-noise ratio cot(π/64).
    #[test]
    fn less_noisy_samples_have_higher_weights() {
        let weight = Schedule::new(32).weight();
        close(weight[0], 20.355467624987188_f64.ln());
        assert!(weight.windows(2).all(|pair| pair[0] >= pair[1]));
        // tan 0.3526 is 1/e; 0.3526 is 7.2 steps.
        assert!(weight[6] > 1.0 && weight[7..].iter().all(|&weight| weight == 1.0));
    }

    /// For normal features of variance 1 the optimal denoiser is √ᾱ_t x_t; samples must have
    /// variance 1 too.
    #[test]
    fn the_reverse_process_keeps_the_variance() {
        let schedule = Schedule::new(32);
        let signal = schedule.signal();
        let variance = schedule.back().fold(1.0, |variance, (t, step)| {
            let factor = step.denoised * signal[t - 1] + step.noisy;
            factor * factor * variance + step.noise * step.noise
        });
        assert!((variance - 0.998).abs() < 5e-4, "{variance}");
    }
}
