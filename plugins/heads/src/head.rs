//! The head: a weight matrix and a bias on frozen features, and the training step.
//!
//! Logits are z = W x + b, with W `[classes, width]`; the loss of a mini-batch is the mean
//! cross-entropy of softmax(z) over the candidate classes. The rows of other classes get no
//! gradient; only weight decay changes them. A method that must leave them alone, or has a loss of
//! its own, trains a [part](Head::part) of the head, with [`descend`](Head::descend).

use crate::parameters::{Normalise, Optimiser, Parameters};
use clbench_torch::bridge::state;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::nn::{Adam, Optimizer, OptimizerConfig, Sgd, VarStore};
use clbench_torch::tch::{Device, Kind, Reduction, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Generator};
use harness_abi::{Error, Result, State};

/// Training samples, on the head's device.
#[derive(Debug)]
pub struct TaskSamples {
    /// `[rows, width]`.
    features: Tensor,
    /// The position of every row's class among the candidates, i64 `[rows]`.
    targets: Tensor,
    candidates: Candidates,
}

/// The classes that a cross-entropy chooses among.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// Class ids in ascending order.
    classes: Vec<i64>,
}

impl Candidates {
    /// These classes, in any order.
    pub fn new(classes: impl IntoIterator<Item = i64>) -> Candidates {
        let mut classes: Vec<i64> = classes.into_iter().collect();
        classes.sort_unstable();
        classes.dedup();
        Candidates { classes }
    }

    /// The position of a class.
    fn position(&self, class: i64) -> Option<i64> {
        let found = self.classes.binary_search(&class);
        found.ok().map(|position| position as i64)
    }

    /// The rows of a tensor, `[classes, …]`, that belong to the candidates. Differentiable.
    fn rows(&self, tensor: &Tensor) -> Result<Tensor, TchError> {
        let (first, count) = (
            self.classes.first().copied().unwrap_or(0),
            self.classes.len() as i64,
        );
        if self.classes.iter().copied().eq(first..first + count) {
            return tensor.f_narrow(0, first, count);
        }
        let classes = Tensor::f_from_slice(&self.classes)?;
        tensor.f_index_select(0, &classes.f_to_device(tensor.device())?)
    }
}

impl TaskSamples {
    /// Samples with the class id of every row.
    ///
    /// # Errors
    ///
    /// If a label is not among the candidates.
    pub fn new(features: Tensor, labels: &[i64], candidates: Candidates) -> Result<TaskSamples> {
        let position = |&label: &i64| {
            candidates.position(label).ok_or_else(|| {
                Error::failed(format!(
                    "a sample has class {label}, which is not among the candidates {:?}",
                    candidates.classes
                ))
            })
        };
        let targets: Vec<i64> = labels.iter().map(position).collect::<Result<_>>()?;
        let targets = Tensor::f_from_slice(&targets)
            .and_then(|targets| targets.f_to_device(features.device()))
            .during("preparing the labels")?;
        Ok(TaskSamples {
            features,
            targets,
            candidates,
        })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.targets.numel()
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
            targets: self.targets.f_index_select(0, &rows)?,
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

    /// Creates stochastic gradient descent with momentum, without state.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn sgd(&self, lr: f64, momentum: f64, weight_decay: f64) -> Result<Optimizer, TchError> {
        Sgd {
            momentum,
            wd: weight_decay,
            ..Sgd::default()
        }
        .build(&self.variables, lr)
    }

    /// Creates an optimiser without state.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn optimiser(&self, parameters: &Parameters) -> Result<Optimizer, TchError> {
        let wd = parameters.weight_decay;
        match parameters.optimiser {
            Optimiser::Sgd => self.sgd(parameters.lr, parameters.momentum(), wd),
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
        let weight = batch.candidates.rows(&self.weight)?;
        let bias = batch.candidates.rows(&self.bias)?;
        let logits = batch.features.f_linear(&weight, Some(&bias))?;
        stepped(optimiser, &cross_entropy(&logits, &batch.targets)?)
    }

    /// Makes one step on a loss of the logits of all classes of this head. Returns the loss before
    /// the step, on the device.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn descend(
        &self,
        optimiser: &mut Optimizer,
        features: &Tensor,
        loss: impl FnOnce(&Tensor) -> Result<Tensor, TchError>,
    ) -> Result<Tensor, TchError> {
        let logits = features.f_linear(&self.weight, Some(&self.bias))?;
        stepped(optimiser, &loss(&logits)?)
    }

    /// A head of its own that starts with copies of the rows of these classes, in this order: its
    /// class i is `classes[i]` here.
    ///
    /// # Errors
    ///
    /// If a class is out of range.
    pub fn part(&self, classes: &[i64]) -> Result<Head> {
        let doing = "copying rows of the head";
        let _mode = GradientMode::off();
        let device = self.variables.device();
        let variables = VarStore::new(device);
        let rows = Tensor::f_from_slice(classes)
            .and_then(|rows| rows.f_to_device(device))
            .during(doing)?;
        let copied = |name, tensor: &Tensor| {
            let rows = tensor.f_index_select(0, &rows)?;
            variables.root().f_var_copy(name, &rows)
        };
        Ok(Head {
            weight: copied("weight", &self.weight).during(doing)?,
            bias: copied("bias", &self.bias).during(doing)?,
            variables,
        })
    }

    /// Takes the rows of these classes from a [part](Self::part) of this head.
    ///
    /// # Errors
    ///
    /// If the part has another number of classes.
    pub fn replace(&mut self, classes: &[i64], part: &Head) -> Result<()> {
        let _mode = GradientMode::off();
        let rows = Tensor::f_from_slice(classes)
            .and_then(|rows| rows.f_to_device(self.variables.device()));
        let mut replaced = |rows: &Tensor| {
            let _ = self.weight.f_index_copy_(0, rows, &part.weight)?;
            self.bias.f_index_copy_(0, rows, &part.bias)
        };
        rows.and_then(|rows| replaced(&rows).map(drop))
            .during("replacing rows of the head")
    }

    /// The weights, `[classes, width]`, and the bias, `[classes]`.
    pub fn tensors(&self) -> (&Tensor, &Tensor) {
        (&self.weight, &self.bias)
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

/// Steps down the gradient of a loss. Returns its value.
fn stepped(optimiser: &mut Optimizer, loss: &Tensor) -> Result<Tensor, TchError> {
    optimiser.zero_grad();
    loss.f_backward()?;
    optimiser.step();
    loss.f_detach()
}

/// The mean cross-entropy of logits, `[rows, classes]`, given the position of each row's class.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor, TchError> {
    logits.f_cross_entropy_loss(targets, None::<&Tensor>, Reduction::Mean, -100, 0.0)
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
            candidates: &[usize],
            p: &Parameters,
        ) -> f64 {
            let n = features.len() as f64;
            let mut weight_gradient = vec![vec![0.0; 3]; self.bias.len()];
            let mut bias_gradient = vec![0.0; self.bias.len()];
            let mut loss = 0.0;
            for (x, &label) in features.iter().zip(labels) {
                let logits: Vec<f64> = candidates
                    .iter()
                    .map(|&c| {
                        self.bias[c]
                            + self.weight[c]
                                .iter()
                                .zip(x)
                                .map(|(w, x)| w * x)
                                .sum::<f64>()
                    })
                    .collect();
                let total: f64 = logits.iter().map(|z| z.exp()).sum();
                let position = candidates.iter().position(|&c| c == label).unwrap();
                loss -= (logits[position].exp() / total).ln() / n;
                for (&c, logit) in candidates.iter().zip(logits) {
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

    /// Classes 1 and 2 are candidates, or 0, 1 and 3, which are no range; the others only decay.
    #[test]
    fn steps_match_softmax_regression_computed_by_hand() {
        for (candidates, labels) in [
            (&[1, 2][..], [1_i64, 2, 2, 1, 2]),
            (&[3, 0, 1], [3, 0, 1, 3, 1]),
        ] {
            check_steps(candidates, &labels);
        }
    }

    fn check_steps(candidates: &[usize], labels: &[i64; 5]) {
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
        let samples = TaskSamples::new(
            Tensor::from_slice(&flat).view((5, 3)),
            labels,
            Candidates::new(candidates.iter().map(|&class| class as i64)),
        )
        .unwrap();
        let mut optimiser = head.optimiser(&parameters).unwrap();
        for step in 0..6 {
            let loss = head
                .step(&mut optimiser, &samples)
                .unwrap()
                .double_value(&[]);
            let labels = labels.map(|label| label as usize);
            let expected = by_hand.step(&features, &labels, candidates, &parameters);
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
    fn a_part_is_trained_alone_and_put_back() {
        let mut generator = Generator::new(5, "init", 0);
        let mut head = Head::new(5, 2, 1.0, &mut generator, Device::Cpu).unwrap();
        let before = head.weight.detach().copy();
        let part = head.part(&[3, 1]).unwrap();
        assert_eq!(
            part.weight.detach(),
            before.index_select(0, &Tensor::from_slice(&[3_i64, 1]))
        );
        let features = Tensor::from_slice(&[1.0_f32, 2.0, -0.5, 3.0]).view((2, 2));
        let targets = Tensor::from_slice(&[0_i64, 1]);
        let mut optimiser = part.sgd(0.5, 0.9, 0.1).unwrap();
        let loss = part
            .descend(&mut optimiser, &features, |logits| {
                cross_entropy(logits, &targets)
            })
            .unwrap();
        assert!(loss.double_value(&[]) > 0.0);
        assert_eq!(head.weight.detach(), before);
        head.replace(&[3, 1], &part).unwrap();
        for class in 0..5 {
            let expected = match class {
                3 => part.weight.detach().get(0),
                1 => part.weight.detach().get(1),
                _ => before.get(class),
            };
            assert_eq!(head.weight.detach().get(class), expected);
        }
        assert_ne!(head.weight.detach().get(3), before.get(3));
    }

    #[test]
    fn a_label_that_is_no_candidate_is_named() {
        let features = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let error = TaskSamples::new(features, &[4, 2], Candidates::new([4, 1])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a sample has class 2, which is not among the candidates [1, 4]"
        );
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
