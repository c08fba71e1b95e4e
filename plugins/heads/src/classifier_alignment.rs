//! The strategy `classifier-alignment`: the second stage of SLCA (Zhang et al., *SLCA: Slow Learner
//! with Classifier Alignment for Continual Learning on a Pre-trained Model*, arXiv 2303.05118), on a
//! linear head.
//!
//! A head that learns tasks one after another on real features compares the classes of a task only
//! with each other. After every task but the first, a copy of the head is *aligned*: it is trained on
//! features that are drawn from what is kept of all classes seen. Predictions use that copy. The
//! next task goes on from the head as it was before the alignment, so that alignments do not
//! accumulate.
//!
//! - [`parameters`]: presets and changes to them.
//! - [`statistics`]: what is kept of a class.
//! - [`draws`]: features drawn from the statistics. Generators of `clbench-generators` are the other
//!   sources.
//! - [`stages`]: the training.
//!
//! The state has both heads, the statistics or generators, and the task in which each class first
//! arrived.

pub mod draws;
pub mod parameters;
pub mod stages;
pub mod statistics;

use crate::head::{Head, normalised};
use clbench_generators::{ClassFeatures, Fitting, Replay};
use clbench_torch::bridge::{self, device, threads};
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::training::{GradientMode, TrainingSamples};
use clbench_torch::{During, Generator, Noise};
use draws::{Gaussians, mean_factors};
use harness_abi::{
    Batch, Class, Declaration, Error, Host, Learned, Outline, Result, Setting, State, Strategy,
    Task,
};
pub use parameters::Parameters;
use parameters::{Settings, Source};
use serde::{Deserialize, Serialize};
use statistics::ClassStatistics;
use std::ops::Range;

/// Standard deviation of the initial weights. The bias starts at 0. SLCA truncates the distribution
/// at ±2, a hundred standard deviations.
const INIT_STD: f64 = 0.02;
/// The prefix of the aligned head's tensors in a state.
const ALIGNED: &str = "aligned.";

/// A linear head, aligned after every task.
#[derive(Debug)]
pub struct ClassifierAlignment {
    parameters: Parameters,
    settings: Settings,
    seed: u64,
    device: Device,
    host: Host,
    /// N, the number of classes of the stream.
    classes: u32,
    width: i64,
    /// The head of all N classes, not aligned.
    head: Head,
    /// The aligned head of the classes seen; `None` until the second task.
    aligned: Option<Head>,
    statistics: ClassStatistics,
    /// The generators, unless features are drawn from the statistics.
    replay: Replay,
    memory: Memory,
}

/// The JSON part of the state.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    /// The task in which each class seen first arrived, by class id.
    arrived: Vec<u32>,
    /// Whether there is an aligned head.
    aligned: bool,
}

impl Strategy for ClassifierAlignment {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        let device = device::named(&outline.device)?;
        let width = u64::from(parameters.output.width(outline.backbone()?)?);
        let classes = u64::from(outline.classes);
        let head = classes * (width + 1);
        let generators = match parameters.generator() {
            Some(generator) => classes * generator.trained_parameters(width),
            None => 0,
        };
        Ok(Declaration {
            keeps: vec![parameters.keeps()],
            scores_unseen: false,
            batch_dependent: false,
            trainable_parameters: head + generators,
            reads: parameters.output.reads(),
            adaptation: Some("frozen backbone, features of plain images".into()),
            memory_bytes: (device == Device::Cpu)
                .then(|| memory_bytes(parameters, outline, width, generators)),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let width = parameters.output.width(setting.backbone()?.info())?;
        let mut generator = Generator::new(setting.seed, "init", 0);
        Ok(ClassifierAlignment {
            settings: parameters.settings(),
            parameters,
            seed: setting.seed,
            device,
            host: setting.host,
            classes: setting.classes,
            width: width.into(),
            head: Head::new(setting.classes, width, INIT_STD, &mut generator, device)?,
            aligned: None,
            statistics: ClassStatistics::default(),
            replay: Replay::default(),
            memory: Memory::default(),
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        self.features(task)
            .and_then(|features| {
                self.learn_features(task.id(), task.classes(), &features, task.labels())
            })
            .map_err(|error| error.context(format!("learning task {}", task.id())))
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let doing = "scoring a batch";
        let features = self.parameters.output.of_batch(batch, self.device)?;
        let features = normalised(features, self.parameters.normalise).during(doing)?;
        let classes: Vec<i64> = batch
            .classes()
            .iter()
            .map(|class| class.id.into())
            .collect();
        let logits = self
            .logits(&features, &classes)
            .and_then(|logits| logits.f_to_device(Device::Cpu))
            .during(doing)?;
        bridge::copy_out(&logits)
    }

    fn state(&self) -> Result<State> {
        let mut written = self.head.state()?;
        written.write(&self.memory)?;
        if let Some(aligned) = &self.aligned {
            let tensors = aligned.state()?.tensors.into_iter();
            let named = tensors.map(|(name, tensor)| (format!("{ALIGNED}{name}"), tensor));
            written.tensors.extend(named);
        }
        self.statistics.put(&mut written)?;
        self.replay.put(&mut written)?;
        Ok(written)
    }

    fn restore(&mut self, mut written: State) -> Result<()> {
        self.memory = written.read()?;
        let seen = self.memory.arrived.len() as u32;
        let with_scatter = self.parameters.source == Source::Gaussian;
        self.statistics =
            ClassStatistics::take(&mut written, self.width, with_scatter, self.device)?;
        if self.statistics.classes() != seen || seen > self.classes {
            return Err(Error::failed(format!(
                "the state has statistics of {} classes, but {seen} of {} classes were seen",
                self.statistics.classes(),
                self.classes
            )));
        }
        if self.parameters.source != Source::Gaussian {
            self.replay = Replay::take(&mut written, seen, self.device)?;
        }
        self.aligned = None;
        if self.memory.aligned {
            let mut own = State::default();
            for name in ["weight", "bias"] {
                let tensor = written.take(&format!("{ALIGNED}{name}"))?;
                own.tensors.push((name.into(), tensor));
            }
            let mut aligned = self.head.part(&ids(seen))?;
            aligned.restore(own)?;
            self.aligned = Some(aligned);
        }
        self.head.restore(written)
    }
}

impl ClassifierAlignment {
    /// A task's features, preprocessed.
    fn features(&self, task: &Task<'_>) -> Result<Tensor> {
        let output = self.parameters.output;
        let features = output.of_task(task, &task.rows(), self.device)?;
        normalised(features, self.parameters.normalise).during("preparing the features")
    }

    /// Learns a task from its preprocessed features and class ids.
    fn learn_features(
        &mut self,
        task: u32,
        classes: &[Class],
        features: &Tensor,
        labels: &[i64],
    ) -> Result<Learned> {
        let mut own: Vec<&Class> = classes.iter().collect();
        own.sort_by_key(|class| class.id);
        let mut steps = self.train(task, &own, features, labels)?;
        steps += self.keep(task, &own, features, labels)?;
        self.aligned = None;
        if task > 1 && self.settings.alignment.epochs > 0 {
            let (aligned, more) = self.align(task)?;
            self.aligned = Some(aligned);
            steps += more;
        }
        self.memory.aligned = self.aligned.is_some();
        Ok(Learned {
            optimiser_steps: steps,
        })
    }

    /// Stage 1: trains the rows of the task's own classes.
    fn train(
        &mut self,
        task: u32,
        own: &[&Class],
        features: &Tensor,
        labels: &[i64],
    ) -> Result<u64> {
        let own: Vec<i64> = own.iter().map(|class| class.id.into()).collect();
        let position = |label: &i64| {
            own.binary_search(label)
                .map(|position| position as i64)
                .map_err(|_| {
                    Error::failed(format!(
                        "a sample has class {label}, which is not among the task's classes {own:?}"
                    ))
                })
        };
        let targets: Vec<i64> = labels.iter().map(position).collect::<Result<_>>()?;
        let samples = TrainingSamples {
            features: features.shallow_clone(),
            targets: self.numbers(&targets).during("preparing the labels")?,
        };
        let part = self.head.part(&own)?;
        let mut generator = Generator::new(self.seed, "order", task);
        let order = |_| {
            let order = generator.permutation(labels.len());
            self.numbers(&order).during("shuffling the samples")
        };
        let training = &self.settings.training;
        let steps = stages::train(&part, training, &samples, &self.host, order)?;
        self.head.replace(&own, &part)?;
        Ok(steps)
    }

    /// Keeps what later draws need of a task's classes. Returns the optimiser steps of generators.
    fn keep(
        &mut self,
        task: u32,
        own: &[&Class],
        features: &Tensor,
        labels: &[i64],
    ) -> Result<u64> {
        let with_scatter = self.parameters.source == Source::Gaussian;
        let mut by_class = Vec::new();
        for class in own {
            let rows: Vec<i64> = (0..)
                .zip(labels)
                .filter_map(|(row, &label)| (label == i64::from(class.id)).then_some(row))
                .collect();
            let is_new = class.id as usize >= self.memory.arrived.len();
            match (rows.is_empty(), is_new) {
                (true, true) => {
                    return Err(Error::data(format!(
                        "class `{}` has no training samples, so nothing can be drawn for it later; add some, or \
                         remove the class",
                        class.name
                    )));
                }
                (true, false) => continue,
                (false, _) => {}
            }
            let rows = self
                .numbers(&rows)
                .and_then(|rows| features.f_index_select(0, &rows))
                .during("selecting the features of a class")?;
            self.statistics.add(class.id, &rows, with_scatter)?;
            if is_new {
                self.memory.arrived.push(task);
            }
            by_class.push(ClassFeatures {
                class: class.id,
                features: rows,
            });
        }
        let Some(generator) = self.parameters.generator() else {
            return Ok(0);
        };
        if by_class.is_empty() {
            return Ok(0);
        }
        let fitting = Fitting {
            seed: self.seed,
            task,
            device: self.device,
            kind: Kind::Float,
            host: &self.host,
        };
        let fit = generator
            .fit(&by_class, &fitting)
            .map_err(|error| error.context("fitting the generators"))?;
        let fitted: Vec<u32> = by_class.iter().map(|class| class.class).collect();
        self.replay.extend(fit.fitted, &fitted)?;
        Ok(fit.optimiser_steps)
    }

    /// Stage 2: a copy of the rows of all classes seen, aligned, and the number of steps.
    fn align(&self, task: u32) -> Result<(Head, u64)> {
        let doing = "drawing features";
        let (alignment, arrived) = (&self.settings.alignment, &self.memory.arrived);
        let seen = arrived.len() as u32;
        let aligned = self.head.part(&ids(seen))?;
        let factors = mean_factors(arrived, task, alignment.mean_shrinkage);
        let count = i64::from(alignment.samples_per_class);
        let mut drawn = self.drawn(task, &factors, count)?;
        let targets = self
            .numbers(&ids(seen))
            .and_then(|ids| ids.f_repeat_interleave_self_int(count, 0, None));
        let targets = targets.during(doing)?;
        let mut order = Noise::new(self.seed, "alignment order", task, &[0], self.device)?;
        let samples = |_| {
            let _mode = GradientMode::off();
            let drawn = TrainingSamples {
                features: drawn()?,
                targets: targets.shallow_clone(),
            };
            order
                .permutation(count * i64::from(seen))
                .and_then(|order| drawn.rows(&order.f_squeeze_dim(0)?))
                .during(doing)
        };
        let training = &self.settings.training;
        let blocks = blocks(arrived);
        let steps = stages::align(&aligned, alignment, training, &blocks, &self.host, samples)?;
        Ok((aligned, steps))
    }

    /// Draws `count` features of every class seen each time it is called, f32
    /// `[classes · count, width]`.
    fn drawn<'a>(
        &'a self,
        task: u32,
        factors: &[f64],
        count: i64,
    ) -> Result<Box<dyn FnMut() -> Result<Tensor> + 'a>> {
        let (doing, purpose) = ("drawing features", "draws");
        let Some(generator) = self.parameters.generator() else {
            let ridge = self.settings.alignment.covariance_ridge;
            let gaussians = Gaussians::new(&self.statistics, factors, ridge)?;
            let seen: Vec<u32> = (0..self.statistics.classes()).collect();
            let mut noise = Noise::new(self.seed, purpose, task, &seen, self.device)?;
            let width = self.width;
            return Ok(Box::new(move || {
                let normal = noise.normal(&[count, width]);
                normal
                    .and_then(|normal| gaussians.drawn(&normal))
                    .during(doing)
            }));
        };
        // The mean of what a generator draws is moved like that of a Gaussian.
        let means = self.statistics.means()?;
        let shift: Vec<f64> = factors.iter().map(|factor| factor - 1.0).collect();
        let shift = || {
            let shift = Tensor::f_from_slice(&shift)?.f_to_device(self.device)?;
            means
                .f_mul(&shift.f_unsqueeze(1)?)?
                .f_to_kind(Kind::Float)?
                .f_repeat_interleave_self_int(count, 0, None)
        };
        let shift = shift().during(doing)?;
        let mut noise = self
            .replay
            .noise(self.seed, purpose, task, self.classes, self.device)?;
        Ok(Box::new(move || {
            let drawn = self.replay.draw(&*generator, count, &mut noise)?;
            drawn.features.f_add(&shift).during(doing)
        }))
    }

    /// The logits of the classes, `[batch, classes]`; −∞ for a class that was not seen.
    fn logits(&self, features: &Tensor, classes: &[i64]) -> Result<Tensor, TchError> {
        let seen = self.memory.arrived.len() as i64;
        let unseen: Vec<bool> = classes.iter().map(|&class| class >= seen).collect();
        let head = self.aligned.as_ref().unwrap_or(&self.head);
        // An aligned head has rows of seen classes only.
        let rows: Vec<i64> = classes
            .iter()
            .map(|&class| if class < seen { class } else { 0 })
            .collect();
        let logits = head.logits(features, &rows)?;
        match unseen.contains(&true) {
            false => Ok(logits),
            true => {
                let unseen = Tensor::f_from_slice(&unseen)?.f_to_device(self.device)?;
                logits.f_masked_fill(&unseen, f64::NEG_INFINITY)
            }
        }
    }

    /// Copies numbers to the device.
    fn numbers(&self, numbers: &[i64]) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(numbers)?.f_to_device(self.device)
    }
}

/// The ids of the classes seen.
fn ids(seen: u32) -> Vec<i64> {
    (0..i64::from(seen)).collect()
}

/// The classes that first arrived in each task. Ids follow the order of arrival, so these are
/// ranges.
fn blocks(arrived: &[u32]) -> Vec<Range<i64>> {
    let mut blocks: Vec<Range<i64>> = Vec::new();
    for (class, task) in arrived.iter().enumerate() {
        let class = class as i64;
        match blocks.last_mut() {
            Some(block) if arrived[block.start as usize] == *task => block.end = class + 1,
            _ => blocks.push(class..class + 1),
        }
    }
    blocks
}

/// An estimate of the memory at the peak, on the CPU.
fn memory_bytes(parameters: &Parameters, outline: &Outline, width: u64, generators: u64) -> u64 {
    let classes = u64::from(outline.classes);
    let alignment = parameters.settings().alignment;
    let draws = classes * u64::from(alignment.samples_per_class) * width;
    // In f32: a task's features as the host lends them, in libtorch, and in random order; both heads
    // with gradient and momentum, in the state, and as its bytes; the generators, in the state, and
    // as its bytes; an epoch's draws: their noise, drawn, and in random order.
    let head = classes * (width + 1);
    let values = 3 * outline.task_samples * width + 12 * head + 3 * generators + 4 * draws;
    let covariances = match parameters.source {
        // The scatters in f64, half of them in the state and half as its bytes, and a factor in f32.
        Source::Gaussian => classes * width * width * (8 + 8 + 4),
        _ => 0,
    };
    4 * values + covariances
}

#[cfg(test)]
mod tests;
