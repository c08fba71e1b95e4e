//! What both Tip-Adapters share: the cache and its upkeep, the search, scores, and the state.

use super::cache::{Cache, Weights};
use super::parameters::Settings;
use super::search::{self, Candidates, HeldOut};
use super::shots::{self, Kept};
use crate::seen::Seen;
use clbench_torch::bridge::{self, device, state, threads};
use clbench_torch::features::Output;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::prompting::templates::ClassTexts;
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Generator};
use harness_abi::host::Level;
use harness_abi::{Batch, Error, Host, Outline, Result, Setting, State, Task};
use serde::{Deserialize, Serialize};

/// The zero-shot classifier with a cache.
#[derive(Debug)]
pub struct Classifier {
    pub(super) settings: Settings,
    pub(super) seed: u64,
    pub(super) scale: f64,
    pub(super) device: Device,
    pub(super) host: Host,
    pub(super) texts: ClassTexts,
    cache: Cache,
    /// How many samples each class of the stream had so far.
    counts: Vec<i64>,
    /// α and β of the scores.
    weights: Weights,
    memory: Memory,
}

/// The JSON part of the state.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Memory {
    /// Whether the first task is over, and with it the search.
    searched: bool,
}

/// What a task leaves of the cache, and what it adds before any training.
#[derive(Debug)]
pub struct Selection {
    /// The keys of past tasks that stay.
    pub old: Cache,
    /// The unit features of the task's samples that are cached.
    pub new: Cache,
}

/// How many samples are cached at most, of `samples` of `classes` classes.
pub fn cached_at_most(settings: &Settings, classes: u32, samples: u64) -> u64 {
    let limit = settings
        .shots
        .map(|shots| u64::from(shots) * u64::from(classes));
    limit.map_or(samples, |limit| samples.min(limit))
}

/// An estimate of the memory that the cache needs, in values: a task's features as the host lends
/// them, in libtorch and of unit length; the keys, joined anew after a task, in the state and as
/// its bytes.
pub fn values_at_most(settings: &Settings, outline: &Outline, width: u64) -> u64 {
    let cached = cached_at_most(settings, outline.classes, outline.samples);
    (3 * outline.task_samples + 4 * cached) * width
}

impl Classifier {
    /// A classifier with an empty cache.
    ///
    /// # Errors
    ///
    /// If the device or the backbone lacks something.
    pub fn new(
        settings: Settings,
        templates: Option<Vec<String>>,
        setting: Setting,
    ) -> Result<Classifier> {
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let backbone = setting.backbone()?.clone();
        let width = backbone.info().embedding_width;
        Ok(Classifier {
            weights: settings.weights,
            settings,
            seed: setting.seed,
            scale: text_encoder::logit_scale(backbone.info())?,
            device,
            host: setting.host,
            texts: ClassTexts::new(templates, backbone, device),
            cache: Cache::empty(width, device).during("making the cache")?,
            counts: vec![0; setting.classes as usize],
            memory: Memory::default(),
        })
    }

    /// Chooses what is cached of a task, and counts its samples.
    ///
    /// # Errors
    ///
    /// If the features cannot be read, or a label is not one of the task's classes.
    pub fn select(&mut self, task: &Task<'_>) -> Result<Selection> {
        for label in task.labels() {
            if !task
                .classes()
                .iter()
                .any(|class| i64::from(class.id) == *label)
            {
                return Err(Error::failed(format!(
                    "a sample has class {label}, which is not among the classes of its task"
                )));
            }
        }
        let mut generator = Generator::new(self.seed, "shots", task.id());
        let Kept { cached, new } = shots::kept(
            self.cache.classes(),
            task.labels(),
            &mut self.counts,
            self.settings.shots,
            &mut generator,
        );
        let rows: Vec<u32> = new.iter().map(|&row| row as u32).collect();
        let features = Output::Embedding.of_task(task, &rows, self.device)?;
        let classes = new.iter().map(|&row| task.labels()[row]).collect();
        let doing = "choosing the samples to cache";
        Ok(Selection {
            old: self.cache.rows(&cached).during(doing)?,
            new: unit_rows(&features)
                .and_then(|features| Cache::new(features, classes))
                .during(doing)?,
        })
    }

    /// Splits a task's cached rows into a training part and a held-out part.
    pub fn held_out(&self, task: &Task<'_>, classes: &[i64]) -> (Vec<usize>, Vec<usize>) {
        let mut generator = Generator::new(self.seed, "validation", task.id());
        shots::held_out(classes, self.settings.validation, &mut generator)
    }

    /// Whether α and β are still to be searched for.
    pub fn searches(&self) -> bool {
        self.settings.search.is_some() && !self.memory.searched
    }

    /// Searches for α and β on held-out samples, with the candidates' texts.
    ///
    /// # Errors
    ///
    /// As for [`search::best`].
    pub fn search(&mut self, cache: &Cache, held: &HeldOut, candidates: &Seen) -> Result<()> {
        let Some(below) = self.settings.search else {
            return Ok(());
        };
        let candidates = Candidates {
            ids: &candidates.labels(),
            texts: candidates.texts(),
            scale: self.scale,
        };
        let found = match held.targets.numel() {
            0 => None,
            _ => search::best(cache, held, candidates, below, &self.host)?,
        };
        let (level, message) = match found {
            Some(Weights { alpha, beta }) => {
                (Level::Info, format!("found alpha {alpha} and beta {beta}"))
            }
            None => (
                Level::Warning,
                format!(
                    "alpha and beta stay at {} and {}: the first task has too few samples to hold out, or none of them \
                     is classified correctly; raise `validation`, or set both without `search`",
                    self.weights.alpha, self.weights.beta
                ),
            ),
        };
        self.host.log(level, &message);
        self.weights = found.unwrap_or(self.weights);
        Ok(())
    }

    /// Replaces the cache at the end of a task.
    pub fn finish(&mut self, cache: Cache) {
        self.cache = cache;
        self.memory.searched = true;
    }

    /// Scores a batch.
    ///
    /// # Errors
    ///
    /// Propagates errors from the backbone and from libtorch.
    pub fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = Output::Embedding.of_batch(batch, self.device)?;
        let texts = self.texts.of(batch.classes())?;
        let classes: Vec<i64> = batch
            .classes()
            .iter()
            .map(|class| class.id.into())
            .collect();
        let logits = unit_rows(&features)
            .and_then(|features| {
                let (scale, weights) = (self.scale, self.weights);
                self.cache
                    .logits(&features, &classes, &texts, scale, weights)
            })
            .and_then(|logits| logits.f_to_device(Device::Cpu))
            .during("scoring a batch")?;
        bridge::copy_out(&logits)
    }

    /// Adds everything to a state.
    ///
    /// # Errors
    ///
    /// If memory is short.
    pub fn put(&self, written: &mut State) -> Result<()> {
        let doing = "storing the cache";
        written.write(&self.memory)?;
        let weights = [self.weights.alpha, self.weights.beta];
        let weights = Tensor::f_from_slice(&weights).during(doing)?;
        state::put(written, "weights", &weights)?;
        let counts = Tensor::f_from_slice(&self.counts).during(doing)?;
        state::put(written, "counts", &counts)?;
        self.cache.put(written)
    }

    /// Restores everything from a state.
    ///
    /// # Errors
    ///
    /// If the state does not belong to this strategy.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        let doing = "restoring the cache";
        self.memory = written.read()?;
        let weights = state::taken(written, "weights", &[2], (Kind::Double, Device::Cpu))?;
        let weights = Vec::<f64>::try_from(&weights).during(doing)?;
        self.weights = Weights {
            alpha: weights[0],
            beta: weights[1],
        };
        let shape = [self.counts.len() as i64];
        let counts = state::taken(written, "counts", &shape, (Kind::Int64, Device::Cpu))?;
        self.counts = Vec::<i64>::try_from(&counts).during(doing)?;
        self.cache.take(written)
    }
}
