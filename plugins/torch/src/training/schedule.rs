//! Learning-rate schedules, by epoch.

use std::f64::consts::PI;

/// Constant warm-up, then cosine annealing from the rate η, set once per epoch: with w warm-up
/// epochs at the rate η₀ and E epochs in total, epoch e = 0, 1, … E − 1 has
///
/// ```text
/// e < w    η₀
/// e ≥ w    η · (1 + cos(π (e − w) / E)) / 2
/// ```
///
/// CoOp trains with this schedule: Dassl's `ConstantWarmupScheduler` around
/// `CosineAnnealingLR(T_max = E)`, with `WARMUP_RECOUNT` at its default, on. The cosine starts
/// after the warm-up but its period is still E epochs, so the last epochs have slightly higher
/// rates than without warm-up, and never 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUpCosine {
    /// η.
    pub lr: f64,
    /// E.
    pub epochs: u32,
    /// w.
    pub warm_up_epochs: u32,
    /// η₀.
    pub warm_up_lr: f64,
}

impl WarmUpCosine {
    /// The rate of an epoch, counted from 0.
    pub fn lr(&self, epoch: u32) -> f64 {
        match epoch.checked_sub(self.warm_up_epochs) {
            None => self.warm_up_lr,
            Some(past) => {
                let part = f64::from(past) / f64::from(self.epochs);
                self.lr * (1.0 + libm::cos(PI * part)) / 2.0
            }
        }
    }
}

/// Cosine annealing from the rate η to 0 with warm restarts, each period twice as long as the
/// previous, set once per epoch: the first period has T₀ epochs; epoch i = 0, 1, … T − 1 of a
/// period of T epochs has
///
/// ```text
/// η · (1 + cos(π i / T)) / 2
/// ```
///
/// SGDR (Loshchilov and Hutter, 2017) with T_mult = 2 and η_min = 0; PyTorch's
/// `CosineAnnealingWarmRestarts`, stepped once after each epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmRestarts {
    /// η.
    pub lr: f64,
    /// T₀, at least 1.
    pub first_period: u32,
}

impl WarmRestarts {
    /// The rate of an epoch, counted from 0.
    pub fn lr(&self, epoch: u32) -> f64 {
        let (mut past, mut period) = (u64::from(epoch), u64::from(self.first_period.max(1)));
        while past >= period {
            past -= period;
            period *= 2;
        }
        let part = past as f64 / period as f64;
        self.lr * (1.0 + libm::cos(PI * part)) / 2.0
    }
}

/// Nearly a quarter of a cosine, from the rate η down: epoch e = 0, 1, … E − 1 has
///
/// ```text
/// η · cos(0.99 · π/2 · e / (E − 1))
/// ```
///
/// CODA-Prompt's `CosineSchedule`. The last epoch has 0.016 η; a single epoch has η.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuarterCosine {
    /// η.
    pub lr: f64,
    /// E.
    pub epochs: u32,
}

impl QuarterCosine {
    /// The rate of an epoch, counted from 0.
    pub fn lr(&self, epoch: u32) -> f64 {
        let part = f64::from(epoch) / f64::from(self.epochs.saturating_sub(1).max(1));
        self.lr * libm::cos(0.99 * PI / 2.0 * part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(epochs: u32, warm_up_epochs: u32) -> Vec<f64> {
        let schedule = WarmUpCosine {
            lr: 0.002,
            epochs,
            warm_up_epochs,
            warm_up_lr: 1e-5,
        };
        (0..epochs).map(|epoch| schedule.lr(epoch)).collect()
    }

    fn check(rates: &[f64], expected: &[f64]) {
        assert_eq!(rates.len(), expected.len());
        for (epoch, (ours, theirs)) in rates.iter().zip(expected).enumerate() {
            assert!(
                (ours - theirs).abs() < 1e-15,
                "epoch {epoch}: {ours}, not {theirs}"
            );
        }
    }

    /// At cos(kπ/6), where exact values are known.
    #[test]
    fn warm_up_cosine_matches_dassls_scheduler() {
        let root = 3_f64.sqrt();
        let eta = |cosine: f64| 0.001 * (1.0 + cosine);
        check(
            &rates(6, 1),
            &[1e-5, 0.002, eta(root / 2.0), eta(0.5), eta(0.0), eta(-0.5)],
        );
        check(
            &rates(6, 2),
            &[1e-5, 1e-5, 0.002, eta(root / 2.0), eta(0.5), eta(0.0)],
        );
        check(&rates(3, 0), &[0.002, eta(0.5), eta(-0.5)]);
        // CoOp's 50 epochs; the last values are those of PyTorch's recursion.
        check(
            &rates(50, 1)[48..],
            &[1.7712749271311268e-5, 7.88529868552223e-6],
        );
    }

    #[test]
    fn each_restart_doubles_the_period() {
        let schedule = WarmRestarts {
            lr: 0.002,
            first_period: 2,
        };
        let rates: Vec<f64> = (0..7).map(|epoch| schedule.lr(epoch)).collect();
        let half = 0.5_f64.sqrt();
        let eta = |cosine: f64| 0.001 * (1.0 + cosine);
        let by_hand = [
            0.002,
            eta(0.0),
            0.002,
            eta(half),
            eta(0.0),
            eta(-half),
            0.002,
        ];
        check(&rates, &by_hand);
    }

    #[test]
    fn quarter_cosine_matches_coda_prompts_schedule() {
        let rates = |epochs| {
            let schedule = QuarterCosine { lr: 0.5, epochs };
            (0..epochs)
                .map(|epoch| schedule.lr(epoch))
                .collect::<Vec<_>>()
        };
        // cos(99π e / (200 (E − 1))).
        let eta = |degrees: f64| 0.5 * libm::cos(degrees * PI / 180.0);
        check(&rates(4), &[0.5, eta(29.7), eta(59.4), eta(89.1)]);
        check(&rates(1), &[0.5]);
    }
}
