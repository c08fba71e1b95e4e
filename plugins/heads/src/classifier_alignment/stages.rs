//! The two stages of training, on samples and draws that the caller makes.
//!
//! Stage 1 trains the rows of a task's classes with the cross-entropy over these classes only; the
//! other rows stay as they are. Stage 2 trains the rows of all classes seen, on drawn features. Its
//! loss is the cross-entropy of normalised logits: with z_k, the logits of the classes that first
//! arrived in task k, and K such tasks,
//!
//! ```text
//! softmax(z / (n τ)),   n = Σ_k (‖z_k‖ + 1e-7) / K
//! ```
//!
//! so that a task's logits cannot grow at the cost of the others'. Without normalisation it is the plain
//! cross-entropy, without τ. Predictions use z itself.

use super::parameters::{Alignment, Training};
use crate::head::{Head, cross_entropy};
use clbench_torch::During;
use clbench_torch::tch::{TchError, Tensor};
use clbench_torch::training::{GradientMode, TrainingSamples, WarmUpCosine, all_finite, total};
use harness_abi::{Error, Host, Result};
use std::ops::Range;

/// Trains a head on samples, in the order of the row indices that `order` returns for every epoch,
/// counted from 0. Returns the number of steps.
///
/// # Errors
///
/// Errors from libtorch, a loss that is not finite, or [`Error::cancelled`].
pub fn train(
    head: &Head,
    training: &Training,
    samples: &TrainingSamples,
    host: &Host,
    mut order: impl FnMut(u32) -> Result<Tensor>,
) -> Result<u64> {
    let doing = "making the optimiser";
    let optimiser = head.sgd(training.lr, training.momentum, training.weight_decay);
    let mut optimiser = optimiser.during(doing)?;
    let mut steps = 0;
    for epoch in 0..training.epochs {
        optimiser.set_lr(training.rate(epoch));
        let doing = format!("training, epoch {} of {}", epoch + 1, training.epochs);
        let shuffled = samples.rows(&order(epoch)?).during(&doing)?;
        let batch_size = i64::from(training.batch_size);
        let loss = pass(&shuffled, batch_size, host, |batch| {
            steps += 1;
            head.descend(&mut optimiser, &batch.features, |logits| {
                cross_entropy(logits, &batch.targets)
            })
        });
        let last = epoch + 1 == training.epochs;
        let loss = loss
            .and_then(|loss| finite(loss, last.then_some(head), "training.lr", training.lr))
            .map_err(|error| error.context(doing))?;
        host.scalar("loss", u64::from(epoch) + 1, loss);
        host.progress("epoch", u64::from(epoch) + 1, training.epochs.into());
    }
    Ok(steps)
}

/// Aligns a head of all classes seen on features that `drawn` returns for every epoch, counted from
/// 0, in training order. `blocks` are the classes of each task. Returns the number of steps.
///
/// # Errors
///
/// As for [`train`], and errors from `drawn`.
pub fn align(
    head: &Head,
    alignment: &Alignment,
    training: &Training,
    blocks: &[Range<i64>],
    host: &Host,
    mut drawn: impl FnMut(u32) -> Result<TrainingSamples>,
) -> Result<u64> {
    let doing = "making the optimiser";
    let optimiser = head.sgd(alignment.lr, training.momentum, training.weight_decay);
    let mut optimiser = optimiser.during(doing)?;
    let schedule = WarmUpCosine {
        lr: alignment.lr,
        epochs: alignment.epochs,
        warm_up_epochs: 0,
        warm_up_lr: 0.0,
    };
    let mut steps = 0;
    for epoch in 0..alignment.epochs {
        optimiser.set_lr(schedule.lr(epoch));
        let doing = format!("alignment, epoch {} of {}", epoch + 1, alignment.epochs);
        let samples = drawn(epoch).map_err(|error| error.context(doing.clone()))?;
        let batch_size = i64::from(alignment.batch_size);
        let loss = pass(&samples, batch_size, host, |batch| {
            steps += 1;
            head.descend(&mut optimiser, &batch.features, |logits| {
                if !alignment.logit_normalisation {
                    return cross_entropy(logits, &batch.targets);
                }
                let scaled = logits.f_div(&mean_norm(logits, blocks)?)?;
                let scaled = scaled.f_div_scalar(alignment.temperature)?;
                cross_entropy(&scaled, &batch.targets)
            })
        });
        let last = epoch + 1 == alignment.epochs;
        let loss = loss
            .and_then(|loss| finite(loss, last.then_some(head), "alignment.lr", alignment.lr))
            .map_err(|error| error.context(doing))?;
        host.scalar("alignment loss", u64::from(epoch) + 1, loss);
        host.progress(
            "alignment epoch",
            u64::from(epoch) + 1,
            alignment.epochs.into(),
        );
    }
    Ok(steps)
}

/// n, `[rows, 1]`, of logits `[rows, classes]`.
fn mean_norm(logits: &Tensor, blocks: &[Range<i64>]) -> Result<Tensor, TchError> {
    let norms = blocks.iter().map(|block| {
        let block = logits.f_narrow(1, block.start, block.end - block.start)?;
        block
            .f_norm_scalaropt_dim(2.0, [1], true)?
            .f_add_scalar(1e-7)
    });
    let norms: Vec<Tensor> = norms.collect::<Result<_, TchError>>()?;
    Tensor::f_cat(&norms, 1)?.f_mean_dim([1_i64].as_slice(), true, logits.kind())
}

/// Makes one step per `batch_size` rows. Returns the mean loss per sample, each measured before its
/// step.
fn pass(
    samples: &TrainingSamples,
    batch_size: i64,
    host: &Host,
    mut step: impl FnMut(&TrainingSamples) -> Result<Tensor, TchError>,
) -> Result<f64> {
    let doing = "a step";
    let _mode = GradientMode::on();
    let rows = samples.len() as i64;
    let mut losses = Vec::new();
    for start in (0..rows).step_by(batch_size as usize) {
        if host.cancelled() {
            return Err(Error::cancelled());
        }
        let length = batch_size.min(rows - start);
        let batch = samples.range(start, length).during(doing)?;
        let loss = step(&batch).and_then(|loss| loss.f_mul_scalar(length));
        losses.push(loss.during(doing)?);
    }
    // The first value of the epoch to be read, so the only synchronisation with the device.
    Ok(total(&losses).during(doing)? / rows.max(1) as f64)
}

/// The loss, if it is finite and the trained head is too.
fn finite(loss: f64, trained: Option<&Head>, key: &str, lr: f64) -> Result<f64> {
    let sound = |head: &Head| {
        let (weight, bias) = head.tensors();
        Ok(all_finite(weight)? && all_finite(bias)?)
    };
    let sound = trained.map_or(Ok(true), sound);
    match loss.is_finite() && sound.during("looking for numbers that are not finite")? {
        true => Ok(loss),
        false => Err(Error::failed(format!(
            "training diverged: the loss is not finite; lower `{key}` (now {lr}), or set `normalise: unit`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::tch::{Device, Kind};

    #[test]
    fn logits_are_normalised_by_the_mean_length_of_the_tasks() {
        let logits = Tensor::from_slice(&[3.0_f32, 4.0, -2.0, 0.0, 0.0, 0.0]).view((2, 3));
        let norms = mean_norm(&logits, &[0..2, 2..3]).unwrap();
        assert_eq!(norms.size(), [2, 1]);
        let norms: Vec<f64> = Vec::try_from(norms.to_kind(Kind::Double).view(-1)).unwrap();
        assert!((norms[0] - 3.5).abs() < 1e-6 && (norms[1] - 1e-7).abs() < 1e-12);
    }

    /// Logits of 0 have a length whose gradient is not defined; it must not become NaN.
    #[test]
    fn features_of_zero_can_be_aligned() {
        let mut generator = clbench_torch::Generator::new(1, "init", 0);
        let head = Head::new(3, 2, 0.1, &mut generator, Device::Cpu).unwrap();
        let settings = super::super::Parameters::default().settings();
        let steps = align(
            &head,
            &settings.alignment,
            &settings.training,
            &[0..2, 2..3],
            &Host::silent(),
            |_| {
                Ok(TrainingSamples {
                    features: Tensor::zeros([6, 2], (Kind::Float, Device::Cpu)),
                    targets: Tensor::from_slice(&[0_i64, 1, 2, 0, 1, 2]),
                })
            },
        );
        assert_eq!(steps.unwrap(), 5);
        let (weight, bias) = head.tensors();
        assert!(all_finite(weight).unwrap() && all_finite(bias).unwrap());
    }
}
