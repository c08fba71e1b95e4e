//! The head: a weight matrix and a bias on frozen features, and the training step.
//!
//! Logits are z = W x + b, with W `[classes, width]`; the loss of a mini-batch is the mean
//! cross-entropy of softmax(z) over the candidate classes. The rows of other classes get no
//! gradient; only weight decay changes them.

use crate::parameters::{Normalise, Optimiser, Parameters};
use clbench_torch::bridge::state;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::nn::{Adam, Optimizer, OptimizerConfig, Sgd, VarStore};
use clbench_torch::tch::{Device, Kind, Reduction, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Generator};
use harness_abi::{Result, State};
use std::ops::Range;

/// Training samples, on the head's device.
#[derive(Debug)]
pub struct TaskSamples {
    /// `[rows, width]`.
    pub features: Tensor,
    /// The class id of every row, i64 `[rows]`.
    pub labels: Tensor,
    /// The candidate class ids of the cross-entropy; contains every label.
    pub candidates: Range<i64>,
}

impl TaskSamples {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Selects rows by index.
    fn rows(&self, rows: &[i64]) -> Result<TaskSamples, TchError> {
        let rows = Tensor::f_from_slice(rows)?.f_to_device(self.features.device())?;
        Ok(TaskSamples {
            features: self.features.f_index_select(0, &rows)?,
            labels: self.labels.f_index_select(0, &rows)?,
            candidates: self.candidates.clone(),
        })
    }
}

/// A head over all classes of a stream.
#[derive(Debug)]
pub struct Head {
    /// Owns the two tensors below, for the optimiser.
    variables: VarStore,
    /// `[classes, width]`.
    weight: Tensor,
    /// `[classes]`.
    bias: Tensor,
}

impl Head {
    /// Creates a head with normally distributed weights of standard deviation `deviation` and zero
    /// bias.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn new(
        classes: u32,
        width: u32,
        deviation: f64,
        generator: &mut Generator,
        device: Device,
    ) -> Result<Head> {
        let (classes, width) = (i64::from(classes), i64::from(width));
        let _mode = GradientMode::off();
        let variables = VarStore::new(device);
        let mut weight = variables.root().zeros("weight", &[classes, width]);
        let bias = variables.root().zeros("bias", &[classes]);
        let values = generator.normal_tensor(&[classes, width], deviation, device)?;
        weight.f_copy_(&values).during("making the head")?;
        Ok(Head {
            variables,
            weight,
            bias,
        })
    }

    /// Creates an optimiser without state.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn optimiser(&self, parameters: &Parameters) -> Result<Optimizer, TchError> {
        let wd = parameters.weight_decay;
        match parameters.optimiser {
            Optimiser::Sgd => Sgd {
                momentum: parameters.momentum(),
                wd,
                ..Sgd::default()
            }
            .build(&self.variables, parameters.lr),
            Optimiser::Adam => Adam {
                wd,
                ..Adam::default()
            }
            .build(&self.variables, parameters.lr),
        }
    }

    /// Makes one pass over `samples` in the given order, one step per `batch_size` rows. Returns
    /// the mean loss per sample, each measured before its step.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn epoch(
        &self,
        optimiser: &mut Optimizer,
        samples: &TaskSamples,
        order: &[i64],
        batch_size: usize,
    ) -> Result<f64, TchError> {
        // Summed on the device: reading a number after every step would synchronise each time.
        let mut total = Tensor::f_zeros([0; 0], (Kind::Double, self.variables.device()))?;
        for rows in order.chunks(batch_size) {
            let loss = self.step(optimiser, &samples.rows(rows)?)?;
            total = total.f_add(
                &loss
                    .f_to_kind(Kind::Double)?
                    .f_mul_scalar(rows.len() as f64)?,
            )?;
        }
        Ok(total.f_double_value(&[])? / order.len().max(1) as f64)
    }

    /// Makes one step on a mini-batch. Returns its mean loss before the step.
    fn step(&self, optimiser: &mut Optimizer, batch: &TaskSamples) -> Result<Tensor, TchError> {
        let (first, length) = (
            batch.candidates.start,
            batch.candidates.end - batch.candidates.start,
        );
        let weight = self.weight.f_narrow(0, first, length)?;
        let bias = self.bias.f_narrow(0, first, length)?;
        let logits = batch.features.f_linear(&weight, Some(&bias))?;
        let targets = batch.labels.f_sub_scalar(first)?;
        let loss =
            logits.f_cross_entropy_loss(&targets, None::<&Tensor>, Reduction::Mean, -100, 0.0)?;
        optimiser.zero_grad();
        loss.f_backward()?;
        optimiser.step();
        loss.f_detach()
    }

    /// Logits `[batch, classes]` of `features` `[batch, width]`, one column per requested class.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn logits(&self, features: &Tensor, classes: &[i64]) -> Result<Tensor, TchError> {
        let classes = Tensor::f_from_slice(classes)?.f_to_device(self.variables.device())?;
        let weight = self.weight.f_index_select(0, &classes)?;
        let bias = self.bias.f_index_select(0, &classes)?;
        features.f_linear(&weight, Some(&bias))
    }

    /// The weights and the bias.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn state(&self) -> Result<State> {
        let mut written = State::default();
        state::put(&mut written, "weight", &self.weight)?;
        state::put(&mut written, "bias", &self.bias)?;
        Ok(written)
    }

    /// Restores the weights and the bias.
    ///
    /// # Errors
    ///
    /// If the state does not belong to a head of this shape.
    pub fn restore(&mut self, mut written: State) -> Result<()> {
        state::take(&mut written, "weight", &mut self.weight)?;
        state::take(&mut written, "bias", &mut self.bias)
    }
}

/// Preprocesses features for the head.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn normalised(features: Tensor, normalise: Normalise) -> Result<Tensor, TchError> {
    match normalise {
        Normalise::None => Ok(features),
        Normalise::Unit => unit_rows(&features),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Softmax regression with SGD, momentum and weight decay, computed by hand in f64.
    struct ByHand {
        weight: Vec<Vec<f64>>,
        bias: Vec<f64>,
        weight_velocity: Vec<Vec<f64>>,
        bias_velocity: Vec<f64>,
    }

    impl ByHand {
        fn step(
            &mut self,
            features: &[[f64; 3]],
            labels: &[usize],
            candidates: Range<usize>,
            p: &Parameters,
        ) -> f64 {
            let n = features.len() as f64;
            let mut weight_gradient = vec![vec![0.0; 3]; self.bias.len()];
            let mut bias_gradient = vec![0.0; self.bias.len()];
            let mut loss = 0.0;
            for (x, &label) in features.iter().zip(labels) {
                let logits: Vec<f64> = candidates
                    .clone()
                    .map(|c| {
                        self.bias[c]
                            + self.weight[c]
                                .iter()
                                .zip(x)
                                .map(|(w, x)| w * x)
                                .sum::<f64>()
                    })
                    .collect();
                let total: f64 = logits.iter().map(|z| z.exp()).sum();
                loss -= (logits[label - candidates.start].exp() / total).ln() / n;
                for (c, logit) in candidates.clone().zip(logits) {
                    let residual = logit.exp() / total - f64::from(u8::from(c == label));
                    bias_gradient[c] += residual / n;
                    for (g, x) in weight_gradient[c].iter_mut().zip(x) {
                        *g += residual * x / n;
                    }
                }
            }
            let update = |value: &mut f64, velocity: &mut f64, gradient: f64| {
                *velocity = p.momentum() * *velocity + gradient + p.weight_decay * *value;
                *value -= p.lr * *velocity;
            };
            for c in 0..self.bias.len() {
                update(
                    &mut self.bias[c],
                    &mut self.bias_velocity[c],
                    bias_gradient[c],
                );
                let velocities = &mut self.weight_velocity[c];
                let row = self.weight[c].iter_mut().zip(velocities);
                for ((weight, velocity), &gradient) in row.zip(&weight_gradient[c]) {
                    update(weight, velocity, gradient);
                }
            }
            loss
        }
    }

    #[test]
    fn steps_match_softmax_regression_computed_by_hand() {
        let parameters = Parameters {
            lr: 0.3,
            momentum: Some(0.8),
            weight_decay: 0.05,
            ..Parameters::default()
        };
        let mut generator = Generator::new(11, "init", 0);
        let mut head = Head::new(4, 3, 0.5, &mut generator, Device::Cpu).unwrap();
        let first: Vec<f32> = Vec::try_from(head.weight.detach().view(-1)).unwrap();
        let mut by_hand = ByHand {
            weight: first
                .chunks(3)
                .map(|row| row.iter().map(|&w| w.into()).collect())
                .collect(),
            bias: vec![0.0; 4],
            weight_velocity: vec![vec![0.0; 3]; 4],
            bias_velocity: vec![0.0; 4],
        };
        let features: [[f64; 3]; 5] =
            std::array::from_fn(|_| std::array::from_fn(|_| f64::from(generator.normal() as f32)));
        let flat: Vec<f32> = features.iter().flatten().map(|&v| v as f32).collect();
        // Classes 1 and 2 are candidates; 0 and 3 only decay.
        let labels = [1_i64, 2, 2, 1, 2];
        let samples = TaskSamples {
            features: Tensor::from_slice(&flat).view((5, 3)),
            labels: Tensor::from_slice(&labels),
            candidates: 1..3,
        };
        let mut optimiser = head.optimiser(&parameters).unwrap();
        for step in 0..6 {
            let loss = head
                .step(&mut optimiser, &samples)
                .unwrap()
                .double_value(&[]);
            let expected = by_hand.step(
                &features,
                &labels.map(|label| label as usize),
                1..3,
                &parameters,
            );
            assert!(
                (loss - expected).abs() < 1e-6,
                "loss of step {step}: {loss}, by hand {expected}"
            );
        }
        let close = |ours: &Tensor, theirs: Vec<f64>| {
            let ours: Vec<f64> =
                Vec::try_from(ours.detach().to_kind(Kind::Double).view(-1)).unwrap();
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert!((ours - theirs).abs() < 1e-6, "{ours}, by hand {theirs}");
            }
        };
        close(&head.weight, by_hand.weight.concat());
        close(&head.bias, by_hand.bias);

        let state = head.state().unwrap();
        let bytes = state.to_bytes().unwrap();
        let mut other = Head::new(4, 3, 0.5, &mut generator, Device::Cpu).unwrap();
        other.restore(state).unwrap();
        assert_eq!(other.state().unwrap().to_bytes().unwrap(), bytes);
        head = other;
        // A restored head can still be trained.
        let mut optimiser = head.optimiser(&parameters).unwrap();
        let _ = head.step(&mut optimiser, &samples).unwrap();
        assert_ne!(head.state().unwrap().to_bytes().unwrap(), bytes);
    }

    #[test]
    fn logits_have_the_requested_columns() {
        let head = Head::new(5, 2, 1.0, &mut Generator::new(1, "init", 0), Device::Cpu).unwrap();
        let features = Tensor::from_slice(&[1.0_f32, 2.0, -0.5, 3.0]).view((2, 2));
        let all = head.logits(&features, &[0, 1, 2, 3, 4]).unwrap();
        let some = head.logits(&features, &[3, 0]).unwrap();
        assert_eq!(some.size(), [2, 2]);
        for (column, class) in [(0, 3), (1, 0)] {
            let difference = some.select(1, column) - all.select(1, class);
            assert!(difference.abs().max().double_value(&[]) < 1e-6);
        }
    }

    #[test]
    fn normalised_features_have_unit_length_and_zeros_stay_zero() {
        let features = Tensor::from_slice(&[3.0_f32, 4.0, 0.0, 0.0]).view((2, 2));
        let unit = normalised(features, Normalise::Unit).unwrap();
        assert_eq!(
            Vec::<f32>::try_from(unit.view(-1)).unwrap(),
            [0.6, 0.8, 0.0, 0.0]
        );
    }
}
