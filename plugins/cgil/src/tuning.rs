//! Trains class prompts: a step, and the epochs of one task.
//!
//! The logit of a seen class c for an image's embedding f is s · cos(f, k_c), with the class's text
//! key k_c and the model's logit scale s. The loss is the mean cross-entropy of a mini-batch, plus
//! the orthogonality penalty if it is enabled. Only the learned tokens and the token network get
//! gradients.
//!
//! A [`Tuning`] does not know about tasks or the origin of its samples: CGIL passes it draws from
//! generators, prompt tuning a task's embeddings.

use crate::keys::{self, chunks, for_each_class, row_text};
use crate::parameters::{Context, Optimiser, Training};
use crate::prompts::{ClassPrompts, LEARNED};
use clbench_torch::During;
use clbench_torch::prompting::PromptedTexts;
use clbench_torch::prompting::cosine::{self, unit_rows};
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::nn::{Adam, Optimizer, OptimizerConfig, Sgd, VarStore};
use clbench_torch::tch::{Kind, Reduction, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::adam::AdamW;
use clbench_torch::training::{TrainingSamples, all_finite, total};
use harness_abi::{BackboneHandle, Error, Host, Learned, Result};

/// The classes seen, and the backbone that encodes their prompts.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The backbone that encodes the prompts.
    pub backbone: &'a BackboneHandle,
    /// The classes' names as used in texts.
    pub names: &'a [String],
    /// Their zero-shot text features, not normalised, `[classes, embedding width]`.
    pub zero_shot: &'a Tensor,
    /// The backbone's call options for the texts.
    pub options: &'a [u8],
}

/// Class prompts in training. Those of the first classes can be frozen.
#[derive(Debug)]
pub struct Tuning<'a> {
    seen: Seen<'a>,
    scale: f64,
    orthogonality: f64,
    /// The frozen prompts; their network is the trained one.
    past: ClassPrompts,
    /// The trained prompts; the optimiser updates their tensors.
    trained: ClassPrompts,
    /// The number of frozen classes.
    first: i64,
    /// The rows of the trained classes; `None` if rows depend on the batch.
    texts: Option<PromptedTexts>,
    /// The text keys of the frozen classes, if training does not change them.
    past_keys: Option<Tensor>,
    variables: VarStore,
}

/// The optimiser of class prompts.
#[derive(Debug)]
pub enum PromptOptimiser {
    /// Weight decay is part of the gradient.
    Coupled(Optimizer),
    /// Weight decay is not.
    Decoupled(AdamW),
}

impl<'a> Tuning<'a> {
    /// Prepares to train copies of the prompts of the classes seen, from class `first` on;
    /// `orthogonality` is the penalty's weight.
    ///
    /// # Errors
    ///
    /// If the backbone cannot compare images with texts, or there are fewer prompts than classes.
    pub fn new(
        seen: Seen<'a>,
        prompts: &ClassPrompts,
        first: u32,
        orthogonality: f64,
    ) -> Result<Tuning<'a>> {
        let _mode = GradientMode::off();
        let first = i64::from(first);
        let variables = VarStore::new(seen.zero_shot.device());
        let [past, trained] = prompts.split(first)?;
        let trained = trained.map(|name, tensor| {
            // tch does not allow full stops in names.
            let name = name.replace('.', "_");
            variables
                .root()
                .f_var_copy(&name, tensor)
                .during("copying the prompts")
        })?;
        // Frozen and trained classes share the network and the shared tokens, so these change for
        // both.
        let past = past.map(|name, tensor| {
            let shared = match name {
                LEARNED if trained.is_per_class() => None,
                name => trained.tensor(name),
            };
            Ok(shared.unwrap_or(tensor).shallow_clone())
        })?;
        let texts = match prompts.context() {
            Context::ImageConditioned => None,
            _ => {
                let rows = (first..seen.names.len() as i64).collect();
                Some(keys::rows(seen.backbone, seen.names, rows, seen.options)?)
            }
        };
        let mut tuning = Tuning {
            scale: text_encoder::logit_scale(seen.backbone.info())?,
            seen,
            orthogonality,
            past,
            trained,
            first,
            texts,
            past_keys: None,
            variables,
        };
        if tuning.first > 0 && tuning.trained.context() == Context::PerClass {
            tuning.past_keys = Some(tuning.keys_of_past()?);
        }
        Ok(tuning)
    }

    /// The trained prompts, those of the classes from `first` on; [`backward`](Self::backward)
    /// fills the `grad()` of their tensors.
    pub fn trained(&self) -> &ClassPrompts {
        &self.trained
    }

    /// All prompts in their current state, frozen ones included.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn prompts(&self) -> Result<ClassPrompts> {
        let _mode = GradientMode::off();
        self.trained.map(|name, tensor| {
            let whole = match (name, self.past.learned()) {
                (LEARNED, Some(past)) if self.trained.is_per_class() => {
                    Tensor::f_cat(&[past, tensor], 0)
                }
                _ => tensor.f_detach_copy(),
            };
            whole.during("storing the trained prompts")
        })
    }

    /// Computes the mean loss of a mini-batch, whose targets are class ids, and adds its gradient
    /// to the tensors' `grad()`.
    ///
    /// # Errors
    ///
    /// Propagates errors from the backbone and from libtorch.
    pub fn backward(&self, batch: &TrainingSamples) -> Result<Tensor> {
        let _mode = GradientMode::on();
        let loss = match &self.texts {
            Some(texts) => self.backward_of_texts(texts, batch),
            None => self.backward_of_images(batch),
        }?;
        loss.f_detach().during("computing the loss")
    }

    /// Creates an optimiser for the prompts.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn optimiser(&self, training: &Training) -> Result<PromptOptimiser> {
        let (lr, wd) = (training.lr, training.weight_decay);
        let variables = &self.variables;
        let optimiser = match training.optimiser {
            Optimiser::Sgd => {
                let default = Sgd::default();
                (Sgd { wd, ..default }.build(variables, lr)).map(PromptOptimiser::Coupled)
            }
            // Without weight decay it is AdamW.
            Optimiser::Adam if wd > 0.0 => {
                let default = Adam::default();
                (Adam { wd, ..default }.build(variables, lr)).map(PromptOptimiser::Coupled)
            }
            Optimiser::Adam | Optimiser::Adamw => {
                AdamW::new(variables, lr, wd).map(PromptOptimiser::Decoupled)
            }
        };
        optimiser.during("making the optimiser")
    }

    /// Makes one step on a mini-batch. Returns its mean loss before the step, on the device.
    ///
    /// # Errors
    ///
    /// As for [`backward`](Self::backward).
    pub fn step(&self, optimiser: &mut PromptOptimiser, batch: &TrainingSamples) -> Result<Tensor> {
        match optimiser {
            PromptOptimiser::Coupled(optimiser) => optimiser.zero_grad(),
            PromptOptimiser::Decoupled(optimiser) => optimiser.zero_grad(),
        }
        let loss = self.backward(batch)?;
        match optimiser {
            PromptOptimiser::Coupled(optimiser) => optimiser.step(),
            PromptOptimiser::Decoupled(optimiser) => optimiser.step().during("making a step")?,
        }
        Ok(loss)
    }

    fn backward_of_texts(&self, texts: &PromptedTexts, batch: &TrainingSamples) -> Result<Tensor> {
        let doing = "computing the loss";
        let rest = self.seen.names.len() as i64 - self.first;
        let own = self.seen.zero_shot.f_narrow(0, self.first, rest);
        let contexts = own.and_then(|own| self.trained.contexts(&own));
        let encoded = texts.encode(&contexts.during("computing the contexts of classes")?)?;
        let mut keys = unit_rows(encoded.output()).during(doing)?;
        if self.first > 0 {
            let past = match &self.past_keys {
                Some(keys) => keys.shallow_clone(),
                None => self.keys_of_past()?,
            };
            keys = Tensor::f_cat(&[past, keys], 0).during(doing)?;
        }
        let mut loss = cosine::logits(&batch.features, &keys, self.scale)
            .and_then(|logits| cross_entropy(&logits, &batch.targets, Reduction::Mean))
            .during(doing)?;
        if self.orthogonality > 0.0 {
            let penalty = self
                .penalty()
                .during("computing the orthogonality penalty")?;
            loss = penalty
                .f_mul_scalar(self.orthogonality)
                .and_then(|penalty| loss.f_add(&penalty))
                .during(doing)?;
        }
        encoded.backward(&loss)?;
        Ok(loss)
    }

    /// For images with their own text keys: in chunks, whose gradients accumulate.
    fn backward_of_images(&self, batch: &TrainingSamples) -> Result<Tensor> {
        let doing = "computing the loss";
        let (images, classes) = (batch.len() as i64, self.seen.names.len() as i64);
        let mut losses = Vec::new();
        for (start, length) in chunks(images, classes) {
            let part = batch.range(start, length).during(doing)?;
            let tokens = self.trained.image_contexts(&part.features)?;
            let rest = classes - self.first;
            let rows = row_text(length, self.first..classes);
            let texts = self.rows(rows)?;
            let contexts = for_each_class(&tokens, rest).during("computing the images' tokens")?;
            let encoded = texts.encode(&contexts)?;
            let keys = |embeddings: &Tensor, classes: i64| {
                unit_rows(embeddings)?.f_reshape([length, classes, -1])
            };
            let mut all = keys(encoded.output(), rest).during(doing)?;
            if self.first > 0 {
                let texts = self.rows(row_text(length, 0..self.first))?;
                let contexts =
                    for_each_class(&tokens, self.first).during("computing the images' tokens")?;
                let past = keys(&texts.embeddings(&contexts)?, self.first).during(doing)?;
                all = Tensor::f_cat(&[past, all], 1).during(doing)?;
            }
            let loss = image_logits(&part.features, &all, self.scale)
                .and_then(|logits| cross_entropy(&logits, &part.targets, Reduction::Sum))
                .and_then(|loss| loss.f_div_scalar(images))
                .during(doing)?;
            encoded.backward(&loss)?;
            losses.push(loss.f_detach().during(doing)?);
        }
        let losses = Tensor::f_stack(&losses, 0).during(doing)?;
        losses.f_sum(Kind::Float).during(doing)
    }

    fn rows(&self, row_text: Vec<i64>) -> Result<PromptedTexts> {
        keys::rows(
            self.seen.backbone,
            self.seen.names,
            row_text,
            self.seen.options,
        )
    }

    fn keys_of_past(&self) -> Result<Tensor> {
        let names = &self.seen.names[..self.first as usize];
        let zero_shot = self.seen.zero_shot.f_narrow(0, 0, self.first);
        let zero_shot = zero_shot.during("selecting the text features of frozen classes")?;
        let (backbone, options) = (self.seen.backbone, self.seen.options);
        keys::text_keys(backbone, &self.past, names, &zero_shot, options)
    }

    /// The mean of (P Pᵀ − I)² over entries and token positions, where the rows of P are the
    /// classes' learned tokens at one position.
    fn penalty(&self) -> Result<Tensor, TchError> {
        let parts = [self.past.learned(), self.trained.learned()];
        let parts: Vec<&Tensor> = parts.into_iter().flatten().collect();
        // [positions, classes, width]
        let tokens = Tensor::f_cat(&parts, 0)?.f_transpose(0, 1)?;
        let products = tokens.f_matmul(&tokens.f_transpose(1, 2)?)?;
        let identity = Tensor::f_eye(products.size()[1], (Kind::Float, products.device()))?;
        products.f_sub(&identity)?.f_square()?.f_mean(Kind::Float)
    }
}

/// Logits `[images, classes]` of images of unit length, `[images, width]`, each with its own keys,
/// `[images, classes, width]`.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn image_logits(images: &Tensor, keys: &Tensor, scale: f64) -> Result<Tensor, TchError> {
    keys.f_bmm(&images.f_mul_scalar(scale)?.f_unsqueeze(2)?)?
        .f_squeeze_dim(2)
}

fn cross_entropy(
    logits: &Tensor,
    targets: &Tensor,
    reduction: Reduction,
) -> Result<Tensor, TchError> {
    logits.f_cross_entropy_loss(targets, None::<&Tensor>, reduction, -100, 0.0)
}

/// Trains all epochs of a task. `samples` returns the samples of an epoch, counted from 0, in
/// training order; `section` is the key of `training` in a scenario.
///
/// # Errors
///
/// Errors from `samples`, the backbone or libtorch; a loss that is not finite;
/// [`Error::cancelled`].
pub fn train(
    tuning: &Tuning<'_>,
    training: &Training,
    section: &str,
    host: &Host,
    mut samples: impl FnMut(u32) -> Result<TrainingSamples>,
) -> Result<Learned> {
    let mut optimiser = tuning.optimiser(training)?;
    let mut steps = 0;
    for epoch in 0..training.epochs {
        let doing = format!("epoch {} of {}", epoch + 1, training.epochs);
        let drawn = samples(epoch).map_err(|error| error.context(doing.clone()))?;
        let mut losses = Vec::new();
        for (start, length) in batches(drawn.len() as i64, training.batch_size.into()) {
            if host.cancelled() {
                return Err(Error::cancelled());
            }
            let batch = drawn.range(start, length).during(&doing)?;
            let loss = tuning
                .step(&mut optimiser, &batch)
                .map_err(|error| error.context(doing.clone()))?;
            losses.push(loss.f_mul_scalar(length).during(&doing)?);
            steps += 1;
        }
        // The first value of the epoch to be read, so the only synchronisation with the device.
        let loss = total(&losses).during(&doing)? / drawn.len().max(1) as f64;
        let last = epoch + 1 == training.epochs;
        if !loss.is_finite() || last && !finite(tuning.trained())? {
            return Err(Error::failed(format!(
                "training diverged: the loss is not finite; lower `{section}.lr` (now {})",
                training.lr
            ))
            .context(doing));
        }
        let epoch = u64::from(epoch) + 1;
        host.scalar("loss", epoch, loss);
        host.progress("epoch", epoch, training.epochs.into());
    }
    Ok(Learned {
        optimiser_steps: steps,
    })
}

/// Start and length of each batch.
fn batches(rows: i64, size: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..rows)
        .step_by(size as usize)
        .map(move |start| (start, size.min(rows - start)))
}

fn finite(prompts: &ClassPrompts) -> Result<bool> {
    let mut all = true;
    prompts.map(|name, tensor| {
        all &= all_finite(tensor).during(name)?;
        Ok(tensor.shallow_clone())
    })?;
    Ok(all)
}

#[cfg(test)]
mod tests;
