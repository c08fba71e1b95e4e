//! Strategies: continual-learning methods, as their authors write them.
//!
//! A strategy learns the tasks of a stream one after another. It sees only what it is given: the
//! current task's training data in [`learn`](Strategy::learn), and the names of unseen classes in
//! [`predict`](Strategy::predict). It never sees a test label, or which task a test image belongs
//! to. After every task the host takes the [`state`](Strategy::state), drops the strategy, creates
//! it again and restores it, so everything that a strategy remembers is in its state. The size of
//! the state is a reported cost.
//!
//! The [guide](crate::guide) says in which order and from which thread the methods are called, and
//! what every tensor looks like.

use crate::backbone::BackboneInfo;
use crate::error::{Error, Result, received};
use crate::foreign::BackboneHandle;
use crate::host::Host;
use crate::parameters::ParameterSet;
use crate::state::State;
use crate::tensor::Tensor;
use crate::wire::SamplesObject;
use abi_stable::std_types::RSlice;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A continual-learning method.
///
/// The host calls all methods of a strategy from one thread, one at a time, so a strategy need be
/// neither [`Send`] nor [`Sync`]. A strategy that starts threads of its own joins them before the
/// method returns, and starts at most [`Setting::threads`].
///
/// # Example
///
/// A class is scored by the inner product with the sum of its features. The testkit then checks
/// everything that the host relies on:
///
/// ```
/// use harness_abi::{
///     Batch, Declaration, Keeps, Learned, Outline, ParameterSet, Result, Setting, State, Strategy,
///     Task, Tensor,
/// };
/// use serde::{Deserialize, Serialize};
///
/// struct Prototypes {
///     parameters: Parameters,
///     width: usize,
///     sums: Vec<f32>, // [classes, width]
///     memory: Memory,
/// }
///
/// #[derive(Deserialize, ParameterSet)]
/// #[serde(deny_unknown_fields, default)]
/// struct Parameters {
///     /// The factor of the logits.
///     #[parameter(default = 1.0, above = 0)]
///     scale: f32,
/// }
///
/// /// The JSON part of the state.
/// #[derive(Default, Serialize, Deserialize)]
/// struct Memory {
///     samples_seen: usize,
/// }
///
/// impl Strategy for Prototypes {
///     type Parameters = Parameters;
///
///     fn check(_parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
///         outline.backbone()?; // exactly one
///         // `scale` is above 0 here. What a range cannot say would be checked now.
///         Ok(Declaration {
///             keeps: vec![Keeps::Statistics],
///             ..Declaration::default()
///         })
///     }
///
///     fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
///         let width = setting.backbone()?.info().embedding_width as usize;
///         let sums = vec![0.0; setting.classes as usize * width];
///         Ok(Prototypes { parameters, width, sums, memory: Memory::default() })
///     }
///
///     fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
///         let features = task.features(0, &task.rows())?; // f32 [rows, width]
///         features.view().expect_shape("the features", &[-1, self.width as i64])?;
///         let rows = features.view().as_slice::<f32>()?.chunks_exact(self.width);
///         for (row, &label) in rows.zip(task.labels()) {
///             let sum = &mut self.sums[label as usize * self.width..][..self.width];
///             sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
///         }
///         self.memory.samples_seen += task.len();
///         Ok(Learned::default())
///     }
///
///     fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
///         let features = batch.features(0)?;
///         features.view().expect_shape("the features", &[-1, self.width as i64])?;
///         let mut logits = Vec::new(); // [images, classes]
///         for row in features.view().as_slice::<f32>()?.chunks_exact(self.width) {
///             for class in batch.classes() {
///                 let sum = &self.sums[class.id as usize * self.width..][..self.width];
///                 let product: f32 = sum.iter().zip(row).map(|(a, b)| a * b).sum();
///                 logits.push(self.parameters.scale * product);
///             }
///         }
///         Tensor::from_vec(logits, &[batch.len() as i64, batch.classes().len() as i64])
///     }
///
///     fn state(&self) -> Result<State> {
///         let mut state = State::default();
///         state.write(&self.memory)?;
///         let sums = Tensor::from_vec(self.sums.clone(), &[self.sums.len() as i64])?;
///         state.tensors.push(("sums".into(), sums));
///         Ok(state)
///     }
///
///     fn restore(&mut self, mut state: State) -> Result<()> {
///         self.memory = state.read()?;
///         self.sums = state.take("sums")?.view().to_vec()?;
///         Ok(())
///     }
/// }
///
/// # #[cfg(feature = "testkit")] {
/// use harness_abi::testkit::{self, json};
///
/// testkit::strategy::<Prototypes>()
///     .parameters(json!({ "scale": 2.0 }))
///     .bad_parameters(json!({ "scale": -1.0 }), "scale")
///     .bad_parameters(json!({ "scale": "large" }), "scale")
///     .expect_accuracy_above(0.5)
///     .order_free(1e-5) // sums do not depend on the order of the tasks
///     .check();
/// # }
/// ```
pub trait Strategy: Sized + 'static {
    /// What a scenario can set; see [`crate::parameters`].
    type Parameters: ParameterSet;

    /// Checks parameters, device and backbones before anything is trained, and declares what the
    /// strategy keeps and can do.
    ///
    /// The host calls it when it plans a run, before the first cell, and again at the start of
    /// every cell. It should be quick. A strategy that names files in its parameters checks here
    /// that they exist; relative paths start at [`Outline::folder`].
    ///
    /// # Errors
    ///
    /// [`Error::parameter`] if a parameter is out of range or names a missing file,
    /// [`Error::unsupported`] if a backbone or the device lacks what the strategy needs.
    fn check(parameters: &Self::Parameters, outline: &Outline) -> Result<Declaration>;

    /// Creates the strategy as it is before its first task.
    ///
    /// The host calls it many times: once when it plans a run, to see that it works; at the start
    /// of every cell; and again after every task. It should therefore be quick. All randomness
    /// comes from the strategy's own generators, seeded with [`Setting::seed`]; it must not reseed
    /// a global generator.
    ///
    /// # Errors
    ///
    /// If the strategy cannot be created.
    fn create(parameters: Self::Parameters, setting: Setting) -> Result<Self>;

    /// Learns a task.
    ///
    /// It is called once per task, in the order of the stream; in the joint regime, once with all
    /// classes. Earlier tasks cannot be read again.
    ///
    /// # Errors
    ///
    /// If training fails; [`Error::cancelled`] if [`Host::cancelled`] says that the run is to stop.
    fn learn(&mut self, task: &Task<'_>) -> Result<Learned>;

    /// Scores every image of a batch for every class in [`Batch::classes`].
    ///
    /// Returns logits: f32 `[images, classes]`, contiguous, on the CPU. Rows are in the order of
    /// the batch, columns in the order of [`Batch::classes`]. Of equal logits, the first class
    /// wins. −∞ rules a class out; NaN fails the cell.
    ///
    /// If the strategy declares [`scores_unseen`](Declaration::scores_unseen), the classes are all
    /// those of the stream, and the first call comes before the first `learn` (not in the joint
    /// regime). Otherwise they are the classes learned so far, and `learn` always comes first. In
    /// both cases the batch mixes test images of all tasks, including images whose class is not
    /// among the candidates yet.
    ///
    /// It must not change the [`state`](Self::state): the host compares the state's bytes before
    /// and after. Caches that are not part of the state may change.
    ///
    /// # Errors
    ///
    /// If the images cannot be scored.
    fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor>;

    /// Returns everything that the strategy remembers, as JSON and tensors on the CPU.
    ///
    /// The same strategy gives the same bytes each time.
    ///
    /// # Errors
    ///
    /// If the state cannot be written.
    fn state(&self) -> Result<State>;

    /// Restores a state.
    ///
    /// The strategy was just created with the parameters and setting of the one that gave the
    /// state, and must now be equal to it, bit for bit. Optimisers and random generators that live
    /// longer than one `learn` are part of the state.
    ///
    /// # Errors
    ///
    /// If the state does not belong to this strategy.
    fn restore(&mut self, state: State) -> Result<()>;
}

/// What is known before any data is read: enough to check parameters against.
///
/// It crosses as JSON, so a newer host can add to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// How many tasks the strategy will learn (T; 1 in the joint regime).
    pub tasks: u32,
    /// How many classes the stream has (N).
    pub classes: u32,
    /// How many training samples all tasks have together; 0 if the host is older than this field.
    #[serde(default)]
    pub samples: u64,
    /// How many training samples the largest task has (all of them in the joint regime); 0 if the
    /// host is older than this field.
    #[serde(default)]
    pub task_samples: u64,
    /// Where it will compute: `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// The scenario's folder; see [`Setting::folder`].
    #[serde(default)]
    pub folder: PathBuf,
    /// The backbones that the scenario gives it, in the order of [`Setting::backbones`].
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

/// What a strategy declares about itself; records and leaderboards show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// What it keeps of past data; empty if nothing.
    pub keeps: Vec<Keeps>,
    /// Whether it can score classes that it has not learned.
    pub scores_unseen: bool,
    /// Whether an image's logits depend on the other images of its batch.
    pub batch_dependent: bool,
    /// How many parameters are trained.
    pub trainable_parameters: u64,
    /// The backbone outputs that it reads through [`Task::output`] and [`Batch::output`], such as
    /// `class_token`. The host computes them once, before any training. `embedding` is always
    /// available.
    #[serde(default)]
    pub reads: Vec<String>,
    /// How it departs from the published method on these backbones, in a few words.
    #[serde(default)]
    pub adaptation: Option<String>,
    /// An estimate of the memory that it needs at its peak, in bytes: its parameters, its state, a
    /// task's features, and what it computes from them. What every cell needs (the libraries, the
    /// backbones, the images) is not part of it. `None` if it is too little to speak of, or not
    /// known.
    ///
    /// The host compares it with the machine's memory before anything is computed. An estimate that
    /// is too low does no harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The source files that the strategy's code was loaded from, if it is a script; empty for a
    /// strategy that is compiled into the plugin's file. A host treats them like the plugin's file:
    /// a record that was made from other sources is stale.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceFile>,
    /// Versions of software outside the plugin's file that the results may depend on, such as
    /// that of an interpreter, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}

/// A source file of a strategy that is a script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceFile {
    /// The name of its module, such as `my_method` or `helpers.losses`.
    pub module: String,
    /// Where it is on this machine.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// What a strategy is created with, besides its parameters.
#[derive(Debug)]
pub struct Setting {
    /// The cell's seed.
    pub seed: u64,
    /// How many tasks it will learn (T; 1 in the joint regime).
    pub tasks: u32,
    /// How many classes the stream has (N). Class ids run from 0 to N − 1 in the order in which
    /// classes arrive.
    pub classes: u32,
    /// Where to compute: `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// How many threads one operation may use.
    pub threads: u32,
    /// The scenario file's folder, an absolute path: relative paths among its parameters start here.
    /// Empty if the host is older than this field, so that they start at the working directory.
    ///
    /// A cell's id covers the parameters, and so a file's path, but not the file's content. If the
    /// content changes, give the file another name.
    pub folder: PathBuf,
    /// The backbones that the scenario gives it.
    pub backbones: Vec<BackboneHandle>,
    /// The host, for progress, log lines and cancellation.
    pub host: Host,
}

impl Setting {
    /// The strategy's only backbone.
    ///
    /// # Errors
    ///
    /// If it was given none or several.
    pub fn backbone(&self) -> Result<&BackboneHandle> {
        match &self.backbones[..] {
            [backbone] => Ok(backbone),
            others => Err(one_backbone(others.len())),
        }
    }
}

impl Outline {
    /// The strategy's only backbone.
    ///
    /// # Errors
    ///
    /// If it was given none or several.
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

/// A [`Setting`] on its way across.
///
/// New fields have a default, so that a plugin still loads in an older host; an older plugin
/// ignores fields that it does not know. Growing it therefore does not move
/// [`ABI_VERSION`](crate::ABI_VERSION).
#[derive(Serialize, Deserialize)]
pub(crate) struct SettingJson {
    pub seed: u64,
    pub tasks: u32,
    pub classes: u32,
    pub device: String,
    pub threads: u32,
    #[serde(default)]
    pub folder: PathBuf,
}

/// A class.
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

/// A task's classes and training samples.
///
/// Rows are positions in the task, from 0. They follow the order of the domain's training split and
/// are not shuffled: shuffle them with a generator of your own. All methods that take `rows` return
/// one row for each of them, in the order given; a row may be asked for more than once.
pub struct Task<'a> {
    pub(crate) id: u32,
    pub(crate) classes: Vec<Class>,
    pub(crate) labels: &'a [i64],
    pub(crate) index: &'a [u64],
    pub(crate) samples: SamplesObject<'a>,
}

impl Task<'_> {
    /// The task's number, from 1.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The classes of this task, in ascending order of id. Most are new. A class can also come back
    /// with new samples, in streams over domains for example: what a strategy keeps of it must then
    /// be added to, not overwritten.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The number of training samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether it has no samples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class id of every row: an index into the stream's classes, not into
    /// [`classes`](Self::classes).
    pub fn labels(&self) -> &[i64] {
        self.labels
    }

    /// Every row's index into the domain's training split. The same sample has the same index in
    /// every cell.
    pub fn index(&self) -> &[u64] {
        self.index
    }

    /// Cached features of a backbone, named by its position in [`Setting::backbones`]: f32
    /// `[rows, embedding width]`, contiguous, on the CPU. They are projected, as
    /// [`Backbone::encode_images`](crate::Backbone::encode_images) returns them, but not
    /// normalised.
    ///
    /// The tensor may be read-only memory of the feature cache. Copy it before you write to it.
    ///
    /// # Errors
    ///
    /// If a row or the backbone does not exist.
    pub fn features(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        features(&self.samples, backbone, rows)
    }

    /// Another cached output of a backbone, one that the strategy
    /// [declared](Declaration::reads): f32 `[rows, width]`, contiguous, on the CPU. It is what
    /// [`Backbone::forward`](crate::Backbone::forward) returns for the plain images, without
    /// prompts.
    ///
    /// # Errors
    ///
    /// As for [`features`](Self::features), or if the output was not declared.
    pub fn output(&self, backbone: usize, output: &str, rows: &[u32]) -> Result<Tensor> {
        cached(&self.samples, backbone, output, rows)
    }

    /// Images as a backbone takes them: u8 `[rows, 3, height, width]`, RGB, contiguous, on the CPU.
    ///
    /// # Errors
    ///
    /// If a row or the backbone does not exist, or an image cannot be read.
    pub fn images(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        images(&self.samples, backbone, rows)
    }

    /// Images to train on, in the form of [`images`](Self::images). If the scenario's stream asks
    /// for augmentation, each has had a random resized crop and flip; otherwise they are the plain
    /// images. The same sample, seed and `draw` (the epoch, for example) give the same picture.
    /// Cached features and outputs are always those of the plain image.
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

/// Test images without label, task or index, and the classes to score them for.
pub struct Batch<'a> {
    pub(crate) rows: Vec<u32>,
    pub(crate) classes: &'a [Class],
    pub(crate) samples: SamplesObject<'a>,
}

impl Batch<'_> {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no images.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The classes to score, in the order of the logits' columns.
    pub fn classes(&self) -> &[Class] {
        self.classes
    }

    /// Cached features of a backbone: f32 `[images, embedding width]`; see [`Task::features`].
    ///
    /// # Errors
    ///
    /// If the backbone does not exist.
    pub fn features(&self, backbone: usize) -> Result<Tensor> {
        features(&self.samples, backbone, &self.rows)
    }

    /// Another cached output of a backbone: f32 `[images, width]`; see [`Task::output`].
    ///
    /// # Errors
    ///
    /// As for [`features`](Self::features), or if the output was not
    /// [declared](Declaration::reads).
    pub fn output(&self, backbone: usize, output: &str) -> Result<Tensor> {
        cached(&self.samples, backbone, output, &self.rows)
    }

    /// Images as a backbone takes them: u8 `[images, 3, height, width]`; see [`Task::images`].
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
