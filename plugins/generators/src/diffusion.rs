//! A small diffusion model per class: a network that removes noise from normalised embeddings, and
//! so turns pure noise into an embedding step by step (Ho et al., arXiv 2006.11239).
//!
//! The module `schedule` defines how noise is added and removed, `denoiser` the network. In
//! training, each sample of a batch gets its own time t, uniform in 1 … T, and noise ε; AdamW with
//! a constant learning rate minimises the mean loss of the batch. The code published with CGIL
//! counts steps where it says iterations; here an epoch is a pass over the class's features,
//! including the last batch, however small.

use crate::normalisation::Normalisation;
use crate::{ClassFeatures, Fit, Fitted, Fitting, Generator};
use clbench_torch::tch::{TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Noise};
use denoiser::{Denoiser, Shape, sinusoids};
use harness_abi::{Error, ParameterSet, Result};
use schedule::Schedule;
use serde::Deserialize;
use training::Training;

mod denoiser;
mod schedule;
mod training;

/// Epochs between two reads of the loss; each of them waits for the device.
const EPOCHS_PER_LOOK: u32 = 10;

/// Diffusion models.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Diffusion {
    /// Width of the network's hidden layers.
    #[parameter(default = 256, at_least = 1)]
    pub hidden: u32,
    /// Number of hidden layers that are conditioned on the time step.
    #[parameter(default = 5, at_least = 1)]
    pub layers: u32,
    /// T, the number of steps from a sample to noise.
    #[parameter(default = 32, at_least = 1)]
    pub steps: u32,
    /// Passes over a class's embeddings.
    #[parameter(default = 500, at_least = 1)]
    pub epochs: u32,
    /// η, the learning rate of AdamW.
    #[parameter(default = 1e-3, above = 0)]
    pub lr: f64,
    /// λ, the weight decay of AdamW.
    #[parameter(default = 1e-2, at_least = 0)]
    pub weight_decay: f64,
    /// Samples of a class per step.
    #[parameter(default = 64, at_least = 1)]
    pub batch_size: u32,
}

impl Diffusion {
    fn shape(&self, width: i64) -> Shape {
        Shape {
            width,
            hidden: self.hidden.into(),
            layers: self.layers.into(),
            steps: self.steps.into(),
        }
    }

    /// Trains the models of all classes.
    fn trained(
        &self,
        names: &[u32],
        samples: &[Tensor],
        fitting: &Fitting<'_>,
    ) -> Result<Training> {
        let random = (fitting.seed, fitting.task);
        let mut training = Training::new(self, names, samples, random, fitting.kind)?;
        for epoch in 1..=self.epochs {
            if fitting.host.cancelled() {
                return Err(Error::cancelled());
            }
            let doing = format!("fitting diffusion models, epoch {epoch} of {}", self.epochs);
            let losses = training.epoch().during(&doing)?;
            let last = epoch == self.epochs;
            if last || epoch % EPOCHS_PER_LOOK == 0 {
                let mean = losses
                    .f_mean(None)
                    .and_then(|mean| mean.f_double_value(&[]));
                let mean = mean.during(&doing)?;
                if last || !mean.is_finite() {
                    let sound = training.sound(&losses).during(&doing)?;
                    self.refuse_broken(&sound, &training.plan.order, names)
                        .map_err(|error| error.context(doing))?;
                }
                let (done, total) = (u64::from(epoch), self.epochs.into());
                fitting.host.scalar("diffusion loss", done, mean);
                fitting.host.progress("diffusion epoch", done, total);
            }
        }
        Ok(training)
    }

    /// An error if a class's loss or network is not finite.
    fn refuse_broken(&self, sound: &[bool], order: &[usize], names: &[u32]) -> Result<()> {
        match sound.iter().position(|sound| !sound) {
            None => Ok(()),
            Some(position) => Err(Error::failed(format!(
                "training diverged: the loss of class {} is not finite; lower `diffusion.lr` (now {})",
                names[order[position]], self.lr
            ))),
        }
    }

    /// `[classes, count, width]`, normalised.
    fn drawn(
        &self,
        denoiser: &Denoiser,
        shape: &Shape,
        count: i64,
        noise: &mut Noise,
    ) -> Result<Tensor, TchError> {
        let mut normal = || noise.normal(&[count, shape.width]);
        let mut now = normal()?;
        let times = denoiser.embedded(&sinusoids(shape.steps, shape.hidden, now.device())?)?;
        for (t, step) in Schedule::new(self.steps).back() {
            let denoised = denoiser.denoised(&now, &times.f_narrow(1, t as i64 - 1, 1)?)?;
            now = match step.noise > 0.0 {
                false => denoised,
                true => denoised
                    .f_mul_scalar(step.denoised)?
                    .f_add(&now.f_mul_scalar(step.noisy)?)?
                    .f_add(&normal()?.f_mul_scalar(step.noise)?)?,
            };
        }
        Ok(now)
    }
}

impl Generator for Diffusion {
    fn trained_parameters(&self, width: u64) -> u64 {
        let linears = self.shape(width as i64).linears().into_iter();
        linears.map(|(_, from, to)| ((from + 1) * to) as u64).sum()
    }

    fn fit(&self, classes: &[ClassFeatures], fitting: &Fitting<'_>) -> Result<Fit> {
        let _mode = GradientMode::off();
        let (normalisation, samples) = Normalisation::of(classes)?;
        let names: Vec<u32> = classes.iter().map(|class| class.class).collect();
        let training = self.trained(&names, &samples, fitting)?;
        let shape = self.shape(samples[0].size()[1]);
        let mut tensors = Tensor::f_from_slice(&training.plan.back())
            .and_then(|back| back.f_to_device(fitting.device))
            .and_then(|back| training.denoiser.tensors(&shape, &back))
            .during("keeping the diffusion models")?;
        tensors.extend(normalisation.into_tensors());
        Ok(Fit {
            fitted: Fitted::new(tensors),
            optimiser_steps: u64::from(self.epochs) * training.plan.steps_of_classes(),
        })
    }

    fn draw(&self, fitted: &Fitted, count: i64, noise: &mut Noise) -> Result<Tensor> {
        let _mode = GradientMode::off();
        let (denoiser, shape) = Denoiser::from_fitted(fitted, |width| self.shape(width))?;
        let drawn = self
            .drawn(&denoiser, &shape, count, noise)
            .during("drawing from diffusion models")?;
        Normalisation::from_fitted(fitted)?.undo(&drawn)
    }
}

#[cfg(test)]
mod tests;
