//! What a scenario can set of DualPrompt.

use crate::head;
use crate::pool;
use crate::training::{Changes, Schedule, Training};
use harness_abi::Result;
use harness_abi::parameters::require;
use serde::Deserialize;

/// The parameters: a preset, and what is changed of it.
///
/// ```yaml
/// use: dualprompt
/// parameters:
///   preset: imagenet-r
///   training: { epochs: 20 }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Where the settings come from.
    pub preset: Preset,
    /// [`Settings::general_layers`], from 1.
    pub general_layers: Option<Vec<u32>>,
    /// [`Settings::general_length`], at least 1.
    pub general_length: Option<u32>,
    /// [`Settings::expert_layers`], from 1, none of them a general one.
    pub expert_layers: Option<Vec<u32>>,
    /// [`Settings::expert_length`], at least 1.
    pub expert_length: Option<u32>,
    /// [`Settings::key_weight`], at least 0.
    pub key_weight: Option<f64>,
    /// [`Settings::init_range`].
    pub init_range: Option<[f64; 2]>,
    /// Changes of the preset's training.
    pub training: Changes,
}

/// Settings in use, those of JH-LEE-KR/dualprompt-pytorch, which are the JAX code's but for the first values (there 0 to 0.01)
/// and the rate, which follows the batch size.
///
/// | | general | experts | λ | steps |
/// |---|---|---|--:|---|
/// | `cifar-100` | layers 1, 2, length 5 | layers 3 to 5, length 5 | 1 | 5 epochs, 24 images, η 0.03 · 24/256 |
/// | `imagenet-r` | as above | length 20 | 1 | 50 epochs, 24 images, η 0.005 · 24/256 |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// `configs/cifar100_dualprompt.py`.
    #[default]
    #[serde(rename = "cifar-100")]
    Cifar100,
    /// `configs/imr_dualprompt.py`.
    ImagenetR,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The layers with general prompts, from 1.
    pub general_layers: Vec<u32>,
    /// L_g: so many keys and so many values.
    pub general_length: u32,
    /// The layers with experts, from 1.
    pub expert_layers: Vec<u32>,
    /// L_e: so many keys and so many values.
    pub expert_length: u32,
    /// λ: the weight of the similarity with the task's key.
    pub key_weight: f64,
    /// Between which numbers prompts and keys are, uniformly, before they are learned.
    pub init_range: [f64; 2],
    /// How the head begins.
    pub head: head::Init,
    /// How it is trained.
    pub training: Training,
}

impl Preset {
    fn settings(self) -> Settings {
        let cifar_100 = Settings {
            general_layers: vec![1, 2],
            general_length: 5,
            expert_layers: vec![3, 4, 5],
            expert_length: 5,
            key_weight: 1.0,
            init_range: [-1.0, 1.0],
            head: head::Init::Normal,
            training: Training {
                epochs: 5,
                batch_size: 24,
                lr: 0.03 * 24.0 / 256.0,
                schedule: Schedule::Constant,
                clip_norm: 1.0,
            },
        };
        match self {
            Preset::Cifar100 => cifar_100,
            Preset::ImagenetR => Settings {
                expert_length: 20,
                training: Training {
                    epochs: 50,
                    lr: 0.005 * 24.0 / 256.0,
                    ..cifar_100.training
                },
                ..cifar_100
            },
        }
    }
}

impl Parameters {
    /// The preset with what is changed of it.
    pub fn settings(&self) -> Settings {
        let preset = self.preset.settings();
        let layers = |changed: &Option<Vec<u32>>, preset| changed.clone().unwrap_or(preset);
        Settings {
            general_layers: layers(&self.general_layers, preset.general_layers),
            general_length: self.general_length.unwrap_or(preset.general_length),
            expert_layers: layers(&self.expert_layers, preset.expert_layers),
            expert_length: self.expert_length.unwrap_or(preset.expert_length),
            key_weight: self.key_weight.unwrap_or(preset.key_weight),
            init_range: self.init_range.unwrap_or(preset.init_range),
            head: preset.head,
            training: preset.training.with(&self.training),
        }
    }
}

impl Settings {
    /// Checks every value but the layers, which the backbone limits.
    ///
    /// # Errors
    ///
    /// With the key of the first one that cannot be used.
    pub fn check(&self) -> Result<()> {
        self.training.check()?;
        let at_least_1 = |key, value: u32| require(key, value >= 1, "at least 1", value);
        at_least_1("general_length", self.general_length)?;
        at_least_1("expert_length", self.expert_length)?;
        let weight_is_good = self.key_weight >= 0.0 && self.key_weight.is_finite();
        require("key_weight", weight_is_good, "at least 0", self.key_weight)?;
        pool::check_range(self.init_range)
    }
}
