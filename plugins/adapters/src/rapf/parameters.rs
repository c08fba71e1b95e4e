//! The parameters of RAPF.

use super::replay::Plan;
use clbench_torch::prompting::templates::check_templates;
use harness_abi::parameters::require;
use harness_abi::{Choice, Error, ParameterSet, Result};
use serde::Deserialize;

/// The published template.
pub const TEMPLATE: &str = "a good photo of a {}.";

/// The parameters: a preset, and changes to it.
///
/// ```yaml
/// use: rapf
/// parameters:
///   preset: cub
///   epochs: 30
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The published settings to start from.
    pub preset: Preset,
    /// Passes over a task's samples. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub epochs: Option<u32>,
    /// Samples of the task per step, to which the replayed ones are added. The last step of an
    /// epoch takes what is left. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub batch_size: Option<u32>,
    /// η, Adam's learning rate. Not set: the preset's.
    #[parameter(above = 0)]
    pub lr: Option<f64>,
    /// The numbers of epochs, ascending, after which the learning rate falls to a tenth. Not set:
    /// the preset's.
    pub milestones: Option<Vec<u32>>,
    /// How many past classes a step replays; all past classes take turns. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub replay_classes: Option<u32>,
    /// β, the amount of replay: a step draws ⌊10 β⌋ samples of each replayed class, and ⌊20 β⌋ for
    /// each boundary pair. Not set: the preset's.
    #[parameter(at_least = 0.1)]
    pub beta: Option<f64>,
    /// An old and a new class are a boundary pair if the distance of their unit text features is
    /// below this; 0 for no pairs. Not set: the preset's.
    #[parameter(at_least = 0)]
    pub threshold: Option<f64>,
    /// By how much the cosine of a boundary draw with its own class should exceed the one with the
    /// new class. Not set: the preset's.
    #[parameter(at_least = 0)]
    pub margin: Option<f64>,
    /// b, the least share of the new matrix in the fusion of the adapters before and after a task;
    /// with 1, nothing is fused. Not set: the preset's.
    #[parameter(at_least = 0, at_most = 1)]
    pub mix_bias: Option<f64>,
    /// Whether the covariances that replay draws from are shrunk. Not set: as in the preset.
    pub shrinkage: Option<bool>,
    /// The templates of all classes, each with `{}` where the class name goes; several are
    /// averaged. Not set: the published `a good photo of a {}.`
    pub templates: Option<Vec<String>>,
    /// Whether classes use their domain's own templates instead.
    #[parameter(default = false)]
    pub domain_templates: bool,
}

/// Published settings: linlany/RAPF, `configs/class/` and, for the margin and the replayed classes,
/// `main.py`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// `cifar100_10-10.yaml`; ten tasks of ten classes.
    ///
    /// `{ epochs: 15, batch_size: 100, lr: 0.001, milestones: [4, 10], replay_classes: 2, beta: 2,
    /// threshold: 0.55, margin: 0.1, mix_bias: 0.6, shrinkage: false }`
    #[default]
    #[serde(rename = "cifar-100")]
    Cifar100,
    /// `imagenet_r_20-20.yaml`; ten tasks of twenty classes.
    ///
    /// `{ epochs: 15, batch_size: 64, lr: 0.001, milestones: [4, 10], replay_classes: 5, beta: 1,
    /// threshold: 0.65, margin: 0.1, mix_bias: 0.7, shrinkage: true }`
    ImagenetR,
    /// `cub200_20-20.yaml`; ten tasks of twenty classes. The file's margin of 0.2 is not read by
    /// the code.
    ///
    /// `{ epochs: 15, batch_size: 32, lr: 0.001, milestones: [4, 10], replay_classes: 10, beta: 1,
    /// threshold: 0.65, margin: 0.1, mix_bias: 0.8, shrinkage: true }`
    Cub,
}

/// The settings in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Passes over a task's samples.
    pub epochs: u32,
    /// Samples of the task per step.
    pub batch_size: u32,
    /// η, the learning rate.
    pub lr: f64,
    /// The numbers of epochs after which it falls to a tenth.
    pub milestones: Vec<u32>,
    /// The margin of the hinge.
    pub margin: f64,
    /// b, the least share of the new matrix in the fusion.
    pub mix_bias: f64,
    /// How past classes are replayed.
    pub plan: Plan,
}

impl Preset {
    fn settings(self) -> Settings {
        let (batch_size, classes, beta, threshold, mix_bias, shrinkage) = match self {
            Preset::Cifar100 => (100, 2, 2.0, 0.55, 0.6, false),
            Preset::ImagenetR => (64, 5, 1.0, 0.65, 0.7, true),
            Preset::Cub => (32, 10, 1.0, 0.65, 0.8, true),
        };
        Settings {
            epochs: 15,
            batch_size,
            lr: 0.001,
            milestones: vec![4, 10],
            margin: 0.1,
            mix_bias,
            plan: Plan {
                classes,
                draws: draws(10.0, beta),
                boundary_draws: draws(20.0, beta),
                threshold,
                shrinkage,
            },
        }
    }
}

/// ⌊n β⌋; `as` rounds down and clamps.
fn draws(n: f64, beta: f64) -> u32 {
    (n * beta) as u32
}

impl Parameters {
    /// The preset with the changes.
    pub fn settings(&self) -> Settings {
        let preset = self.preset.settings();
        let beta = |n, preset| self.beta.map_or(preset, |beta| draws(n, beta));
        Settings {
            epochs: self.epochs.unwrap_or(preset.epochs),
            batch_size: self.batch_size.unwrap_or(preset.batch_size),
            lr: self.lr.unwrap_or(preset.lr),
            milestones: self.milestones.clone().unwrap_or(preset.milestones),
            margin: self.margin.unwrap_or(preset.margin),
            mix_bias: self.mix_bias.unwrap_or(preset.mix_bias),
            plan: Plan {
                classes: self.replay_classes.unwrap_or(preset.plan.classes),
                draws: beta(10.0, preset.plan.draws),
                boundary_draws: beta(20.0, preset.plan.boundary_draws),
                threshold: self.threshold.unwrap_or(preset.plan.threshold),
                shrinkage: self.shrinkage.unwrap_or(preset.plan.shrinkage),
            },
        }
    }

    /// The templates of all classes; `None` for each domain's own.
    pub fn templates(&self) -> Option<Vec<String>> {
        match self.domain_templates {
            true => None,
            false => {
                let published = || vec![TEMPLATE.into()];
                Some(self.templates.clone().unwrap_or_else(published))
            }
        }
    }

    /// Checks what ranges cannot.
    ///
    /// # Errors
    ///
    /// With the key that is wrong.
    pub fn check(&self) -> Result<()> {
        let instead = "set `domain_templates: true`";
        check_templates(self.templates.as_deref(), instead)?;
        if self.templates.is_some() && self.domain_templates {
            return Err(Error::parameter(
                "domain_templates",
                "cannot be on if `templates` is set; remove one of them",
            ));
        }
        let milestones = self.milestones.as_deref().unwrap_or_default();
        require(
            "milestones",
            !milestones.contains(&0) && milestones.is_sorted_by(|a, b| a < b),
            "numbers of epochs of at least 1, ascending",
            format!("{milestones:?}"),
        )
    }
}

impl Settings {
    /// The learning rate of an epoch, counted from 0.
    pub fn lr(&self, epoch: u32) -> f64 {
        let passed = self.milestones.iter().filter(|&&at| at <= epoch).count();
        self.lr * 0.1_f64.powi(passed as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::parameters::parse;

    /// The same settings, every value written out.
    #[test]
    fn presets_are_the_published_values() {
        for (preset, values) in [
            (
                "cifar-100",
                r#""epochs": 15, "batch_size": 100, "lr": 0.001, "milestones": [4, 10], "replay_classes": 2, "beta": 2,
                   "threshold": 0.55, "margin": 0.1, "mix_bias": 0.6, "shrinkage": false"#,
            ),
            (
                "imagenet-r",
                r#""epochs": 15, "batch_size": 64, "lr": 0.001, "milestones": [4, 10], "replay_classes": 5, "beta": 1,
                   "threshold": 0.65, "margin": 0.1, "mix_bias": 0.7, "shrinkage": true"#,
            ),
            (
                "cub",
                r#""epochs": 15, "batch_size": 32, "lr": 0.001, "milestones": [4, 10], "replay_classes": 10, "beta": 1,
                   "threshold": 0.65, "margin": 0.1, "mix_bias": 0.8, "shrinkage": true"#,
            ),
        ] {
            let settings = |json: &str| parse::<Parameters>(json.as_bytes()).unwrap().settings();
            let alone = settings(&format!(r#"{{"preset": "{preset}"}}"#));
            // On top of each preset, the values change whatever differs.
            for base in ["cifar-100", "imagenet-r", "cub"] {
                let json = format!(r#"{{"preset": "{base}", {values}}}"#);
                assert_eq!(settings(&json), alone, "{preset} on {base}");
            }
        }
        assert_eq!(Parameters::default().preset, Preset::Cifar100);
        assert_eq!(Parameters::default().templates().unwrap(), [TEMPLATE]);
    }

    #[test]
    fn the_rate_falls_after_each_milestone() {
        let settings = Parameters::default().settings();
        let rates: Vec<f64> = [0, 3, 4, 9, 10, 14].map(|epoch| settings.lr(epoch)).into();
        for (rate, expected) in rates.iter().zip([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5]) {
            assert!((rate / expected - 1.0).abs() < 1e-12, "{rates:?}");
        }
    }

    #[test]
    fn a_wrong_combination_is_reported_with_its_key() {
        let message = |json: &str| {
            let parameters = parse::<Parameters>(json.as_bytes());
            let checked = parameters.and_then(|parameters| parameters.check());
            checked.unwrap_err().to_string()
        };
        assert_eq!(
            message(r#"{"milestones": [4, 4]}"#),
            "parameter `milestones`: must be numbers of epochs of at least 1, ascending, got [4, 4]"
        );
        assert_eq!(
            message(r#"{"templates": ["{}"], "domain_templates": true}"#),
            "parameter `domain_templates`: cannot be on if `templates` is set; remove one of them"
        );
    }
}
