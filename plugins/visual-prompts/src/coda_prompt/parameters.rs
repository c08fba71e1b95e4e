//! The parameters of CODA-Prompt.

use crate::head;
use crate::training::{Changes, Training};
use harness_abi::parameters::require;
use harness_abi::{Choice, ParameterSet, Result};
use serde::Deserialize;

/// The parameters: a preset, and changes to it.
///
/// ```yaml
/// use: coda-prompt
/// parameters:
///   preset: paper
///   training: { epochs: 20 }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The published settings to start from.
    pub preset: Preset,
    /// M, the number of components per layer: at least the number of tasks T, at most the width of
    /// a token. Each task has M / T of them, rounded down. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub components: Option<u32>,
    /// L_p, the number of vectors of a component: even, because half of them are keys and half are
    /// values. Not set: the preset's.
    #[parameter(at_least = 2)]
    pub prompt_length: Option<u32>,
    /// The layers with components, counted from 1. Not set: the preset's.
    pub layers: Option<Vec<u32>>,
    /// λ, the weight of the orthogonality penalty. Not set: the preset's.
    #[parameter(at_least = 0)]
    pub orthogonality_weight: Option<f64>,
    /// Changes to the preset's training.
    pub training: Changes,
}

/// Published settings; the training is that of ImageNet-R. The head starts uniform within
/// ±1/√width. A test holds the values listed here against those in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// λ = 0, as in every script of GT-RIPL/CODA-Prompt (`--prompt_param 100 8 0.0`): components
    /// start orthogonal, so that code does without the penalty.
    ///
    /// `{ components: 100, prompt_length: 8, layers: [1, 2, 3, 4, 5], orthogonality_weight: 0,
    /// training: { epochs: 50, batch_size: 128, lr: 0.001, schedule: cosine, clip_norm: 0 } }`
    #[default]
    Released,
    /// λ = 0.1, the paper's. The code that its figures were made with also multiplied the penalty
    /// by 1e-6.
    ///
    /// `{ components: 100, prompt_length: 8, layers: [1, 2, 3, 4, 5], orthogonality_weight: 0.1,
    /// training: { epochs: 50, batch_size: 128, lr: 0.001, schedule: cosine, clip_norm: 0 } }`
    Paper,
}

/// The settings in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// M, the number of components per layer; each of the T tasks has M / T of them, rounded down.
    pub components: u32,
    /// L_p, the number of vectors of a component: half of them keys, half values.
    pub prompt_length: u32,
    /// The layers with components, counted from 1.
    pub layers: Vec<u32>,
    /// λ, the weight of the orthogonality penalty.
    pub orthogonality_weight: f64,
    /// How the head is initialised.
    pub head: head::Init,
    /// How it is trained.
    pub training: Training,
}

impl Preset {
    fn settings(self) -> Settings {
        Settings {
            components: 100,
            prompt_length: 8,
            layers: vec![1, 2, 3, 4, 5],
            orthogonality_weight: match self {
                Preset::Released => 0.0,
                Preset::Paper => 0.1,
            },
            head: head::Init::Uniform,
            training: Training::CODA_PROMPT,
        }
    }
}

impl Parameters {
    /// The preset with the changes.
    pub fn settings(&self) -> Settings {
        let preset = self.preset.settings();
        Settings {
            components: self.components.unwrap_or(preset.components),
            prompt_length: self.prompt_length.unwrap_or(preset.prompt_length),
            layers: self.layers.clone().unwrap_or(preset.layers),
            orthogonality_weight: self
                .orthogonality_weight
                .unwrap_or(preset.orthogonality_weight),
            head: preset.head,
            training: preset.training.with(&self.training),
        }
    }
}

impl Settings {
    /// Checks what ranges cannot, except for what the backbone and the stream limit.
    ///
    /// # Errors
    ///
    /// At `prompt_length`, if it is odd.
    pub fn check(&self) -> Result<()> {
        require(
            "prompt_length",
            self.prompt_length.is_multiple_of(2),
            "even, because half of a component are keys and half are values",
            self.prompt_length,
        )
    }
}
