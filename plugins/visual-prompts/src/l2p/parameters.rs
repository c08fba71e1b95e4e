//! What a scenario can set of L2P.

use crate::head;
use crate::pool;
use crate::training::{Changes, Schedule, Training};
use harness_abi::Result;
use harness_abi::parameters::require;
use serde::Deserialize;

/// The parameters: a preset, and what is changed of it.
///
/// ```yaml
/// use: l2p
/// parameters:
///   preset: pytorch-cifar-100
///   top_k: 4
///   training: { epochs: 10 }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Where the settings come from.
    pub preset: Preset,
    /// [`Settings::pool_size`], at least 1.
    pub pool_size: Option<u32>,
    /// [`Settings::prompt_length`], at least 1; even for prefixes.
    pub prompt_length: Option<u32>,
    /// [`Settings::top_k`], 1 to `pool_size`.
    pub top_k: Option<u32>,
    /// [`Settings::key_weight`], at least 0.
    pub key_weight: Option<f64>,
    /// [`Settings::insertion`]: `tokens` or `prefixes`.
    pub insertion: Option<Insertion>,
    /// [`Settings::pooling`]: `prompts`, `class-token` or `class-token-and-prompts`.
    pub pooling: Option<Pooling>,
    /// [`Settings::init_range`].
    pub init_range: Option<[f64; 2]>,
    /// [`Settings::batchwise`]; off in every preset. The original codes have it on for CIFAR-100 and 5-datasets, in evaluation
    /// too, where their batches are of one task: it then tells which. Here batches are mixed, and a strategy that depends on
    /// them is marked.
    pub batchwise: Option<bool>,
    /// [`Settings::task_prompts`].
    pub task_prompts: Option<bool>,
    /// Changes of the preset's training.
    pub training: Changes,
}

/// Settings in use. Code is named by its repository; CIFAR-100 is ten tasks of ten classes.
///
/// | | pool | length | k | w | first values | steps |
/// |---|--:|--:|--:|--:|---|---|
/// | `pytorch-cifar-100` | 10 | 5 | 5 | 0.1 | −1 to 1, head normal of deviation 0.02 | 5 epochs, 16 images, η 0.03 · 16/256 |
/// | `jax-cifar-100` | 10 | 10 | 4 | 1.0 | 0 to 0.01, head 0 | 5 epochs, 128 images, η 0.03 · 128/256 |
/// | `5-datasets` | 20 | 10 | 4 | 0.5 | as `pytorch-cifar-100` | as `pytorch-cifar-100` |
/// | `l2p-plus-plus-imagenet-r` | 30 | 20 | 5 | 1.0 | 0 to 1, head uniform | 50 epochs, 128 images, η 0.001 down a cosine |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// JH-LEE-KR/l2p-pytorch, `configs/cifar100_l2p.py`.
    #[default]
    #[serde(rename = "pytorch-cifar-100")]
    PytorchCifar100,
    /// google-research/l2p, `configs/cifar100_l2p.py`, on eight devices of 16 images each.
    #[serde(rename = "jax-cifar-100")]
    JaxCifar100,
    /// Both, `configs/five_datasets_l2p.py`: each task trains prompts of its own, which begin as those of the task before.
    #[serde(rename = "5-datasets")]
    FiveDatasets,
    /// L2P++ of GT-RIPL/CODA-Prompt, `--prompt_param 30 20 -1`: keys and values for the first layer, the head on the class
    /// token. That code's key term is summed over the batch, pairing every image with every other's keys; ours is L2P's.
    L2pPlusPlusImagenetR,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// M, how many prompts the pool has.
    pub pool_size: u32,
    /// L_p, how many tokens a prompt has; as prefixes, half of them are keys and half are values.
    pub prompt_length: u32,
    /// N, how many prompts an image gets.
    pub top_k: u32,
    /// λ, here w: the weight of the similarities of selected keys.
    pub key_weight: f64,
    /// Where prompts go in.
    pub insertion: Insertion,
    /// What the head reads.
    pub pooling: Pooling,
    /// Between which numbers prompts and keys are, uniformly, before they are learned.
    pub init_range: [f64; 2],
    /// Whether all images of a batch get the prompts that most of them would.
    pub batchwise: bool,
    /// Whether a task trains prompts of its own instead of those chosen, as long as the pool has some: the t-th N of them,
    /// which begin as the previous task's. Prediction always chooses by key.
    pub task_prompts: bool,
    /// How the head begins.
    pub head: head::Init,
    /// How it is trained.
    pub training: Training,
}

/// Where prompts go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Insertion {
    /// Tokens between class token and patches.
    Tokens,
    /// Keys and values of the first layer.
    Prefixes,
}

/// What the head reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The mean of the prompts' tokens.
    Prompts,
    /// The class token.
    ClassToken,
    /// The mean of both.
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
    /// The preset with what is changed of it.
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
    /// Checks every value.
    ///
    /// # Errors
    ///
    /// With the key of the first one that cannot be used.
    pub fn check(&self) -> Result<()> {
        self.training.check()?;
        let at_least_1 = |key, value: u32| require(key, value >= 1, "at least 1", value);
        at_least_1("pool_size", self.pool_size)?;
        at_least_1("prompt_length", self.prompt_length)?;
        require(
            "top_k",
            (1..=self.pool_size).contains(&self.top_k),
            &format!("1 to `pool_size`, {}", self.pool_size),
            self.top_k,
        )?;
        let weight_is_good = self.key_weight >= 0.0 && self.key_weight.is_finite();
        require("key_weight", weight_is_good, "at least 0", self.key_weight)?;
        pool::check_range(self.init_range)?;
        if self.insertion == Insertion::Prefixes {
            require(
                "prompt_length",
                self.prompt_length.is_multiple_of(2),
                "even, half of it being keys and half values",
                self.prompt_length,
            )?;
            require(
                "pooling",
                self.pooling == Pooling::ClassToken,
                "`class-token` where `insertion` is `prefixes`, which leave no tokens to read",
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
