//! Contrastive training (Radford et al., arXiv 2103.00020) on pictures and captions.
//!
//! The loss is the mean of two cross-entropies over the batch's cosine similarities times a learned
//! scale: from each picture to all captions, and from each caption to all pictures. The optimiser
//! is AdamW with linear warm-up and a cosine schedule to 0.

use crate::batches::{self, Batch};
use crate::captions::Captions;
use crate::cli::Options;
use crate::folder;
use crate::initial::{Initial, UNDECAYED};
use anyhow::{Result, ensure};
use clbench_clip::config::Config;
use clbench_clip::model::Clip;
use clbench_clip::model::vision::PromptEntry;
use clbench_torch::bridge::threads;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::nn::{AdamW, OptimizerConfig};
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_transformer::visual::VisualPrompts;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use tokenizers::Tokenizer;

/// The weight decay of matrices.
const WEIGHT_DECAY: f64 = 0.1;
/// β₂ of AdamW, as in CLIP.
const BETA2: f64 = 0.98;
/// The number of warm-up steps.
const WARMUP: u32 = 100;
/// The maximum norm of the gradient.
const CLIP_NORM: f64 = 1.0;
/// The maximum logit scale, as in CLIP.
const LARGEST_SCALE: f64 = 100.0;
/// The number of steps over which the displayed loss is averaged; single batches are noisy.
const EVERY: u32 = 20;
/// The number of steps between progress lines if there is no terminal for a progress bar.
const LINE_EVERY: u32 = 100;

/// Trains a model. Returns its tensors by name.
pub fn train(
    options: &Options,
    shape: &Config,
    tokenizer: &Tokenizer,
) -> Result<BTreeMap<String, Tensor>> {
    threads::set(options.threads)?;
    let mut initial = Initial::new(shape, options.seed);
    let model = Clip::new(shape, &mut initial)?;
    let variables = initial.variables;
    let mut optimiser = AdamW {
        wd: WEIGHT_DECAY,
        beta2: BETA2,
        ..AdamW::default()
    }
    .build(&variables, options.lr)?;
    optimiser.set_weight_decay_group(UNDECAYED, 0.0);
    let batches = batches::draw(options, Captions::new(tokenizer)?);
    let bar = ProgressBar::new(options.steps.into()).with_style(ProgressStyle::with_template(
        "{bar:30} step {pos} of {len}, {msg}, {elapsed} elapsed, {eta} left",
    )?);
    let (mut loss_sum, mut right_sum) = (0.0, 0.0);
    for (step, batch) in (1..=options.steps).zip(batches) {
        optimiser.set_lr(learning_rate(options, step - 1));
        let logits = logits(&model, &batch)?;
        let pairs = Tensor::arange(
            i64::from(options.batch_size),
            (Kind::Int64, logits.device()),
        );
        let loss = (logits.cross_entropy_for_logits(&pairs)
            + logits.transpose(0, 1).cross_entropy_for_logits(&pairs))
            / 2.0;
        optimiser.backward_step_clip_norm(&loss, CLIP_NORM);
        loss_sum += loss.double_value(&[]);
        right_sum += logits.accuracy_for_logits(&pairs).double_value(&[]);
        if step % EVERY == 0 {
            let (loss, right) = (loss_sum / f64::from(EVERY), right_sum / f64::from(EVERY));
            ensure!(
                loss.is_finite(),
                "training diverged: the loss is not finite at step {step}; lower --lr (now {})",
                options.lr
            );
            let message = format!("loss {loss:.3}, {:.1} % of captions matched", 100.0 * right);
            if bar.is_hidden() && step % LINE_EVERY == 0 {
                eprintln!("step {step} of {}, {message}", options.steps);
            }
            bar.set_message(message);
            (loss_sum, right_sum) = (0.0, 0.0);
        }
        bar.inc(1);
    }
    bar.finish();
    Ok(variables
        .variables()
        .into_iter()
        .map(|(name, value)| (name, value.detach()))
        .collect())
}

/// The logits of pictures for captions, `[batch, batch]`.
fn logits(model: &Clip, batch: &Batch) -> Result<Tensor, TchError> {
    let pixels = folder::normalised(&batch.pictures)?;
    let pictures = unit_rows(
        &model
            .vision
            .encode(&pixels, &VisualPrompts::default(), PromptEntry::default())?
            .embedding,
    )?;
    let embedded = model.text.embed(&batch.captions)?;
    let captions = unit_rows(&model.text.encode(&embedded, &batch.ends)?.embedding)?;
    let scale = model.logit_scale.f_exp()?.f_clamp_max(LARGEST_SCALE)?;
    pictures
        .f_matmul(&captions.f_transpose(0, 1)?)?
        .f_mul(&scale)
}

fn learning_rate(options: &Options, step: u32) -> f64 {
    let warmup = WARMUP.min(options.steps / 10 + 1);
    if step < warmup {
        return options.lr * f64::from(step + 1) / f64::from(warmup);
    }
    let gone = f64::from(step - warmup) / f64::from(options.steps - warmup).max(1.0);
    options.lr * (1.0 + (std::f64::consts::PI * gone).cos()) / 2.0
}
