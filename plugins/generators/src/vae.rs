//! A variational autoencoder per class.
//!
//! The encoder maps an embedding x, normalised as in [`normalisation`](crate::normalisation), to
//! the mean and the variance of a posterior over z. The decoder maps a z drawn from it to x̂. Both
//! are trained to minimise
//!
//! ```text
//! −ln N(x; x̂, 1) + KL(N(μ, σ²) ‖ N(0, I))
//! ```
//!
//! summed over features and averaged over a batch (Kingma and Welling, arXiv 1312.6114). To draw an
//! embedding, z is drawn from N(0, I) and decoded. The encoder is D → hidden → hidden → 2 · latent,
//! with batch normalisation and LeakyReLU (0.2) after the first two layers; the decoder is latent →
//! hidden → hidden → D with LeakyReLU. The optimiser is Adam; its learning rate follows a cosine
//! with warm restarts, whose first period is a tenth of the epochs and each further one twice as
//! long. The last batch of a class is kept unless it has a single sample. A class with a single
//! sample is not trained: that sample is what is drawn.
//!
//! Classes are trained in stacks: the class is the first dimension of the parameters, and matrix
//! products are batched. A GPU takes all classes of a task in one stack. On the CPU, a stack is as
//! large as fits into the cache, and the stacks are trained in parallel, one thread each. Apart
//! from rounding, a class's result does not depend on the other classes, and not at all on the
//! number of threads.
//!
//! In f32 on the CPU a step is `fused`; elsewhere it is `recorded` by libtorch.

mod decoder;
mod fused;
mod layer;
mod network;
mod recorded;
mod training;

use crate::normalisation::Normalisation;
use crate::{ClassFeatures, Fit, Fitted, Fitting, Generator};
use clbench_torch::cpu::in_parallel;
use clbench_torch::tch::{Device, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::WarmRestarts;
use clbench_torch::{During, Noise};
use decoder::Decoder;
use harness_abi::{Error, ErrorCode, ParameterSet, Result};
use network::Sizes;
use serde::Deserialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use training::Training;

/// The parameters of the autoencoders. The defaults are CGIL's.
///
/// ```yaml
/// vae:
///   hidden: 128
///   latent: 32
///   epochs: 300
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Vae {
    /// Width of the hidden layers.
    #[parameter(default = 512, at_least = 1)]
    pub hidden: u32,
    /// Dimension of the latent variable z.
    #[parameter(default = 256, at_least = 1)]
    pub latent: u32,
    /// Passes over a class's embeddings.
    #[parameter(default = 500, at_least = 1)]
    pub epochs: u32,
    /// η, Adam's learning rate at the start of each period of its cosine with warm restarts.
    #[parameter(default = 2e-4, above = 0)]
    pub lr: f64,
    /// Samples of a class per step: at least 2, because batch normalisation cannot use a single
    /// one.
    #[parameter(default = 64, at_least = 2)]
    pub batch_size: u32,
}

impl Vae {
    /// The learning rate of each epoch.
    pub fn schedule(&self) -> WarmRestarts {
        WarmRestarts {
            lr: self.lr,
            first_period: (self.epochs / 10).max(1),
        }
    }
}

/// The factor of the posterior's noise, where s is the encoder's second output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posterior {
    /// exp(s / 2): s is the logarithm of the variance, as in the divergence.
    StandardDeviation,
    /// exp(s), as in CGIL's code, although its divergence uses exp(s) as the variance.
    Exponential,
}

/// One autoencoder per class.
#[derive(Debug)]
pub struct Autoencoders {
    vae: Vae,
    posterior: Posterior,
}

impl Autoencoders {
    /// Autoencoders with these parameters.
    pub fn new(vae: Vae, posterior: Posterior) -> Autoencoders {
        Autoencoders { vae, posterior }
    }
}

/// How far the stacks of a fit are, which are fitted in parallel.
struct Progress {
    /// Epochs of all stacks.
    total: u64,
    done: AtomicU64,
    /// Whether a stack has failed, so that the others stop.
    failed: AtomicBool,
    /// The first class of the stack whose loss is reported: the order in which several report
    /// theirs would be chance.
    reported: Option<u32>,
}

/// The fits, or the error of the first that failed by itself.
fn in_order(mut fits: Vec<Result<Fit>>) -> Result<Vec<Fit>> {
    let own = |fit: &Result<Fit>| matches!(fit, Err(error) if error.code() != ErrorCode::CANCELLED);
    // Stable, so without such a failure nothing moves.
    fits.sort_by_key(|fit| !own(fit));
    fits.into_iter().collect()
}

/// Epochs between two reads of the loss; each of them waits for the device.
const EPOCHS_PER_LOOK: u32 = 10;

/// Parameters that a stack may have on the CPU.
const PARAMETERS_AT_ONCE: i64 = 1 << 20;

impl Generator for Autoencoders {
    fn trained_parameters(&self, width: u64) -> u64 {
        self.sizes(width as i64).parameters() as u64
    }

    fn fit(&self, classes: &[ClassFeatures], fitting: &Fitting<'_>) -> Result<Fit> {
        let (normalisation, samples) = Normalisation::of(classes)?;
        if samples.iter().any(|samples| samples.size()[1] == 0) {
            let message = "autoencoders need embeddings of at least one number";
            return Err(Error::unsupported(message));
        }
        let names: Vec<u32> = classes.iter().map(|class| class.class).collect();
        let at_once = self.classes_at_once(&samples, fitting.device);
        let stacks = names.chunks(at_once).zip(samples.chunks(at_once));
        let stacks: Vec<(&[u32], Vec<Tensor>)> = stacks
            .map(|(names, samples)| (names, samples.iter().map(Tensor::shallow_clone).collect()))
            .collect();
        let progress = Progress {
            total: stacks.len() as u64 * u64::from(self.vae.epochs),
            done: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            reported: names.first().copied(),
        };
        let fits = in_parallel(stacks, |(names, samples)| {
            let fit = self.fit_stack(names, &samples, fitting, &progress);
            progress.failed.fetch_or(fit.is_err(), Ordering::Relaxed);
            fit
        });
        let mut fit = Fit {
            fitted: Fitted::default(),
            optimiser_steps: 0,
        };
        for stack in in_order(fits)? {
            fit.fitted.extend(stack.fitted)?;
            fit.optimiser_steps += stack.optimiser_steps;
        }
        let decoders = fit.fitted.tensors.into_iter();
        fit.fitted = Fitted::new(decoders.chain(normalisation.into_tensors()).collect());
        Ok(fit)
    }

    fn draw(&self, fitted: &Fitted, count: i64, noise: &mut Noise) -> Result<Tensor> {
        let _mode = GradientMode::off();
        let decoder = Decoder::from_fitted(fitted)?;
        let drawn = noise
            .normal(&[count, decoder.latent()])
            .and_then(|normal| decoder.sampled(&normal))
            .during("drawing from autoencoders")?;
        Normalisation::from_fitted(fitted)?.undo(&drawn)
    }
}

impl Autoencoders {
    /// The layer sizes of one class's autoencoder, for embeddings of this width.
    fn sizes(&self, width: i64) -> Sizes {
        Sizes {
            classes: 1,
            width,
            hidden: self.vae.hidden.into(),
            latent: self.vae.latent.into(),
        }
    }

    /// The number of classes in a stack. A GPU takes all of them. On the CPU, a stack of many large
    /// networks is slower because it leaves the cache.
    fn classes_at_once(&self, samples: &[Tensor], device: Device) -> usize {
        match (samples, device) {
            ([first, ..], Device::Cpu) => {
                let parameters = self.sizes(first.size()[1]).parameters();
                usize::try_from(PARAMETERS_AT_ONCE / parameters).map_or(1, |fit| fit.max(1))
            }
            _ => samples.len().max(1),
        }
    }

    /// Trains the autoencoders of a stack.
    fn fit_stack(
        &self,
        names: &[u32],
        samples: &[Tensor],
        fitting: &Fitting<'_>,
        progress: &Progress,
    ) -> Result<Fit> {
        let random = (fitting.seed, fitting.task);
        let mut training = Training::new(
            &self.vae,
            self.posterior,
            names,
            samples,
            random,
            fitting.kind,
        )?;
        let schedule = self.vae.schedule();
        // Without a step there is nothing to wait for.
        let epochs = match training.plan.steps.len() {
            0 => 0,
            _ => self.vae.epochs,
        };
        for epoch in 0..epochs {
            if fitting.host.cancelled() || progress.failed.load(Ordering::Relaxed) {
                return Err(Error::cancelled());
            }
            let doing = format!("fitting autoencoders, epoch {} of {epochs}", epoch + 1);
            let losses = training.epoch(schedule.lr(epoch)).during(&doing)?;
            let last = epoch + 1 == epochs;
            if last || (epoch + 1) % EPOCHS_PER_LOOK == 0 {
                let loss = training.mean(&losses).during(&doing)?;
                if last || !loss.is_finite() {
                    self.refuse_broken(&training, &losses, names)
                        .map_err(|error| error.context(doing))?;
                }
                let new = epoch % EPOCHS_PER_LOOK + 1;
                let done = progress.done.fetch_add(new.into(), Ordering::Relaxed) + u64::from(new);
                if names.first() == progress.reported.as_ref() {
                    let epoch = u64::from(epoch) + 1;
                    fitting.host.scalar("vae loss", epoch, loss);
                }
                fitting.host.progress("vae epoch", done, progress.total);
            }
        }
        let back = Tensor::f_from_slice(&training.plan.back())
            .and_then(|back| back.f_to_device(fitting.device))
            .and_then(|back| training.decoder()?.tensors(&back))
            .during("keeping the decoders")?;
        Ok(Fit {
            fitted: Fitted::new(back),
            optimiser_steps: u64::from(epochs) * training.plan.steps_of_classes(),
        })
    }

    /// An error if a class's loss or decoder is not finite.
    fn refuse_broken(&self, training: &Training, losses: &Tensor, names: &[u32]) -> Result<()> {
        let _mode = GradientMode::off();
        let sound = || {
            let sound = losses
                .f_isfinite()?
                .f_logical_and(&training.decoder()?.finite()?)?;
            Vec::<bool>::try_from(sound)
        };
        let sound = sound().during("looking for numbers that are not finite")?;
        match sound.iter().position(|sound| !sound) {
            None => Ok(()),
            Some(position) => Err(Error::failed(format!(
                "training diverged: the loss of class {} is not finite; lower `vae.lr` (now {})",
                names[training.plan.order[position]], self.vae.lr
            ))),
        }
    }
}

#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod tests;
