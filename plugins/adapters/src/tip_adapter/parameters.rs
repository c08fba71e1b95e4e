//! The parameters of both Tip-Adapters.

use super::cache::Weights;
use clbench_torch::prompting::templates::check_templates;
use harness_abi::{Choice, ParameterSet, Result};
use serde::Deserialize;

/// The parameters of `tip-adapter`: a preset, and changes to it.
///
/// ```yaml
/// use: tip-adapter
/// parameters: { preset: eurosat, shots: 16 }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The published settings to start from.
    pub preset: Preset,
    /// α, the factor of the cache's votes. Not set: the preset's.
    #[parameter(at_least = 0)]
    pub alpha: Option<f64>,
    /// β, how fast a key's vote falls with its distance. Not set: the preset's.
    #[parameter(above = 0)]
    pub beta: Option<f64>,
    /// Templates used for every domain, each with `{}` where the class name goes; several are
    /// averaged, as CLIP does. Not set: each domain's own templates.
    pub templates: Option<Vec<String>>,
    /// How many samples of a class are cached at most, a random subset of all so far. Not set: all.
    #[parameter(at_least = 1)]
    pub shots: Option<u32>,
    /// Whether α and β are searched for in the first task, on the samples held out; later tasks
    /// keep them.
    #[parameter(default = false)]
    pub search: bool,
    /// The search tries 200 values of β from 0.1 to just below this. Not set: the preset's.
    #[parameter(above = 0.1)]
    pub search_beta: Option<f64>,
    /// The search tries 20 values of α from 0.1 to just below this. Not set: the preset's.
    #[parameter(above = 0.1)]
    pub search_alpha: Option<f64>,
    /// The share of each class's cached samples that the search holds out, rounded down. Afterwards
    /// they are cached too.
    #[parameter(default = 0.2, above = 0, below = 1)]
    pub validation: f64,
}

/// The parameters of `tip-adapter-f`: a preset, and changes to it.
///
/// ```yaml
/// use: tip-adapter-f
/// parameters: { preset: eurosat, shots: 16, epochs: 50 }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct FineTuning {
    /// The published settings to start from.
    pub preset: Preset,
    /// α, the factor of the cache's votes. Not set: the preset's.
    #[parameter(at_least = 0)]
    pub alpha: Option<f64>,
    /// β, how fast a key's vote falls with its distance. Not set: the preset's.
    #[parameter(above = 0)]
    pub beta: Option<f64>,
    /// Templates used for every domain, each with `{}` where the class name goes; several are
    /// averaged, as CLIP does. Not set: each domain's own templates.
    pub templates: Option<Vec<String>>,
    /// How many samples of a class are cached at most, a random subset of all so far. Not set: all.
    /// A task trains on those that it caches.
    #[parameter(at_least = 1)]
    pub shots: Option<u32>,
    /// Passes over a task's cached samples; the best one counts. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub epochs: Option<u32>,
    /// Samples per step. The last step of an epoch takes what is left.
    #[parameter(default = 256, at_least = 1)]
    pub batch_size: u32,
    /// η, the learning rate of AdamW (ε = 1e-4), which falls to 0 along a cosine, step by step.
    #[parameter(default = 0.001, above = 0)]
    pub lr: f64,
    /// λ, the weight decay of AdamW: a step takes η λ times a key from it.
    #[parameter(default = 0.01, at_least = 0)]
    pub weight_decay: f64,
    /// The classes that training chooses among.
    #[parameter(default = TrainOn::Task)]
    pub train_on: TrainOn,
    /// The share of each class's cached samples that is held out, rounded down, to choose the
    /// number of epochs, and α and β with `search`. Then the keys of all samples are trained for so
    /// many epochs. With 0, or too few samples, all epochs are trained.
    #[parameter(default = 0.2, at_least = 0, below = 1)]
    pub validation: f64,
    /// Whether α and β are searched for in the first task, on the samples held out; later tasks
    /// keep them. Training always uses `alpha` and `beta`.
    #[parameter(default = false)]
    pub search: bool,
    /// The search tries 200 values of β from 0.1 to just below this. Not set: the preset's.
    #[parameter(above = 0.1)]
    pub search_beta: Option<f64>,
    /// The search tries 20 values of α from 0.1 to just below this. Not set: the preset's.
    #[parameter(above = 0.1)]
    pub search_alpha: Option<f64>,
}

/// The classes that the cross-entropy of a training sample, and the choice of the epoch, choose
/// among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum TrainOn {
    /// The current task's classes. The new keys are never compared with those of past classes.
    Task,
    /// All classes seen so far. The new keys learn to outvote those of past classes, which have no
    /// samples to defend themselves with.
    Seen,
}

/// Published settings: gaopengcuhk/Tip-Adapter, `configs/`. They are for 16 shots and a ResNet-50;
/// that code searches for α and β from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// `imagenet.yaml`: `{ alpha: 1.17, beta: 1, search_beta: 7, search_alpha: 3, epochs: 20 }`
    #[default]
    Imagenet,
    /// `caltech101.yaml`: `{ alpha: 3, beta: 1, search_beta: 12, search_alpha: 5, epochs: 20 }`
    #[serde(rename = "caltech-101")]
    Caltech101,
    /// `dtd.yaml`: `{ alpha: 2, beta: 1, search_beta: 13, search_alpha: 13, epochs: 20 }`
    Dtd,
    /// `eurosat.yaml`: `{ alpha: 2, beta: 1, search_beta: 12, search_alpha: 10, epochs: 100 }`
    Eurosat,
    /// `fgvc.yaml`: `{ alpha: 5, beta: 1, search_beta: 30, search_alpha: 30, epochs: 20 }`
    FgvcAircraft,
    /// `food101.yaml`: `{ alpha: 1.17, beta: 1, search_beta: 10, search_alpha: 10, epochs: 20 }`
    #[serde(rename = "food-101")]
    Food101,
    /// `oxford_flowers.yaml`: `{ alpha: 10, beta: 1, search_beta: 50, search_alpha: 50, epochs: 20
    /// }`
    OxfordFlowers,
    /// `oxford_pets.yaml`: `{ alpha: 1.17, beta: 1, search_beta: 7, search_alpha: 3, epochs: 20 }`
    OxfordPets,
    /// `stanford_cars.yaml`: `{ alpha: 3, beta: 1, search_beta: 20, search_alpha: 10, epochs: 20 }`
    StanfordCars,
    /// `sun397.yaml`: `{ alpha: 1.17, beta: 1, search_beta: 12, search_alpha: 10, epochs: 20 }`
    #[serde(rename = "sun-397")]
    Sun397,
    /// `ucf101.yaml`: `{ alpha: 3, beta: 1, search_beta: 7, search_alpha: 3, epochs: 20 }`
    #[serde(rename = "ucf-101")]
    Ucf101,
}

/// The settings that both strategies share.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// α and β, before any search.
    pub weights: Weights,
    /// How many samples of a class are cached at most.
    pub shots: Option<u32>,
    /// The maxima of the search for β and α, if there is one.
    pub search: Option<[f64; 2]>,
    /// The share of the cached samples that is held out.
    pub validation: f64,
}

impl Preset {
    /// α, and the maxima of the search for β and α.
    fn values(self) -> (f64, [f64; 2]) {
        match self {
            Preset::Imagenet | Preset::OxfordPets => (1.17, [7.0, 3.0]),
            Preset::Caltech101 => (3.0, [12.0, 5.0]),
            Preset::Dtd => (2.0, [13.0, 13.0]),
            Preset::Eurosat => (2.0, [12.0, 10.0]),
            Preset::FgvcAircraft => (5.0, [30.0, 30.0]),
            Preset::Food101 => (1.17, [10.0, 10.0]),
            Preset::OxfordFlowers => (10.0, [50.0, 50.0]),
            Preset::StanfordCars => (3.0, [20.0, 10.0]),
            Preset::Sun397 => (1.17, [12.0, 10.0]),
            Preset::Ucf101 => (3.0, [7.0, 3.0]),
        }
    }

    fn weights(self, alpha: Option<f64>, beta: Option<f64>) -> Weights {
        Weights {
            alpha: alpha.unwrap_or(self.values().0),
            beta: beta.unwrap_or(1.0),
        }
    }

    fn search(self, beta: Option<f64>, alpha: Option<f64>) -> [f64; 2] {
        let below = self.values().1;
        [beta.unwrap_or(below[0]), alpha.unwrap_or(below[1])]
    }

    fn epochs(self) -> u32 {
        match self {
            Preset::Eurosat => 100,
            _ => 20,
        }
    }
}

impl Parameters {
    /// The preset with the changes.
    pub fn settings(&self) -> Settings {
        let below = self.preset.search(self.search_beta, self.search_alpha);
        Settings {
            weights: self.preset.weights(self.alpha, self.beta),
            shots: self.shots,
            search: self.search.then_some(below),
            validation: self.validation,
        }
    }

    /// Checks what ranges cannot.
    ///
    /// # Errors
    ///
    /// With the key that is wrong.
    pub fn check(&self) -> Result<()> {
        check_templates(self.templates.as_deref(), "remove the key")
    }
}

impl FineTuning {
    /// The preset with the changes.
    pub fn settings(&self) -> Settings {
        let below = self.preset.search(self.search_beta, self.search_alpha);
        Settings {
            weights: self.preset.weights(self.alpha, self.beta),
            shots: self.shots,
            search: self.search.then_some(below),
            validation: self.validation,
        }
    }

    /// Passes over a task's samples.
    pub fn epochs(&self) -> u32 {
        self.epochs.unwrap_or(self.preset.epochs())
    }

    /// Checks what ranges cannot.
    ///
    /// # Errors
    ///
    /// With the key that is wrong.
    pub fn check(&self) -> Result<()> {
        harness_abi::parameters::require(
            "validation",
            !self.search || self.validation > 0.0,
            "above 0 with `search: true`, which needs held-out samples",
            self.validation,
        )?;
        check_templates(self.templates.as_deref(), "remove the key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::parameters::parse;

    #[test]
    fn presets_are_the_published_values() {
        for (preset, alpha, search, epochs) in [
            ("imagenet", 1.17, [7.0, 3.0], 20),
            ("caltech-101", 3.0, [12.0, 5.0], 20),
            ("dtd", 2.0, [13.0, 13.0], 20),
            ("eurosat", 2.0, [12.0, 10.0], 100),
            ("fgvc-aircraft", 5.0, [30.0, 30.0], 20),
            ("food-101", 1.17, [10.0, 10.0], 20),
            ("oxford-flowers", 10.0, [50.0, 50.0], 20),
            ("oxford-pets", 1.17, [7.0, 3.0], 20),
            ("stanford-cars", 3.0, [20.0, 10.0], 20),
            ("sun-397", 1.17, [12.0, 10.0], 20),
            ("ucf-101", 3.0, [7.0, 3.0], 20),
        ] {
            let json = format!(r#"{{"preset": "{preset}", "search": true}}"#);
            let parameters: FineTuning = parse(json.as_bytes()).unwrap();
            let settings = parameters.settings();
            assert_eq!(settings.weights, Weights { alpha, beta: 1.0 }, "{preset}");
            assert_eq!(settings.search, Some(search), "{preset}");
            assert_eq!(parameters.epochs(), epochs, "{preset}");
            let plain: Parameters = parse(json.as_bytes()).unwrap();
            assert_eq!(plain.settings(), settings);
        }
    }

    #[test]
    fn a_wrong_combination_is_reported_with_its_key() {
        let parameters: FineTuning = parse(br#"{"search": true, "validation": 0}"#).unwrap();
        assert_eq!(
            parameters.check().unwrap_err().to_string(),
            "parameter `validation`: must be above 0 with `search: true`, which needs held-out samples, got 0"
        );
    }
}
