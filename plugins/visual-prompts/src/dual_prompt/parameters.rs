//! The parameters of DualPrompt.

use crate::head;
use crate::pool;
use crate::training::{Changes, Schedule, Training};
use harness_abi::{Choice, ParameterSet, Result};
use serde::Deserialize;

/// The parameters: a preset, and changes to it.
///
/// ```yaml
/// use: dualprompt
/// parameters:
///   preset: imagenet-r
///   training: { epochs: 20 }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The published settings to start from.
    pub preset: Preset,
    /// The layers with general prompts, counted from 1. Not set: the preset's.
    pub general_layers: Option<Vec<u32>>,
    /// L_g, the length of the general prompts: this many keys and this many values. Not set: the
    /// preset's.
    #[parameter(at_least = 1)]
    pub general_length: Option<u32>,
    /// The layers with expert prompts, counted from 1; none of them may have general prompts. Not
    /// set: the preset's.
    pub expert_layers: Option<Vec<u32>>,
    /// L_e, the length of the expert prompts: this many keys and this many values. Not set: the
    /// preset's.
    #[parameter(at_least = 1)]
    pub expert_length: Option<u32>,
    /// λ, the weight of the similarity with the task's key in the loss. Not set: the preset's.
    #[parameter(at_least = 0)]
    pub key_weight: Option<f64>,
    /// The bounds of the uniform distribution that prompts and keys are initialised from. Not set:
    /// the preset's.
    pub init_range: Option<[f64; 2]>,
    /// Changes to the preset's training.
    pub training: Changes,
}

/// Published settings, those of JH-LEE-KR/dualprompt-pytorch. They are the JAX code's except for
/// the initial values (there 0 to 0.01) and the learning rate, which depends on the batch size. The
/// head starts normal with a standard deviation of 0.02. A test holds the values listed here
/// against those in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// `configs/cifar100_dualprompt.py`.
    ///
    /// `{ general_layers: [1, 2], general_length: 5, expert_layers: [3, 4, 5], expert_length: 5,
    /// key_weight: 1, init_range: [-1, 1], training: { epochs: 5, batch_size: 24, lr: 0.0028125,
    /// schedule: constant, clip_norm: 1 } }`
    #[default]
    #[serde(rename = "cifar-100")]
    Cifar100,
    /// `configs/imr_dualprompt.py`.
    ///
    /// `{ general_layers: [1, 2], general_length: 5, expert_layers: [3, 4, 5], expert_length: 20,
    /// key_weight: 1, init_range: [-1, 1], training: { epochs: 50, batch_size: 24, lr: 0.00046875,
    /// schedule: constant, clip_norm: 1 } }`
    ImagenetR,
}

/// The settings in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The layers with general prompts, counted from 1.
    pub general_layers: Vec<u32>,
    /// L_g, the length of the general prompts: this many keys and this many values.
    pub general_length: u32,
    /// The layers with expert prompts, counted from 1.
    pub expert_layers: Vec<u32>,
    /// L_e, the length of the expert prompts: this many keys and this many values.
    pub expert_length: u32,
    /// λ, the weight of the similarity with the task's key.
    pub key_weight: f64,
    /// The bounds of the uniform distribution that prompts and keys are initialised from.
    pub init_range: [f64; 2],
    /// How the head is initialised.
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
    /// The preset with the changes.
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
    /// Checks what ranges cannot, except for the layers, which the backbone limits.
    ///
    /// # Errors
    ///
    /// At `init_range`, if it is not a range.
    pub fn check(&self) -> Result<()> {
        pool::check_range(self.init_range)
    }
}
