//! The search for α and β, as in the published code: the pair with the most correct held-out
//! samples, among 200 values of β and 20 values of α from 0.1 in equal steps to just below a
//! maximum. Of equal pairs, the first wins, with α in the inner loop.

use super::cache::{Cache, Weights};
use clbench_torch::During;
use clbench_torch::prompting::cosine;
use clbench_torch::tch::{Kind, TchError, Tensor};
use harness_abi::{Error, Host, Result};

/// How many values of β and α are tried.
const STEPS: [u32; 2] = [200, 20];

/// Samples that accuracy is measured on.
#[derive(Debug)]
pub struct HeldOut {
    /// Unit features, `[samples, width]`.
    pub features: Tensor,
    /// Their classes as positions among the candidates, i64 `[samples]`.
    pub targets: Tensor,
}

impl HeldOut {
    /// How many samples have their largest logit at their class; `logits` are `[samples, classes]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn correct(&self, logits: &Tensor) -> Result<Tensor, TchError> {
        logits
            .f_argmax(1, false)?
            .f_eq_tensor(&self.targets)?
            .f_sum(Kind::Int64)
    }
}

/// The candidate classes of a search.
#[derive(Debug, Clone, Copy)]
pub struct Candidates<'a> {
    /// Their ids.
    pub ids: &'a [i64],
    /// Their unit text features, `[classes, width]`.
    pub texts: &'a Tensor,
    /// The model's logit scale.
    pub scale: f64,
}

/// The best weights, or `None` if none of them classifies a sample correctly. β stays below the
/// first of `below`, α below the second.
///
/// # Errors
///
/// If the host cancels; propagates errors from libtorch.
pub fn best(
    cache: &Cache,
    held: &HeldOut,
    candidates: Candidates<'_>,
    below: [f64; 2],
    host: &Host,
) -> Result<Option<Weights>> {
    let doing = "searching for alpha and beta";
    let zero_shot = cosine::logits(&held.features, candidates.texts, candidates.scale);
    let zero_shot = zero_shot.during(doing)?;
    let (betas, alphas) = (grid(below[0], STEPS[0]), grid(below[1], STEPS[1]));
    let (mut best, mut most) = (None, 0);
    for (done, &beta) in betas.iter().enumerate() {
        if host.cancelled() {
            return Err(Error::cancelled());
        }
        let tried = || {
            let votes = cache.votes(&held.features, candidates.ids, beta)?;
            let correct = alphas
                .iter()
                .map(|&alpha| held.correct(&zero_shot.f_add(&votes.f_mul_scalar(alpha)?)?))
                .collect::<Result<Vec<_>, _>>()?;
            // Read at once: each read waits for the device.
            Vec::<i64>::try_from(Tensor::f_stack(&correct, 0)?)
        };
        for (&alpha, correct) in alphas.iter().zip(tried().during(doing)?) {
            if correct > most {
                (best, most) = (Some(Weights { alpha, beta }), correct);
            }
        }
        host.progress("search", done as u64 + 1, STEPS[0].into());
    }
    Ok(best)
}

/// `steps` values from 0.1 on, evenly, without `below` itself.
fn grid(below: f64, steps: u32) -> Vec<f64> {
    let values = (0..steps).map(|i| f64::from(i) * (below - 0.1) / f64::from(steps) + 0.1);
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;
    use clbench_torch::prompting::cosine::unit_rows;
    use clbench_torch::tch::Device;

    fn rows(purpose: &str, rows: i64) -> Tensor {
        let mut generator = Generator::new(8, purpose, 0);
        let rows = generator.normal_tensor(&[rows, 4], 1.0, Device::Cpu);
        unit_rows(&rows.unwrap()).unwrap()
    }

    #[test]
    fn the_grid_is_that_of_the_published_code() {
        let betas = grid(7.0, 200);
        assert_eq!((betas.len(), betas[0]), (200, 0.1));
        assert!((betas[1] - 0.1345).abs() < 1e-12 && (betas[199] - 6.9655).abs() < 1e-12);
    }

    #[test]
    fn the_best_pair_is_the_first_of_a_full_search() {
        let classes: Vec<i64> = (0..30).map(|row| row % 3).collect();
        let cache = Cache::new(rows("keys", 30), classes).unwrap();
        let held = HeldOut {
            features: rows("held", 25),
            targets: Tensor::from_slice(&(0..25).map(|row| row * 7 % 3).collect::<Vec<i64>>()),
        };
        let texts = rows("texts", 3);
        let candidates = Candidates {
            ids: &[0, 1, 2],
            texts: &texts,
            scale: 4.0,
        };
        let below = [9.0, 5.0];
        let host = Host::silent();
        let found = best(&cache, &held, candidates, below, &host)
            .unwrap()
            .unwrap();

        let (mut expected, mut most) = (None, 0);
        for i in 0..200 {
            for j in 0..20 {
                let weights = Weights {
                    beta: f64::from(i) * (9.0 - 0.1) / 200.0 + 0.1,
                    alpha: f64::from(j) * (5.0 - 0.1) / 20.0 + 0.1,
                };
                let logits = cache
                    .logits(&held.features, &[0, 1, 2], &texts, 4.0, weights)
                    .unwrap();
                let correct = held.correct(&logits).unwrap().int64_value(&[]);
                if correct > most {
                    (expected, most) = (Some(weights), correct);
                }
            }
        }
        assert_eq!(Some(found), expected);
    }

    #[test]
    fn nothing_is_chosen_if_nothing_is_right() {
        let cache = Cache::new(rows("keys", 2), vec![0, 0]).unwrap();
        let texts = rows("texts", 1);
        let held = HeldOut {
            features: rows("held", 3),
            targets: Tensor::from_slice(&[1_i64, 1, 1]),
        };
        let candidates = Candidates {
            ids: &[0],
            texts: &texts,
            scale: 1.0,
        };
        let found = best(&cache, &held, candidates, [2.0, 2.0], &Host::silent()).unwrap();
        assert_eq!(found, None);
    }
}
