//! The strategy `experience-replay`: a linear head that trains on the task and on a memory.
//!
//! Every step takes B samples of the task and R exemplars of past tasks, and descends the mean
//! cross-entropy of all B + R among the classes seen so far (Chaudhry et al., 2019, arXiv
//! 1902.10486; aimagelab/mammoth, `models/er.py`). After the task, the memory chooses anew.
//!
//! The memory keeps features or images. With images, the head trains on augmented images of the
//! task, which the backbone encodes anew in every epoch. Exemplars are replayed as plain images: the
//! backbone is frozen, so it encodes them once per task.

mod encoding;
mod parameters;
mod steps;

pub use parameters::Parameters;

use crate::head::{Candidates, Head, TaskSamples, normalised};
use clbench_torch::bridge::{self, device, threads};
use clbench_torch::exemplars::{Budget, Contents, Memory, Offer};
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Generator};
use encoding::Encoder;
use harness_abi::{
    Batch, Declaration, Error, Host, Learned, Outline, Result, Setting, State, Strategy, Task,
};
use steps::Steps;

/// A linear head on the features of one frozen backbone, and a memory of past samples.
#[derive(Debug)]
pub struct ExperienceReplay {
    parameters: Parameters,
    seed: u64,
    device: Device,
    host: Host,
    encoder: Encoder,
    head: Head,
    memory: Memory,
}

impl Strategy for ExperienceReplay {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check(outline.classes)?;
        let device = device::named(&outline.device)?;
        let backbone = outline.backbone()?;
        let width = u64::from(parameters.output.width(backbone)?);
        let classes = u64::from(outline.classes);
        let trainable_parameters = classes * width + classes;
        let settings = parameters.settings();
        // A task's features as the host lends them, in libtorch, beside the exemplars' and
        // normalised; the parameters with their gradient and the optimiser's moments, in the state,
        // and as its bytes.
        let floats = 4 * outline.task_samples * width
            + 3 * settings.exemplars(outline) * width
            + 6 * trainable_parameters;
        let row = match parameters.contents {
            Contents::Features => width * size_of::<f32>() as u64,
            Contents::Images => {
                3 * u64::from(backbone.image.height) * u64::from(backbone.image.width)
            }
        };
        let bytes = floats * size_of::<f32>() as u64 + settings.bytes(outline, row);
        let keeps = match settings.budget {
            Budget::Total(0) => Vec::new(),
            _ => vec![parameters.contents.keeps()],
        };
        Ok(Declaration {
            keeps,
            scores_unseen: false,
            batch_dependent: false,
            trainable_parameters,
            reads: parameters.output.reads(),
            adaptation: Some("backbone frozen".into()),
            memory_bytes: (device == Device::Cpu).then_some(bytes),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check(setting.classes)?;
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let backbone = setting.backbone()?.clone();
        let width = parameters.output.width(backbone.info())?;
        let image = &backbone.info().image;
        // Images stay on the CPU, from which backbones take them.
        let (row, kind, place) = match parameters.contents {
            Contents::Features => (vec![width.into()], Kind::Float, device),
            Contents::Images => (
                vec![3, image.height.into(), image.width.into()],
                Kind::Uint8,
                Device::Cpu,
            ),
        };
        let memory = Memory::new(parameters.settings(), setting.classes, &row, kind, place)?;
        let mut generator = Generator::new(setting.seed, "init", 0);
        let deviation = parameters.init_std;
        let head = Head::new(setting.classes, width, deviation, &mut generator, device)?;
        Ok(ExperienceReplay {
            encoder: Encoder::new(backbone, parameters.output, device),
            parameters,
            seed: setting.seed,
            device,
            host: setting.host,
            head,
            memory,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        self.learn_task(task)
            .map_err(|error| error.context(format!("learning task {}", task.id())))
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = self.parameters.output.of_batch(batch, self.device)?;
        let classes = batch.classes().iter().map(|class| class.id.into());
        let logits = self
            .logits(features, &classes.collect::<Vec<i64>>())
            .during("scoring a batch")?;
        bridge::copy_out(&logits)
    }

    fn state(&self) -> Result<State> {
        let mut written = self.head.state()?;
        self.memory.put(&mut written)?;
        Ok(written)
    }

    fn restore(&mut self, mut written: State) -> Result<()> {
        self.memory.take(&mut written)?;
        self.head.restore(written)
    }
}

impl ExperienceReplay {
    /// Trains on a task and the memory, then lets the memory choose.
    fn learn_task(&mut self, task: &Task<'_>) -> Result<Learned> {
        let (output, rows) = (self.parameters.output, task.rows());
        let plain = output.of_task(task, &rows, self.device)?;
        let kept = self.kept_features()?;
        let images = self.parameters.contents == Contents::Images;
        let learned = self.train(task.id(), task.labels(), &kept, |epoch| match images {
            false => Ok(plain.shallow_clone()),
            true => self.encoder.augmented(task, &rows, epoch, &self.host),
        })?;
        let offer = Offer {
            features: &plain,
            labels: task.labels(),
            kept: Some(&kept),
            seed: self.seed,
            task: task.id(),
        };
        self.memory.update(&offer, |chosen| match images {
            false => select(&plain, chosen).during("selecting exemplars"),
            true => bridge::copy_in(task.images(0, chosen)?.view()),
        })?;
        Ok(learned)
    }

    /// The features of the exemplars, `[exemplars, width]`.
    fn kept_features(&self) -> Result<Tensor> {
        match self.parameters.contents {
            Contents::Features => Ok(self.memory.rows().shallow_clone()),
            Contents::Images => self.encoder.plain(self.memory.rows()),
        }
    }

    /// Trains with a new optimiser and a sample order of its own on a task's samples, whose
    /// features in an epoch are `features(epoch)`, and on the exemplars with the features `kept`.
    fn train(
        &self,
        task: u32,
        labels: &[i64],
        kept: &Tensor,
        mut features: impl FnMut(u32) -> Result<Tensor>,
    ) -> Result<Learned> {
        let epochs = self.parameters.epochs;
        let steps = Steps {
            rows: labels.len(),
            exemplars: self.memory.len(),
            batch_size: self.parameters.batch_size as usize,
            replay: self.parameters.replay() as usize,
        };
        let candidates = Candidates::new(self.seen_classes().chain(labels.iter().copied()));
        let labels = [labels, self.memory.labels()].concat();
        let mut order = Generator::new(self.seed, "order", task);
        let mut draws = Generator::new(self.seed, "replay", task);
        let mut optimiser = self
            .head
            .optimiser(&self.parameters.head())
            .during("making the optimiser")?;
        for epoch in 1..=epochs {
            if self.host.cancelled() {
                return Err(Error::cancelled());
            }
            let doing = format!("epoch {epoch} of {epochs}");
            let samples = features(epoch)
                .and_then(|features| self.samples(&features, kept, &labels, &candidates))
                .map_err(|error| error.context(&doing))?;
            let _mode = GradientMode::on();
            let order = steps.order(&mut order, &mut draws);
            let loss = self
                .head
                .epoch(&mut optimiser, &samples, &order, steps.step())
                .during(&doing)?;
            if !loss.is_finite() {
                return Err(Error::failed(format!(
                    "training diverged: the loss is not finite; lower `lr` (now {})",
                    self.parameters.lr
                ))
                .context(doing));
            }
            self.host.scalar("loss", epoch.into(), loss);
            self.host.progress("epoch", epoch.into(), epochs.into());
        }
        Ok(Learned {
            optimiser_steps: u64::from(epochs) * steps.per_epoch() as u64,
        })
    }

    /// A task's samples, followed by the exemplars.
    fn samples(
        &self,
        features: &Tensor,
        kept: &Tensor,
        labels: &[i64],
        candidates: &Candidates,
    ) -> Result<TaskSamples> {
        let _mode = GradientMode::off();
        let features = Tensor::f_cat(&[features, kept], 0)
            .and_then(|features| normalised(features, self.parameters.normalise))
            .during("preparing the features")?;
        TaskSamples::new(features, labels, candidates.clone())
    }

    /// The classes that have had samples.
    fn seen_classes(&self) -> impl Iterator<Item = i64> {
        let seen = (0..).zip(self.memory.seen());
        seen.filter(|(_, samples)| **samples > 0)
            .map(|(class, _)| class)
    }

    /// Logits on the CPU, `[images, classes]`; −∞ for a class that had no samples.
    fn logits(&self, features: Tensor, classes: &[i64]) -> Result<Tensor, TchError> {
        let features = normalised(features, self.parameters.normalise)?;
        let missing: Vec<f32> = classes
            .iter()
            .map(|&class| match self.memory.seen().get(class as usize) {
                Some(0) | None => f32::NEG_INFINITY,
                Some(_) => 0.0,
            })
            .collect();
        self.head
            .logits(&features, classes)?
            .f_to_device(Device::Cpu)?
            .f_add(&Tensor::f_from_slice(&missing)?)
    }
}

fn select(features: &Tensor, rows: &[u32]) -> Result<Tensor, TchError> {
    let rows: Vec<i64> = rows.iter().map(|&row| row.into()).collect();
    let rows = Tensor::f_from_slice(&rows)?.f_to_device(features.device())?;
    features.f_index_select(0, &rows)
}

#[cfg(test)]
mod tests;
