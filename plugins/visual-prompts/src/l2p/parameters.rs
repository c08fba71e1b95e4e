//! The parameters of L2P.

use crate::head;
use crate::pool;
use crate::training::{Changes, Schedule, Training};
use harness_abi::parameters::require;
use harness_abi::{Choice, ParameterSet, Result};
use serde::Deserialize;

/// The parameters: a preset, and changes to it.
///
/// ```yaml
/// use: l2p
/// parameters:
///   preset: pytorch-cifar-100
///   top_k: 4
///   training: { epochs: 10 }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The published settings to start from.
    pub preset: Preset,
    /// M, the number of prompts in the pool. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub pool_size: Option<u32>,
    /// L_p, the number of tokens of a prompt; even for prefixes, where half of them are keys and
    /// half are values. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub prompt_length: Option<u32>,
    /// N, the number of prompts selected for an image: at most `pool_size`. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub top_k: Option<u32>,
    /// λ, the weight of the similarities of the selected keys in the loss. Not set: the preset's.
    #[parameter(at_least = 0)]
    pub key_weight: Option<f64>,
    /// Where prompts are inserted. Not set: as in the preset.
    pub insertion: Option<Insertion>,
    /// What the head reads. Not set: as in the preset.
    pub pooling: Option<Pooling>,
    /// The bounds of the uniform distribution that prompts and keys are initialised from. Not set:
    /// the preset's.
    pub init_range: Option<[f64; 2]>,
    /// Whether all images of a batch use the prompts that most of them select. Off in every preset.
    /// The original codes have it on for CIFAR-100 and 5-datasets, in evaluation too, where their
    /// batches hold a single task and thus reveal it. Here batches mix tasks, and a strategy that
    /// depends on its batch is marked.
    pub batchwise: Option<bool>,
    /// Whether a task trains prompts of its own (the t-th N of the pool, which start as the
    /// previous task's) instead of the selected ones, as long as the pool lasts. Prediction always
    /// selects by key. Not set: as in the preset.
    pub task_prompts: Option<bool>,
    /// Changes to the preset's training.
    pub training: Changes,
}

/// Published settings. Code is named by its repository; CIFAR-100 is ten tasks of ten classes. A
/// test holds the values listed here against those in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// JH-LEE-KR/l2p-pytorch, `configs/cifar100_l2p.py`. The head starts normal with a standard
    /// deviation of 0.02.
    ///
    /// `{ pool_size: 10, prompt_length: 5, top_k: 5, key_weight: 0.1, insertion: tokens, pooling:
    /// prompts, init_range: [-1, 1], batchwise: false, task_prompts: false, training: { epochs: 5,
    /// batch_size: 16, lr: 0.001875, schedule: constant, clip_norm: 1 } }`
    #[default]
    #[serde(rename = "pytorch-cifar-100")]
    PytorchCifar100,
    /// google-research/l2p, `configs/cifar100_l2p.py`, on eight devices with 16 images each. The
    /// head starts at 0.
    ///
    /// `{ pool_size: 10, prompt_length: 10, top_k: 4, key_weight: 1, insertion: tokens, pooling:
    /// prompts, init_range: [0, 0.01], batchwise: false, task_prompts: false, training: { epochs:
    /// 5, batch_size: 128, lr: 0.015, schedule: constant, clip_norm: 1 } }`
    #[serde(rename = "jax-cifar-100")]
    JaxCifar100,
    /// Both repositories, `configs/five_datasets_l2p.py`. The head starts normal with a standard
    /// deviation of 0.02.
    ///
    /// `{ pool_size: 20, prompt_length: 10, top_k: 4, key_weight: 0.5, insertion: tokens, pooling:
    /// prompts, init_range: [-1, 1], batchwise: false, task_prompts: true, training: { epochs: 5,
    /// batch_size: 16, lr: 0.001875, schedule: constant, clip_norm: 1 } }`
    #[serde(rename = "5-datasets")]
    FiveDatasets,
    /// L2P++ of GT-RIPL/CODA-Prompt, `--prompt_param 30 20 -1`: keys and values for the first
    /// layer, and a head on the class token. That code sums its key term over the batch, which
    /// pairs each image with every other image's keys; here it is L2P's. The head starts uniform
    /// within ±1/√width.
    ///
    /// `{ pool_size: 30, prompt_length: 20, top_k: 5, key_weight: 1, insertion: prefixes, pooling:
    /// class-token, init_range: [0, 1], batchwise: false, task_prompts: false, training: { epochs:
    /// 50, batch_size: 128, lr: 0.001, schedule: cosine, clip_norm: 0 } }`
    L2pPlusPlusImagenetR,
}

/// The settings in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// M, the number of prompts in the pool.
    pub pool_size: u32,
    /// L_p, the number of tokens of a prompt; of prefixes, half are keys and half are values.
    pub prompt_length: u32,
    /// N, the number of prompts selected for an image.
    pub top_k: u32,
    /// λ, the weight of the similarities of the selected keys.
    pub key_weight: f64,
    /// Where prompts are inserted.
    pub insertion: Insertion,
    /// What the head reads.
    pub pooling: Pooling,
    /// The bounds of the uniform distribution that prompts and keys are initialised from.
    pub init_range: [f64; 2],
    /// Whether all images of a batch use the prompts that most of them select.
    pub batchwise: bool,
    /// Whether a task trains prompts of its own instead of the selected ones.
    pub task_prompts: bool,
    /// How the head is initialised.
    pub head: head::Init,
    /// How it is trained.
    pub training: Training,
}

/// Where prompts are inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Insertion {
    /// As tokens between the class token and the patches.
    Tokens,
    /// As keys and values of the first layer.
    Prefixes,
}

/// What the head reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The mean of the prompts' tokens.
    Prompts,
    /// The class token.
    ClassToken,
    /// The mean of the class token and the prompts' tokens.
    ClassTokenAndPrompts,
}

impl Preset {
    fn settings(self) -> Settings {
        let pytorch = Settings {
            pool_size: 10,
            prompt_length: 5,
            top_k: 5,
            key_weight: 0.1,
            insertion: Insertion::Tokens,
            pooling: Pooling::Prompts,
            init_range: [-1.0, 1.0],
            batchwise: false,
            task_prompts: false,
            head: head::Init::Normal,
            training: Training {
                epochs: 5,
                batch_size: 16,
                lr: 0.03 * 16.0 / 256.0,
                schedule: Schedule::Constant,
                clip_norm: 1.0,
            },
        };
        match self {
            Preset::PytorchCifar100 => pytorch,
            Preset::JaxCifar100 => Settings {
                prompt_length: 10,
                top_k: 4,
                key_weight: 1.0,
                init_range: [0.0, 0.01],
                head: head::Init::Zeros,
                training: Training {
                    batch_size: 128,
                    lr: 0.03 * 128.0 / 256.0,
                    ..pytorch.training
                },
                ..pytorch
            },
            Preset::FiveDatasets => Settings {
                pool_size: 20,
                prompt_length: 10,
                top_k: 4,
                key_weight: 0.5,
                task_prompts: true,
                ..pytorch
            },
            Preset::L2pPlusPlusImagenetR => Settings {
                pool_size: 30,
                prompt_length: 20,
                key_weight: 1.0,
                insertion: Insertion::Prefixes,
                pooling: Pooling::ClassToken,
                init_range: [0.0, 1.0],
                head: head::Init::Uniform,
                training: Training::CODA_PROMPT,
                ..pytorch
            },
        }
    }
}

impl Parameters {
    /// The preset with the changes.
    pub fn settings(&self) -> Settings {
        let preset = self.preset.settings();
        Settings {
            pool_size: self.pool_size.unwrap_or(preset.pool_size),
            prompt_length: self.prompt_length.unwrap_or(preset.prompt_length),
            top_k: self.top_k.unwrap_or(preset.top_k),
            key_weight: self.key_weight.unwrap_or(preset.key_weight),
            insertion: self.insertion.unwrap_or(preset.insertion),
            pooling: self.pooling.unwrap_or(preset.pooling),
            init_range: self.init_range.unwrap_or(preset.init_range),
            batchwise: self.batchwise.unwrap_or(preset.batchwise),
            task_prompts: self.task_prompts.unwrap_or(preset.task_prompts),
            head: preset.head,
            training: preset.training.with(&self.training),
        }
    }
}

impl Settings {
    /// Checks what ranges cannot: settings that depend on each other.
    ///
    /// # Errors
    ///
    /// With the key that does not fit the others.
    pub fn check(&self) -> Result<()> {
        require(
            "top_k",
            self.top_k <= self.pool_size,
            &format!("at most `pool_size` ({})", self.pool_size),
            self.top_k,
        )?;
        pool::check_range(self.init_range)?;
        if self.insertion == Insertion::Prefixes {
            require(
                "prompt_length",
                self.prompt_length.is_multiple_of(2),
                "even, because half of a prefix are keys and half are values",
                self.prompt_length,
            )?;
            require(
                "pooling",
                self.pooling == Pooling::ClassToken,
                "`class-token` with `insertion: prefixes`, which adds no tokens that could be read",
                match self.pooling {
                    Pooling::Prompts => "prompts",
                    Pooling::ClassToken => "class-token",
                    Pooling::ClassTokenAndPrompts => "class-token-and-prompts",
                },
            )?;
        }
        Ok(())
    }
}
