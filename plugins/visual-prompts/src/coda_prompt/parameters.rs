//! What a scenario can set of CODA-Prompt.

use crate::head;
use crate::training::{Changes, Training};
use harness_abi::Result;
use harness_abi::parameters::require;
use serde::Deserialize;

/// The parameters: a preset, and what is changed of it.
///
/// ```yaml
/// use: coda-prompt
/// parameters:
///   preset: paper
///   training: { epochs: 20 }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Where the settings come from.
    pub preset: Preset,
    /// [`Settings::components`], at least the number of tasks and at most the width of a token.
    pub components: Option<u32>,
    /// [`Settings::prompt_length`], at least 2 and even.
    pub prompt_length: Option<u32>,
    /// [`Settings::layers`], from 1.
    pub layers: Option<Vec<u32>>,
    /// [`Settings::orthogonality_weight`], at least 0.
    pub orthogonality_weight: Option<f64>,
    /// Changes of the preset's training.
    pub training: Changes,
}

/// Settings in use: 100 components of length 8 in layers 1 to 5, and a training of 50 epochs of 128 images at η 0.001 down a
/// cosine, which is that of ImageNet-R.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// λ 0, as every script of GT-RIPL/CODA-Prompt has it (`--prompt_param 100 8 0.0`): since components begin orthogonal, it
    /// does without the penalty.
    #[default]
    Released,
    /// λ 0.1, the paper's. The code that its figures were made with also multiplied the penalty by 1e-6.
    Paper,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// M, how many components a layer has; M / T of them, rounded down, belong to each of the T tasks.
    pub components: u32,
    /// L_p, how many vectors a component has: half of them keys, half values.
    pub prompt_length: u32,
    /// The layers with components, from 1.
    pub layers: Vec<u32>,
    /// λ, the weight of the orthogonality penalty.
    pub orthogonality_weight: f64,
    /// How the head begins.
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
    /// The preset with what is changed of it.
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
    /// Checks every value but those that backbone and stream limit.
    ///
    /// # Errors
    ///
    /// With the key of the first one that cannot be used.
    pub fn check(&self) -> Result<()> {
        self.training.check()?;
        let components = self.components;
        require("components", components >= 1, "at least 1", components)?;
        let length = self.prompt_length;
        require(
            "prompt_length",
            length >= 2 && length.is_multiple_of(2),
            "even and at least 2, half of it being keys and half values",
            length,
        )?;
        let weight = self.orthogonality_weight;
        let weight_is_good = weight >= 0.0 && weight.is_finite();
        require("orthogonality_weight", weight_is_good, "at least 0", weight)
    }
}
