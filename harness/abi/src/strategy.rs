//! Strategies: continual-learning methods, as their authors write them.
//!
//! A strategy meets the tasks of a stream one after another. What it may see is what it is handed: the current task's
//! training data in [`learn`](Strategy::learn), names of unseen classes in [`predict`](Strategy::predict) only, never a
//! label or a task at prediction. After every task the host takes its [`state`](Strategy::state), drops it, makes it
//! anew and restores it: what it remembers is in its state, and the state's bytes are a reported cost.

use crate::backbone::BackboneInfo;
use crate::error::{Error, Result, received};
use crate::foreign::BackboneHandle;
use crate::host::Host;
use crate::parameters::ParameterSet;
use crate::tensor::Tensor;
use crate::wire::SamplesObject;
use abi_stable::std_types::RSlice;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A continual-learning method.
pub trait Strategy: Sized + 'static {
    /// What a scenario can set; see [`crate::parameters`].
    type Parameters: ParameterSet;

    /// Checks the parameters, the device, and that the backbones offer what the strategy needs, before anything is trained; and
    /// says what the strategy will keep and can do.
    ///
    /// # Errors
    ///
    /// [`Error::parameter`] for a parameter that is out of range, [`Error::unsupported`] for a backbone that lacks
    /// something.
    fn check(parameters: &Self::Parameters, outline: &Outline) -> Result<Declaration>;

    /// Makes the strategy as it is before its first task. All of its randomness comes from generators of its own,
    /// seeded with [`Setting::seed`]; a global one is never reseeded.
    ///
    /// # Errors
    ///
    /// What keeps it from being made.
    fn create(parameters: Self::Parameters, setting: Setting) -> Result<Self>;

    /// Learns a task.
    ///
    /// # Errors
    ///
    /// What keeps it from learning; [`Error::cancelled`] when the host wanted an end.
    fn learn(&mut self, task: &Task<'_>) -> Result<Learned>;

    /// Scores every sample of a batch for every class given: logits, f32 `[batch, classes]` on the CPU. The classes
    /// are all those of the stream, or those seen so far if the strategy cannot score others.
    ///
    /// # Errors
    ///
    /// What keeps it from predicting.
    fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor>;

    /// Everything that it remembers, as tensors on the CPU and JSON.
    ///
    /// # Errors
    ///
    /// What keeps it from writing its state.
    fn state(&self) -> Result<State>;

    /// Takes a state of its own back, on a strategy just created with the same parameters and setting; it then is
    /// what it was, bit for bit.
    ///
    /// # Errors
    ///
    /// If the state is not one of this strategy's.
    fn restore(&mut self, state: State) -> Result<()>;
}

/// What is known before any data: enough to check parameters against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// How many tasks the strategy will meet (T; 1 in the joint regime).
    pub tasks: u32,
    /// How many classes the stream has (N).
    pub classes: u32,
    /// Where it will compute: `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// The backbones that it is given.
    pub backbones: Vec<BackboneInfo>,
}

/// What a strategy keeps of past data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// Statistics, such as means and covariances.
    Statistics,
    /// Generators that draw samples like the past ones.
    Generators,
    /// Features of past samples.
    Features,
    /// Images of past samples.
    Images,
}

impl fmt::Display for Keeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Keeps::Statistics => "statistics",
            Keeps::Generators => "generators",
            Keeps::Features => "features",
            Keeps::Images => "images",
        })
    }
}

/// What a strategy says of itself; every item is a column of the leaderboard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// What it keeps of past data; nothing if empty.
    pub keeps: Vec<Keeps>,
    /// Whether it can score classes that it has not been taught.
    pub scores_unseen: bool,
    /// Whether a sample's logits depend on the other samples of its batch.
    pub batch_dependent: bool,
    /// How many parameters are trained.
    pub trainable_parameters: u64,
    /// The outputs of its backbones that it reads through [`Task::output`] and [`Batch::output`], such as `class_token`. The
    /// host computes them once, before any training; `embedding` is always there.
    #[serde(default)]
    pub reads: Vec<String>,
    /// How what it does on these backbones departs from the method as published, in a few words; none where it does not.
    #[serde(default)]
    pub adaptation: Option<String>,
}

/// What a strategy is made with, its parameters aside.
#[derive(Debug)]
pub struct Setting {
    /// The cell's seed.
    pub seed: u64,
    /// How many tasks it will meet (T; 1 in the joint regime).
    pub tasks: u32,
    /// How many classes the stream has (N). Class ids run from 0 to N − 1 in the order in which they arrive.
    pub classes: u32,
    /// Where to compute: `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// How many threads one operation may use.
    pub threads: u32,
    /// The backbones that the scenario gives it.
    pub backbones: Vec<BackboneHandle>,
    /// The host.
    pub host: Host,
}

impl Setting {
    /// The strategy's one backbone.
    ///
    /// # Errors
    ///
    /// If it was given none, or several.
    pub fn backbone(&self) -> Result<&BackboneHandle> {
        match &self.backbones[..] {
            [backbone] => Ok(backbone),
            others => Err(one_backbone(others.len())),
        }
    }
}

impl Outline {
    /// The strategy's one backbone.
    ///
    /// # Errors
    ///
    /// If it was given none, or several.
    pub fn backbone(&self) -> Result<&BackboneInfo> {
        match &self.backbones[..] {
            [backbone] => Ok(backbone),
            others => Err(one_backbone(others.len())),
        }
    }
}

fn one_backbone(given: usize) -> Error {
    Error::unsupported(format!(
        "this strategy works on one backbone, but was given {given}; name one with `backbone:`"
    ))
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SettingJson {
    pub seed: u64,
    pub tasks: u32,
    pub classes: u32,
    pub device: String,
    pub threads: u32,
}

/// A class, as a strategy meets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Its position in the class order, from 0.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its domain's templates, such as `a photo of a {}`.
    pub templates: Vec<String>,
}

/// What learning a task took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// Optimiser steps; 0 for a method without an optimiser.
    pub optimiser_steps: u64,
}

/// A task's classes and training samples. Rows are positions in the task, from 0.
pub struct Task<'a> {
    pub(crate) id: u32,
    pub(crate) classes: Vec<Class>,
    pub(crate) labels: &'a [i64],
    pub(crate) index: &'a [u64],
    pub(crate) samples: SamplesObject<'a>,
}

impl Task<'_> {
    /// Which task it is, from 1.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The classes that arrive with it.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// How many training samples it has.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether it has no samples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class id of every row.
    pub fn labels(&self) -> &[i64] {
        self.labels
    }

    /// Every row's index into the domain's training split: the same sample has the same index in every cell.
    pub fn index(&self) -> &[u64] {
        self.index
    }

    /// Cached features of a backbone (by its position in [`Setting::backbones`]), f32 `[rows, embedding width]`.
    ///
    /// # Errors
    ///
    /// If a row or the backbone does not exist, or the host cannot compute them.
    pub fn features(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        features(&self.samples, backbone, rows)
    }

    /// Another cached output of a backbone, one of those that the strategy [declared](Declaration::reads), f32
    /// `[rows, width]`: what [`Backbone::forward`](crate::Backbone::forward) gives for the plain images, without prompts.
    ///
    /// # Errors
    ///
    /// As for [`features`](Self::features), or if the output was not declared.
    pub fn output(&self, backbone: usize, output: &str, rows: &[u32]) -> Result<Tensor> {
        cached(&self.samples, backbone, output, rows)
    }

    /// Images as a backbone takes them, u8 `[rows, 3, height, width]`.
    ///
    /// # Errors
    ///
    /// If a row or the backbone does not exist, or an image cannot be read.
    pub fn images(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        images(&self.samples, backbone, rows)
    }

    /// Images to train on, u8 `[rows, 3, height, width]`: after a random resized crop and flip where the scenario's stream
    /// asks for augmentation, as they are where it does not. The same sample, seed and `draw` (the epoch, say) give the same
    /// picture. Cached features and outputs are always those of the plain image.
    ///
    /// # Errors
    ///
    /// As for [`images`](Self::images).
    pub fn augmented_images(&self, backbone: usize, rows: &[u32], draw: u64) -> Result<Tensor> {
        received(
            self.samples
                .augmented(backbone as u32, RSlice::from_slice(rows), draw),
        )?
        .validated("a batch of images")
    }

    /// All rows in order.
    pub fn rows(&self) -> Vec<u32> {
        (0..self.len() as u32).collect()
    }
}

/// A prediction batch: samples without label, task or index, and the classes to score them for.
pub struct Batch<'a> {
    pub(crate) rows: Vec<u32>,
    pub(crate) classes: &'a [Class],
    pub(crate) samples: SamplesObject<'a>,
}

impl Batch<'_> {
    /// How many samples it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no samples.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The classes to score, in the order of the logits' columns.
    pub fn classes(&self) -> &[Class] {
        self.classes
    }

    /// Cached features of a backbone (by its position in [`Setting::backbones`]), f32 `[batch, embedding width]`.
    ///
    /// # Errors
    ///
    /// If the backbone does not exist, or the host cannot compute them.
    pub fn features(&self, backbone: usize) -> Result<Tensor> {
        features(&self.samples, backbone, &self.rows)
    }

    /// Another cached output of a backbone, f32 `[batch, width]`; see [`Task::output`].
    ///
    /// # Errors
    ///
    /// As for [`features`](Self::features), or if the output was not [declared](Declaration::reads).
    pub fn output(&self, backbone: usize, output: &str) -> Result<Tensor> {
        cached(&self.samples, backbone, output, &self.rows)
    }

    /// Images as a backbone takes them, u8 `[batch, 3, height, width]`.
    ///
    /// # Errors
    ///
    /// If the backbone does not exist, or an image cannot be read.
    pub fn images(&self, backbone: usize) -> Result<Tensor> {
        images(&self.samples, backbone, &self.rows)
    }
}

fn features(samples: &SamplesObject<'_>, backbone: usize, rows: &[u32]) -> Result<Tensor> {
    received(samples.features(backbone as u32, RSlice::from_slice(rows)))?
        .validated("a batch of features")
}

fn cached(
    samples: &SamplesObject<'_>,
    backbone: usize,
    output: &str,
    rows: &[u32],
) -> Result<Tensor> {
    let rows = RSlice::from_slice(rows);
    received(samples.output(backbone as u32, output.into(), rows))?
        .validated("a batch of cached outputs")
}

fn images(samples: &SamplesObject<'_>, backbone: usize, rows: &[u32]) -> Result<Tensor> {
    received(samples.images(backbone as u32, RSlice::from_slice(rows)))?
        .validated("a batch of images")
}

/// Everything that a strategy remembers.
#[derive(Debug, Default)]
pub struct State {
    /// Numbers, names, counters.
    pub json: serde_json::Value,
    /// Tensors on the CPU, by name; a name stands once.
    pub tensors: Vec<(String, Tensor)>,
}

impl State {
    /// Takes the tensor of that name out.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn take(&mut self, name: &str) -> Result<Tensor> {
        match self.tensors.iter().position(|(have, _)| have == name) {
            Some(position) => Ok(self.tensors.swap_remove(position).1),
            None => Err(Error::failed(format!(
                "the state has no tensor `{name}`; it is not a state of this strategy"
            ))),
        }
    }

    /// Reads the JSON part as an author's own type.
    ///
    /// # Errors
    ///
    /// If it is not one.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.json)
            .map_err(|error| Error::failed(format!("not a state of this strategy: {error}")))
    }

    /// The state as bytes that are equal exactly when the states are: the same names, types, shapes, bits and JSON.
    ///
    /// # Errors
    ///
    /// If a tensor is not on the CPU, not contiguous or of a type of part bytes, or a name stands twice.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors: Vec<_> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = tensors.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::failed(format!(
                "the state has two tensors of the name `{}`",
                twice[0].0
            )));
        }
        let mut bytes = serde_json::to_vec(&self.json)
            .map_err(|error| Error::failed(format!("the state's JSON: {error}")))?;
        for (name, tensor) in tensors {
            let view = tensor.view();
            bytes.extend(format!("\0{name}\0{}{:?}\0", view.dtype(), view.shape()).into_bytes());
            bytes.extend(
                raw_bytes(&view)
                    .map_err(|error| error.context(format!("the state's tensor `{name}`")))?,
            );
        }
        Ok(bytes)
    }

    /// How many bytes the state takes: its tensors' elements and its JSON.
    pub fn size(&self) -> u64 {
        let json = serde_json::to_vec(&self.json).map_or(0, |json| json.len());
        let tensors: usize = self.tensors.iter().map(|(_, t)| t.view().bytes()).sum();
        (json + tensors) as u64
    }
}

pub(crate) fn raw_bytes(view: &crate::tensor::TensorView<'_>) -> Result<Vec<u8>> {
    if !view.device().is_cpu() || !view.is_contiguous() {
        return Err(Error::failed(format!(
            "{view:?} is not a contiguous tensor on the CPU"
        )));
    }
    if view.bytes() == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: contiguous memory on the CPU that the owner keeps; any initialised element is bytes.
    Ok(unsafe { std::slice::from_raw_parts(view.data().cast::<u8>(), view.bytes()) }.to_vec())
}
