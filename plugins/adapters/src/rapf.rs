//! The strategy `rapf`: Huang et al., *Class-Incremental Learning with CLIP: Adaptive
//! Representation Adjustment and Parameter Fusion*, ECCV 2024 (arXiv 2407.14143).
//!
//! RAPF puts one linear adapter behind the frozen image encoder and trains it on every task with
//! the classes' texts as classifier. Three things hold past classes in place: samples drawn from
//! each past class's Gaussian, a hinge for past classes that a new class's text is close to, and a
//! fusion of the adapters before and after the task. [`adapter`] has the formulas of the loss and
//! the fusion, [`replay`] those of the draws, [`statistics`] those of what is kept.
//!
//! The adapter starts random, so the strategy scores at chance before the first task and nothing
//! protects classes that it has not learned, although their texts give them logits.

pub mod adapter;
pub mod parameters;
pub mod replay;
pub mod statistics;

use crate::seen::Seen;
use adapter::{Adapter, Loss, Step};
use clbench_torch::bridge::{self, device, threads};
use clbench_torch::features::Output;
use clbench_torch::prompting::templates::ClassTexts;
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::{Device, TchError, Tensor};
use clbench_torch::training::{GradientMode, total};
use clbench_torch::{During, Generator};
use harness_abi::{
    Batch, Declaration, Error, Host, Keeps, Learned, Outline, Result, Setting, State, Strategy,
    Task,
};
use parameters::{Parameters, Settings};
use replay::Replay;
use statistics::Statistics;

/// A linear adapter with boundary-aware replay and parameter fusion.
#[derive(Debug)]
pub struct Rapf {
    settings: Settings,
    seed: u64,
    scale: f64,
    device: Device,
    host: Host,
    texts: ClassTexts,
    adapter: Adapter,
    seen: Seen,
    statistics: Statistics,
}

impl Strategy for Rapf {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        let device = device::named(&outline.device)?;
        let backbone = outline.backbone()?;
        text_encoder::logit_scale(backbone)?;
        let width = u64::from(backbone.embedding_width);
        let classes = u64::from(outline.classes);
        // A task's features as the host lends them, in libtorch and of a step; the adapter with its
        // gradient, the optimiser's moments, a fusion in f64, and its copies in the state; of every
        // class a triangle in f64, stacked, in the state and as its bytes, and a factor.
        let values = 3 * outline.task_samples * width
            + 18 * width * width
            + classes * (5 * width * (width + 1) + 8 * width);
        Ok(Declaration {
            keeps: vec![Keeps::Statistics],
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: width * width,
            memory_bytes: (device == Device::Cpu).then_some(values * size_of::<f32>() as u64),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let backbone = setting.backbone()?.clone();
        let width = backbone.info().embedding_width;
        let mut generator = Generator::new(setting.seed, "init", 0);
        Ok(Rapf {
            settings: parameters.settings(),
            seed: setting.seed,
            scale: text_encoder::logit_scale(backbone.info())?,
            device,
            host: setting.host,
            texts: ClassTexts::new(parameters.templates(), backbone, device),
            adapter: Adapter::random(width, &mut generator, device)?,
            seen: Seen::new(width, device)?,
            statistics: Statistics::new(width, device),
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        self.learn_task(task)
            .map_err(|error| error.context(format!("learning task {}", task.id())))
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = Output::Embedding.of_batch(batch, self.device)?;
        let texts = self.texts.of(batch.classes())?;
        let logits = self
            .adapter
            .logits(&features, &texts, self.scale)
            .and_then(|logits| logits.f_to_device(Device::Cpu))
            .during("scoring a batch")?;
        bridge::copy_out(&logits)
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        self.adapter.put(&mut written)?;
        self.seen.put(&mut written)?;
        self.statistics.put(&mut written)?;
        Ok(written)
    }

    fn restore(&mut self, mut written: State) -> Result<()> {
        self.adapter.take(&mut written)?;
        self.seen.take(&mut written)?;
        self.statistics.take(&mut written)
    }
}

impl Rapf {
    fn learn_task(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        let features = Output::Embedding.of_task(task, &task.rows(), self.device)?;
        let new = self.seen.add(task.classes(), &mut self.texts)?;
        let samples = Step {
            features,
            targets: self.seen.positions(task.labels())?,
            boundary: None,
        };
        let past = !self.statistics.classes().is_empty();
        let replay = past
            .then(|| {
                let draw = (self.seed, task.id());
                let (plan, host) = (self.settings.plan, &self.host);
                Replay::new(plan, &self.statistics, &self.seen, new, draw, host)
            })
            .transpose()?;
        let before = self.adapter.weight().during("copying the adapter")?;
        let learned = self.train(task.id(), &samples, replay)?;
        self.add_statistics(task.labels(), &samples.features)
            .during("computing the statistics of the task's classes")?;
        if past {
            self.adapter
                .fuse(&before, self.settings.mix_bias)
                .during("fusing the adapters")?;
        }
        Ok(learned)
    }

    /// Trains on a task's samples with a new optimiser and schedule.
    fn train(&self, task: u32, samples: &Step, mut replay: Option<Replay>) -> Result<Learned> {
        let epochs = self.settings.epochs;
        let mut order = Generator::new(self.seed, "order", task);
        let optimiser = self.adapter.optimiser(self.settings.lr);
        let mut optimiser = optimiser.during("making the optimiser")?;
        if let Some(replay) = &replay {
            self.host.scalar("boundary_pairs", 0, replay.pairs() as f64);
        }
        let mut steps = 0;
        for epoch in 1..=epochs {
            let doing = format!("epoch {epoch} of {epochs}");
            optimiser.set_lr(self.settings.lr(epoch - 1));
            if let Some(replay) = &mut replay {
                replay.start_epoch();
            }
            let mut losses = Vec::new();
            let rows = order.permutation(samples.targets.numel());
            for rows in rows.chunks(self.settings.batch_size as usize) {
                if self.host.cancelled() {
                    return Err(Error::cancelled());
                }
                let loss = self.step(&mut optimiser, samples, rows, replay.as_mut());
                losses.push(loss.during(&doing)?);
            }
            steps += losses.len() as u64;
            let loss = total(&losses).during(&doing)? / losses.len().max(1) as f64;
            if !loss.is_finite() {
                return Err(Error::failed(format!(
                    "training diverged: the loss is not finite; lower `lr` (now {})",
                    self.settings.lr
                ))
                .context(doing));
            }
            self.host.scalar("loss", epoch.into(), loss);
            self.host.progress("epoch", epoch.into(), epochs.into());
        }
        Ok(Learned {
            optimiser_steps: steps,
        })
    }

    fn step(
        &self,
        optimiser: &mut clbench_torch::tch::nn::Optimizer,
        samples: &Step,
        rows: &[i64],
        replay: Option<&mut Replay>,
    ) -> Result<Tensor, TchError> {
        let rows = Tensor::f_from_slice(rows)?.f_to_device(self.device)?;
        let mut step = Step {
            features: samples.features.f_index_select(0, &rows)?,
            targets: samples.targets.f_index_select(0, &rows)?,
            boundary: None,
        };
        if let Some(replay) = replay {
            step = replay.join(&step)?;
        }
        let loss = Loss {
            scale: self.scale,
            margin: self.settings.margin,
        };
        self.adapter.step(optimiser, &step, self.seen.texts(), loss)
    }

    fn add_statistics(&mut self, labels: &[i64], features: &Tensor) -> Result<(), TchError> {
        for &class in self.seen.ids() {
            let rows: Vec<i64> = (0_i64..)
                .zip(labels)
                .filter(|&(_, &label)| label == i64::from(class))
                .map(|(row, _)| row)
                .collect();
            let rows = Tensor::f_from_slice(&rows)?.f_to_device(self.device)?;
            self.statistics
                .add(class, &features.f_index_select(0, &rows)?)?;
        }
        Ok(())
    }
}
