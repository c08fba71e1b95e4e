//! Fine-tuning of the keys that a task adds to the cache. The keys of past tasks and the texts stay
//! as they are, so their part of the logits is computed once.

use super::cache::{Weights, affinity};
use super::search::HeldOut;
use clbench_torch::During;
use clbench_torch::tch::nn::{AdamW, Optimizer, OptimizerConfig, VarStore};
use clbench_torch::tch::{Kind, Reduction, TchError, Tensor};
use clbench_torch::training::GradientMode;
use harness_abi::{Error, Host, Result};
use std::f64::consts::PI;

/// Samples to train or to measure on.
#[derive(Debug)]
pub struct Samples {
    /// Unit features, `[samples, width]`.
    pub features: Tensor,
    /// Their classes as positions among the candidates, i64 `[samples]`.
    pub targets: Tensor,
    /// The logits without the keys in training, `[samples, classes]`.
    pub rest: Tensor,
}

impl Samples {
    /// Selects rows by index, i64 `[rows]`.
    ///
    /// # Errors
    ///
    /// If a row does not exist.
    pub fn rows(&self, rows: &Tensor) -> Result<Samples, TchError> {
        Ok(Samples {
            features: self.features.f_index_select(0, rows)?,
            targets: self.targets.f_index_select(0, rows)?,
            rest: self.rest.f_index_select(0, rows)?,
        })
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.targets.numel()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Keys in training.
#[derive(Debug)]
pub struct Keys {
    /// Owns the keys, for the optimiser.
    variables: VarStore,
    /// `[keys, width]`.
    keys: Tensor,
    /// The class of every key, one-hot, `[keys, classes]`.
    values: Tensor,
    weights: Weights,
}

/// How keys are trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Passes over the samples that the learning rate is spread over.
    pub epochs: u32,
    /// Samples per step.
    pub batch_size: u32,
    /// η, the first learning rate.
    pub lr: f64,
    /// λ, the weight decay.
    pub weight_decay: f64,
}

/// Trained keys.
#[derive(Debug)]
pub struct Trained {
    /// `[keys, width]`.
    pub keys: Tensor,
    /// After how many epochs.
    pub epochs: u32,
    /// How many steps were made, including those of later epochs.
    pub steps: u64,
}

impl Keys {
    /// Keys that start at the features of samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn new(samples: &Samples, weights: Weights) -> Result<Keys, TchError> {
        let _mode = GradientMode::off();
        let classes = samples.rest.size()[1];
        let variables = VarStore::new(samples.features.device());
        Ok(Keys {
            keys: variables.root().f_var_copy("keys", &samples.features)?,
            values: samples.targets.f_one_hot(classes)?.f_to_kind(Kind::Float)?,
            variables,
            weights,
        })
    }

    /// Creates an optimiser without state.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn optimiser(&self, training: &Training) -> Result<Optimizer, TchError> {
        AdamW {
            wd: training.weight_decay,
            eps: 1e-4,
            ..AdamW::default()
        }
        .build(&self.variables, training.lr)
    }

    /// The logits of samples, `[samples, classes]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn logits(&self, samples: &Samples) -> Result<Tensor, TchError> {
        affinity(&samples.features, &self.keys, self.weights.beta)?
            .f_matmul(&self.values)?
            .f_mul_scalar(self.weights.alpha)?
            .f_add(&samples.rest)
    }

    /// Makes one step on a mini-batch. Returns its mean loss before the step, on the device.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn step(&self, optimiser: &mut Optimizer, batch: &Samples) -> Result<Tensor, TchError> {
        let _mode = GradientMode::on();
        let logits = self.logits(batch)?;
        let (targets, none) = (&batch.targets, None::<&Tensor>);
        let loss = logits.f_cross_entropy_loss(targets, none, Reduction::Mean, -100, 0.0)?;
        optimiser.zero_grad();
        loss.f_backward()?;
        optimiser.step();
        loss.f_detach()
    }

    /// A copy of the keys.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn copy(&self) -> Result<Tensor, TchError> {
        let _mode = GradientMode::off();
        self.keys.f_detach_copy()
    }

    /// How many samples are classified correctly.
    fn correct(&self, samples: &Samples, batch_size: i64) -> Result<i64, TchError> {
        let _mode = GradientMode::off();
        let total = samples.len() as i64;
        let mut correct = 0;
        for start in (0..total).step_by(batch_size as usize) {
            let length = batch_size.min(total - start);
            let part = Samples {
                features: samples.features.f_narrow(0, start, length)?,
                targets: samples.targets.f_narrow(0, start, length)?,
                rest: samples.rest.f_narrow(0, start, length)?,
            };
            let logits = self.logits(&part)?;
            let held = HeldOut {
                features: part.features,
                targets: part.targets,
            };
            correct += held.correct(&logits)?.f_int64_value(&[])?;
        }
        Ok(correct)
    }
}

impl Training {
    /// The learning rate of a step, counted from 0, of `steps` in all: cosine annealing to 0.
    pub fn lr(&self, step: u64, steps: u64) -> f64 {
        self.lr * (1.0 + (PI * step as f64 / steps.max(1) as f64).cos()) / 2.0
    }

    /// Trains the keys of `samples` for `epochs` of the planned epochs, each in an order that is
    /// drawn for it. With held-out samples, the keys of the first epoch with the most correct ones
    /// are returned.
    ///
    /// # Errors
    ///
    /// If the host cancels or training diverges; propagates errors from libtorch.
    pub fn run(
        &self,
        keys: &Keys,
        samples: &Samples,
        held: Option<&Samples>,
        epochs: u32,
        order: &mut dyn FnMut() -> Vec<i64>,
        host: &Host,
    ) -> Result<Trained> {
        let batch_size = self.batch_size as usize;
        let optimiser = keys.optimiser(self).during("making the optimiser");
        let mut optimiser = optimiser?;
        let per_epoch = samples.len().div_ceil(batch_size) as u64;
        let steps = u64::from(self.epochs) * per_epoch;
        let (loss_name, phase) = match held {
            None => ("loss", "epoch"),
            Some(_) => ("trial_loss", "epoch of the trial"),
        };
        let mut step = 0;
        let mut best: Option<(Trained, i64)> = None;
        for epoch in 1..=epochs {
            let doing = format!("{phase} {epoch} of {epochs}");
            let mut losses = Vec::new();
            for rows in order().chunks(batch_size) {
                if host.cancelled() {
                    return Err(Error::cancelled());
                }
                optimiser.set_lr(self.lr(step, steps));
                let loss = Tensor::f_from_slice(rows)
                    .and_then(|rows| rows.f_to_device(samples.features.device()))
                    .and_then(|rows| keys.step(&mut optimiser, &samples.rows(&rows)?));
                losses.push(loss.during(&doing)?);
                step += 1;
            }
            let loss = clbench_torch::training::total(&losses).during(&doing)?;
            let loss = loss / losses.len().max(1) as f64;
            if !loss.is_finite() {
                return Err(Error::failed(format!(
                    "training diverged: the loss is not finite; lower `lr` (now {}) or `beta`",
                    self.lr
                ))
                .context(doing));
            }
            host.scalar(loss_name, epoch.into(), loss);
            host.progress(phase, epoch.into(), epochs.into());
            let correct = match held {
                Some(held) => {
                    let correct = keys.correct(held, self.batch_size.into()).during(&doing)?;
                    let accuracy = correct as f64 / held.len() as f64;
                    host.scalar("trial_accuracy", epoch.into(), accuracy);
                    correct
                }
                // The last epoch counts.
                None => epoch.into(),
            };
            let last = held.is_none() && epoch < epochs;
            if !last && best.as_ref().is_none_or(|(_, most)| correct > *most) {
                let trained = Trained {
                    keys: keys.copy().during(&doing)?,
                    epochs: epoch,
                    steps: 0,
                };
                best = Some((trained, correct));
            }
        }
        let (best, _) = best.expect("there is at least one epoch");
        Ok(Trained {
            steps: step,
            ..best
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;
    use clbench_torch::prompting::cosine::unit_rows;
    use clbench_torch::tch::Device;

    const WEIGHTS: Weights = Weights {
        alpha: 1.5,
        beta: 2.0,
    };

    /// Noisy samples of three classes around random directions; `rest` favours no class.
    fn samples(rows: i64, purpose: &str) -> Samples {
        let noise = Generator::new(2, purpose, 0).normal_tensor(&[rows, 8], 0.6, Device::Cpu);
        let centres = Generator::new(2, "centres", 0).normal_tensor(&[3, 8], 1.0, Device::Cpu);
        let targets: Vec<i64> = (0..rows).map(|row| row % 3).collect();
        let targets = Tensor::from_slice(&targets);
        let features = centres.unwrap().index_select(0, &targets) + noise.unwrap();
        Samples {
            features: unit_rows(&features).unwrap(),
            targets,
            rest: Tensor::zeros([rows, 3], (Kind::Float, Device::Cpu)),
        }
    }

    fn training(epochs: u32) -> Training {
        Training {
            epochs,
            batch_size: 7,
            lr: 0.01,
            weight_decay: 0.01,
        }
    }

    fn run(training: Training, held: Option<&Samples>, epochs: u32) -> (Trained, Keys) {
        let samples = samples(30, "train");
        let keys = Keys::new(&samples, WEIGHTS).unwrap();
        let mut order = Generator::new(1, "order", 1);
        let host = Host::silent();
        let mut order = || order.permutation(samples.len());
        let trained = training.run(&keys, &samples, held, epochs, &mut order, &host);
        (trained.unwrap(), keys)
    }

    #[test]
    fn the_learning_rate_is_a_cosine_by_step() {
        let rates = [0, 25, 50, 100].map(|step| training(20).lr(step, 100));
        let expected = [0.01, 0.005 * (1.0 + 0.5_f64.sqrt()), 0.005, 0.0];
        for (rate, expected) in rates.iter().zip(expected) {
            assert!((rate - expected).abs() < 1e-15, "{rates:?}");
        }
    }

    #[test]
    fn without_held_out_samples_the_last_epoch_counts() {
        let (trained, keys) = run(training(4), None, 3);
        assert_eq!((trained.epochs, trained.steps), (3, 15));
        assert_eq!(trained.keys, keys.copy().unwrap());
        let start = samples(30, "train").features;
        assert!((trained.keys - start).abs().max().double_value(&[]) > 0.01);
    }

    #[test]
    fn the_first_of_the_best_epochs_is_chosen_and_can_be_repeated() {
        let held = samples(24, "held");
        let (chosen, keys) = run(training(12), Some(&held), 12);
        assert_eq!(chosen.steps, 60);
        let accuracy = |epochs: u32| {
            let (trained, keys) = run(training(12), None, epochs);
            (keys.correct(&held, 5).unwrap(), trained.keys)
        };
        let all: Vec<_> = (1..=12).map(accuracy).collect();
        let most = all.iter().map(|(correct, _)| *correct).max().unwrap();
        let first = all
            .iter()
            .position(|(correct, _)| *correct == most)
            .unwrap();
        assert_eq!(chosen.epochs as usize, first + 1);
        assert_eq!(chosen.keys, all[first].1);
        assert_eq!(keys.copy().unwrap(), all[11].1);
    }

    /// A full class of a limited cache may bring nothing new.
    #[test]
    fn a_task_without_samples_to_cache_trains_nothing() {
        let samples = samples(0, "train");
        let keys = Keys::new(&samples, WEIGHTS).unwrap();
        let host = Host::silent();
        let trained = training(2).run(&keys, &samples, None, 2, &mut Vec::new, &host);
        let trained = trained.unwrap();
        assert_eq!((trained.keys.size(), trained.steps), (vec![0, 8], 0));
    }

    #[test]
    fn divergence_is_an_error_that_says_what_to_lower() {
        let samples = samples(9, "train");
        let keys = Keys::new(&samples, WEIGHTS).unwrap();
        let training = Training {
            lr: 1e8,
            ..training(5)
        };
        let mut order = Generator::new(1, "order", 1);
        let host = Host::silent();
        let mut order = || order.permutation(samples.len());
        let error = training.run(&keys, &samples, None, 5, &mut order, &host);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("the loss is not finite; lower `lr` (now 100000000) or `beta`"),
            "{error}"
        );
    }
}
