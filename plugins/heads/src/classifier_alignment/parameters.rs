//! The parameters of `classifier-alignment`.

use crate::parameters::Normalise;
use clbench_generators::Generator;
use clbench_generators::diffusion::Diffusion;
use clbench_generators::gaussian::Gaussian;
use clbench_generators::mixture::Mixture;
use clbench_generators::vae::{Autoencoders, Posterior, Vae};
use clbench_torch::features::Output;
use harness_abi::parameters::require;
use harness_abi::{Choice, Keeps, ParameterSet, Result};
use serde::Deserialize;

/// The parameters: a preset, and changes to it.
///
/// ```yaml
/// use: classifier-alignment
/// parameters:
///   preset: slca-cifar-100
///   training: { epochs: 10, milestones: [8] }
///   alignment: { temperature: 0.2 }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The published settings to start from.
    pub preset: Preset,
    /// The output of the backbone that is an image's feature.
    #[parameter(default = Output::Embedding)]
    pub output: Output,
    /// How a feature is normalised first. SLCA does not.
    #[parameter(default = Normalise::None)]
    pub normalise: Normalise,
    /// What the features of the second stage are drawn from.
    #[parameter(default = Source::Gaussian)]
    pub source: Source,
    /// Changes to the preset's first stage: the head's training on a task's features.
    pub training: TrainingChanges,
    /// Changes to the preset's second stage: the head's training on drawn features of all classes.
    pub alignment: AlignmentChanges,
    /// Settings of `source: vae`.
    pub vae: Vae,
    /// Settings of `source: mixture`.
    pub mixture: Mixture,
    /// Settings of `source: diffusion`.
    pub diffusion: Diffusion,
}

/// Published settings. Code is named by its repository. A test holds the values listed here against
/// those in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// GengDavid/SLCA, `exps/slca/slca_cifar.json` and `models/slca.py`; ten tasks of ten classes.
    ///
    /// `{ training: { epochs: 20, batch_size: 128, lr: 0.01, momentum: 0.9, weight_decay: 0.0005,
    /// milestones: [18], lr_decay: 0.1 }, alignment: { epochs: 5, lr: 0.01, samples_per_class: 256,
    /// batch_size: 256, temperature: 0.1, logit_normalisation: true, mean_shrinkage: 0.1,
    /// covariance_ridge: 0.0001 } }`
    #[default]
    #[serde(rename = "slca-cifar-100")]
    SlcaCifar100,
    /// GengDavid/SLCA, `exps/slca/slca_imgnetr.json`; ten tasks of twenty classes.
    ///
    /// `{ training: { epochs: 50, batch_size: 128, lr: 0.01, momentum: 0.9, weight_decay: 0.0005,
    /// milestones: [40], lr_decay: 0.1 }, alignment: { epochs: 5, lr: 0.01, samples_per_class: 256,
    /// batch_size: 256, temperature: 0.1, logit_normalisation: true, mean_shrinkage: 0.1,
    /// covariance_ridge: 0.0001 } }`
    SlcaImagenetR,
    /// GengDavid/SLCA, `exps/slca/slca_cub.json`; ten tasks of twenty classes. The values are those
    /// of `slca-imagenet-r`.
    ///
    /// `{ training: { epochs: 50, batch_size: 128, lr: 0.01, momentum: 0.9, weight_decay: 0.0005,
    /// milestones: [40], lr_decay: 0.1 }, alignment: { epochs: 5, lr: 0.01, samples_per_class: 256,
    /// batch_size: 256, temperature: 0.1, logit_normalisation: true, mean_shrinkage: 0.1,
    /// covariance_ridge: 0.0001 } }`
    SlcaCub,
    /// GengDavid/SLCA, `exps/slca/slca_cars.json`; ten tasks of at most twenty classes.
    ///
    /// `{ training: { epochs: 50, batch_size: 128, lr: 0.01, momentum: 0.9, weight_decay: 0.0005,
    /// milestones: [40], lr_decay: 0.1 }, alignment: { epochs: 5, lr: 0.01, samples_per_class: 256,
    /// batch_size: 256, temperature: 0.05, logit_normalisation: true, mean_shrinkage: 0.1,
    /// covariance_ridge: 0.0001 } }`
    SlcaCars,
    /// LAMDA-CL/LAMDA-PILOT, `exps/slca.json`, for CIFAR-100; ten tasks of ten classes.
    ///
    /// `{ training: { epochs: 20, batch_size: 64, lr: 0.01, momentum: 0.9, weight_decay: 0.0005,
    /// milestones: [18], lr_decay: 0.1 }, alignment: { epochs: 3, lr: 0.01, samples_per_class: 256,
    /// batch_size: 256, temperature: 0.1, logit_normalisation: true, mean_shrinkage: 0.1,
    /// covariance_ridge: 0.0001 } }`
    #[serde(rename = "pilot-cifar-100")]
    PilotCifar100,
    /// LAMDA-CL/LAMDA-PILOT, `exps/slca_inr.json`, for ImageNet-R; ten tasks of twenty classes. The
    /// learning rate never falls, because its milestone comes after the last epoch.
    ///
    /// `{ training: { epochs: 5, batch_size: 64, lr: 0.01, momentum: 0.9, weight_decay: 0.0005,
    /// milestones: [40], lr_decay: 0.1 }, alignment: { epochs: 3, lr: 0.01, samples_per_class: 256,
    /// batch_size: 256, temperature: 0.1, logit_normalisation: true, mean_shrinkage: 0.1,
    /// covariance_ridge: 0.0001 } }`
    PilotImagenetR,
}

/// What the features of the second stage are drawn from. One source is fitted to each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A Gaussian with the class's full covariance, as in SLCA.
    Gaussian,
    /// A Gaussian with independent dimensions.
    DiagonalGaussian,
    /// A variational autoencoder, as in `cgil`.
    Vae,
    /// A mixture of Gaussians with independent dimensions.
    Mixture,
    /// A small denoising diffusion model.
    Diffusion,
}

/// What a scenario changes in the first stage.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingChanges {
    /// Passes over a task's samples. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub epochs: Option<u32>,
    /// Samples per step. The last step of an epoch takes what is left. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub batch_size: Option<u32>,
    /// η, the learning rate of stochastic gradient descent. Not set: the preset's.
    #[parameter(above = 0)]
    pub lr: Option<f64>,
    /// The momentum, in both stages. Not set: the preset's.
    #[parameter(at_least = 0, below = 1)]
    pub momentum: Option<f64>,
    /// The weight decay, in both stages and for the bias too. Not set: the preset's.
    #[parameter(at_least = 0)]
    pub weight_decay: Option<f64>,
    /// The numbers of epochs after which the learning rate is multiplied by `lr_decay`. Not set: the
    /// preset's.
    pub milestones: Option<Vec<u32>>,
    /// The factor of the learning rate at a milestone. Not set: the preset's.
    #[parameter(above = 0)]
    pub lr_decay: Option<f64>,
}

/// What a scenario changes in the second stage.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct AlignmentChanges {
    /// How often features are drawn and passed over; 0 turns the second stage off. Not set: the
    /// preset's.
    pub epochs: Option<u32>,
    /// η, the learning rate at the start of its cosine. Not set: the preset's.
    #[parameter(above = 0)]
    pub lr: Option<f64>,
    /// Features drawn per seen class in every epoch. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub samples_per_class: Option<u32>,
    /// Drawn features per step. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub batch_size: Option<u32>,
    /// τ, by which normalised logits are divided in the loss. Not set: the preset's.
    #[parameter(above = 0)]
    pub temperature: Option<f64>,
    /// Whether the loss divides logits by τ and the mean over tasks of the length of that task's
    /// logits; otherwise it is the plain cross-entropy. Not set: as in the preset.
    pub logit_normalisation: Option<bool>,
    /// ρ: the draws of a class of task t_c are moved so that their mean is (1 − ρ + ρ t_c/t) μ_c in
    /// task t. Not set: the preset's.
    #[parameter(at_least = 0, at_most = 1)]
    pub mean_shrinkage: Option<f64>,
    /// ε, which is added to the diagonal of a covariance, for `source: gaussian`. Not set: the
    /// preset's.
    #[parameter(above = 0)]
    pub covariance_ridge: Option<f64>,
}

/// The settings in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The first stage.
    pub training: Training,
    /// The second stage.
    pub alignment: Alignment,
}

/// The first stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// Passes over a task's samples.
    pub epochs: u32,
    /// Samples per step.
    pub batch_size: u32,
    /// η, the learning rate.
    pub lr: f64,
    /// The momentum, in both stages.
    pub momentum: f64,
    /// The weight decay, in both stages.
    pub weight_decay: f64,
    /// The numbers of epochs after which the learning rate falls.
    pub milestones: Vec<u32>,
    /// The factor by which it falls.
    pub lr_decay: f64,
}

/// The second stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// How often features are drawn and passed over.
    pub epochs: u32,
    /// η, the learning rate at the start of its cosine.
    pub lr: f64,
    /// Features drawn per seen class in every epoch.
    pub samples_per_class: u32,
    /// Drawn features per step.
    pub batch_size: u32,
    /// τ.
    pub temperature: f64,
    /// Whether the loss normalises logits.
    pub logit_normalisation: bool,
    /// ρ.
    pub mean_shrinkage: f64,
    /// ε.
    pub covariance_ridge: f64,
}

impl Preset {
    fn settings(self) -> Settings {
        let cifar = Settings {
            training: Training {
                epochs: 20,
                batch_size: 128,
                lr: 0.01,
                momentum: 0.9,
                weight_decay: 5e-4,
                milestones: vec![18],
                lr_decay: 0.1,
            },
            alignment: Alignment {
                epochs: 5,
                lr: 0.01,
                samples_per_class: 256,
                batch_size: 256,
                temperature: 0.1,
                logit_normalisation: true,
                mean_shrinkage: 0.1,
                covariance_ridge: 1e-4,
            },
        };
        let mut settings = cifar;
        let (training, alignment) = (&mut settings.training, &mut settings.alignment);
        match self {
            Preset::SlcaCifar100 => {}
            Preset::SlcaImagenetR | Preset::SlcaCub | Preset::SlcaCars => {
                (training.epochs, training.milestones) = (50, vec![40]);
            }
            Preset::PilotCifar100 => (training.batch_size, alignment.epochs) = (64, 3),
            Preset::PilotImagenetR => {
                (training.epochs, training.milestones) = (5, vec![40]);
                (training.batch_size, alignment.epochs) = (64, 3);
            }
        }
        if self == Preset::SlcaCars {
            alignment.temperature = 0.05;
        }
        settings
    }
}

impl Parameters {
    /// The preset with the changes.
    pub fn settings(&self) -> Settings {
        let Settings {
            training,
            alignment,
        } = self.preset.settings();
        let (first, second) = (&self.training, &self.alignment);
        Settings {
            training: Training {
                epochs: first.epochs.unwrap_or(training.epochs),
                batch_size: first.batch_size.unwrap_or(training.batch_size),
                lr: first.lr.unwrap_or(training.lr),
                momentum: first.momentum.unwrap_or(training.momentum),
                weight_decay: first.weight_decay.unwrap_or(training.weight_decay),
                milestones: first.milestones.clone().unwrap_or(training.milestones),
                lr_decay: first.lr_decay.unwrap_or(training.lr_decay),
            },
            alignment: Alignment {
                epochs: second.epochs.unwrap_or(alignment.epochs),
                lr: second.lr.unwrap_or(alignment.lr),
                samples_per_class: second
                    .samples_per_class
                    .unwrap_or(alignment.samples_per_class),
                batch_size: second.batch_size.unwrap_or(alignment.batch_size),
                temperature: second.temperature.unwrap_or(alignment.temperature),
                logit_normalisation: second
                    .logit_normalisation
                    .unwrap_or(alignment.logit_normalisation),
                mean_shrinkage: second.mean_shrinkage.unwrap_or(alignment.mean_shrinkage),
                covariance_ridge: second
                    .covariance_ridge
                    .unwrap_or(alignment.covariance_ridge),
            },
        }
    }

    /// Checks what ranges cannot: parameters that depend on each other.
    ///
    /// # Errors
    ///
    /// With the key that does not fit the others.
    pub fn check(&self) -> Result<()> {
        let milestones = &self.settings().training.milestones;
        require(
            "training.milestones",
            milestones.is_sorted_by(|a, b| a < b) && milestones.first() != Some(&0),
            "ascending numbers of epochs, from 1",
            format!("{milestones:?}"),
        )
    }

    /// The generator that `source` asks for; `None` for a full covariance.
    pub fn generator(&self) -> Option<Box<dyn Generator>> {
        match self.source {
            Source::Gaussian => None,
            Source::DiagonalGaussian => Some(Box::new(Gaussian {})),
            Source::Vae => Some(Box::new(Autoencoders::new(
                self.vae.clone(),
                Posterior::StandardDeviation,
            ))),
            Source::Mixture => Some(Box::new(self.mixture)),
            Source::Diffusion => Some(Box::new(self.diffusion)),
        }
    }

    /// What the strategy keeps of past data.
    pub fn keeps(&self) -> Keeps {
        match self.source {
            Source::Gaussian | Source::DiagonalGaussian => Keeps::Statistics,
            Source::Vae | Source::Mixture | Source::Diffusion => Keeps::Generators,
        }
    }
}

impl Training {
    /// The learning rate of an epoch, counted from 0.
    pub fn rate(&self, epoch: u32) -> f64 {
        let passed = self.milestones.iter().filter(|&&at| at <= epoch).count();
        self.lr * self.lr_decay.powi(passed as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::parameters::parse;
    use harness_abi::parameters::schema::Schema;
    use serde_json::{Value, json};

    fn parsed(value: &Value) -> Parameters {
        parse(value.to_string().as_bytes()).unwrap()
    }

    /// Every preset equals every other one with all values changed to those that its description
    /// lists, so nothing is missing from a list and nothing in it is wrong.
    #[test]
    fn the_listed_values_of_a_preset_are_its_own() {
        let Schema::Choice { variants, .. } =
            <Preset as harness_abi::parameters::Parameter>::SCHEMA
        else {
            panic!("a preset is a choice");
        };
        assert_eq!(variants.len(), 6);
        for preset in variants {
            let (_, rest) = preset.description.split_once("`{ ").unwrap();
            let (values, _) = rest.split_once(" }`").unwrap();
            let values: Value = serde_yaml::from_str(&format!("{{ {values} }}")).unwrap();
            for base in variants {
                let mut changed = values.clone();
                changed["preset"] = json!(base.name);
                assert_eq!(
                    parsed(&changed).settings(),
                    parsed(&json!({ "preset": preset.name })).settings(),
                    "{} from {}",
                    preset.name,
                    base.name
                );
            }
        }
    }

    #[test]
    fn the_rate_falls_at_milestones() {
        let changes = json!({ "training": { "lr": 1, "milestones": [2, 3], "lr_decay": 0.5 } });
        let training = parsed(&changes).settings().training;
        assert_eq!(
            [0, 1, 2, 3, 4].map(|epoch| training.rate(epoch)),
            [1.0, 1.0, 0.5, 0.25, 0.25]
        );
        // SLCA: the last two of twenty epochs.
        let training = Parameters::default().settings().training;
        assert_eq!([17, 18].map(|epoch| training.rate(epoch)), [0.01, 0.001]);
    }

    #[test]
    fn an_invalid_value_is_reported_with_its_key() {
        for (json, expected) in [
            (
                r#"{"training": {"epochs": 0}}"#,
                "parameter `training.epochs`: must be at least 1, got 0",
            ),
            (
                r#"{"training": {"milestones": [4, 2]}}"#,
                "parameter `training.milestones`: must be ascending numbers of epochs, from 1, got [4, 2]",
            ),
            (
                r#"{"alignment": {"temperature": 0}}"#,
                "parameter `alignment.temperature`: must be above 0, got 0",
            ),
            (
                r#"{"alignment": {"mean_shrinkage": 2}}"#,
                "parameter `alignment.mean_shrinkage`: must be at least 0 and at most 1, got 2",
            ),
            (
                r#"{"source": "full"}"#,
                "parameter `source`: unknown variant `full`, expected one of `gaussian`, `diagonal-gaussian`, `vae`, \
                 `mixture`, `diffusion`",
            ),
        ] {
            let checked = parse::<Parameters>(json.as_bytes()).and_then(|p| p.check());
            assert_eq!(checked.unwrap_err().to_string(), expected);
        }
    }
}
