//! The parameters of a head and its training.

use clbench_torch::features::Output;
use harness_abi::{Choice, Error, ParameterSet, Result};
use serde::Deserialize;

/// The parameters of `linear-head`. The defaults suit features with a norm of about 1 to 10, such
/// as the pixels of small images or CLIP's embeddings.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Passes over a task's samples.
    #[parameter(default = 20, at_least = 1)]
    pub epochs: u32,
    /// Samples per step. The last step of an epoch takes what is left.
    #[parameter(default = 32, at_least = 1)]
    pub batch_size: u32,
    /// η, the learning rate.
    #[parameter(default = 0.01, above = 0)]
    pub lr: f64,
    /// The optimiser, made anew for every task.
    #[parameter(default = Optimiser::Sgd)]
    pub optimiser: Optimiser,
    /// μ, the momentum of `sgd`: 0.9 if it is not set. `adam` takes none.
    #[parameter(at_least = 0, below = 1)]
    pub momentum: Option<f64>,
    /// λ, the weight decay: λ times the parameter is added to its gradient, for the bias too.
    #[parameter(default = 0.0, at_least = 0)]
    pub weight_decay: f64,
    /// Standard deviation of the initial weights. The bias starts at 0.
    #[parameter(default = 0.01, at_least = 0)]
    pub init_std: f64,
    /// The output of the backbone that is an image's feature.
    #[parameter(default = Output::Embedding)]
    pub output: Output,
    /// How a feature is normalised first.
    #[parameter(default = Normalise::None)]
    pub normalise: Normalise,
    /// The classes that the cross-entropy chooses among.
    #[parameter(default = TrainOn::Seen)]
    pub train_on: TrainOn,
}

/// The optimiser of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// Stochastic gradient descent with momentum: v ← μ v + g, θ ← θ − η v.
    Sgd,
    /// Adam (arXiv 1412.6980) with β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
    Adam,
}

/// How a feature is normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Not at all.
    None,
    /// To unit length, as is usual for CLIP's embeddings.
    Unit,
}

/// The classes that the cross-entropy of a training sample chooses among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum TrainOn {
    /// All classes seen so far: plain fine-tuning. Samples of the new task push down the weights of
    /// past classes.
    Seen,
    /// The current task's classes. The weights of past classes stay as they are, but are never
    /// compared with the new ones.
    Task,
}

impl Parameters {
    /// μ, for an optimiser that has momentum.
    pub fn momentum(&self) -> f64 {
        self.momentum.unwrap_or(0.9)
    }

    /// Checks what ranges cannot: parameters that depend on each other.
    ///
    /// # Errors
    ///
    /// With the key that does not fit the others.
    pub fn check(&self) -> Result<()> {
        if self.momentum.is_some() && self.optimiser != Optimiser::Sgd {
            return Err(Error::parameter(
                "momentum",
                "applies to `optimiser: sgd` only; remove it",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> String {
        let parameters = harness_abi::parameters::parse::<Parameters>(json.as_bytes());
        parameters
            .and_then(|parameters| parameters.check())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_defaults_are_allowed() {
        Parameters::default().check().unwrap();
    }

    #[test]
    fn an_invalid_value_is_reported_with_its_key() {
        for (json, expected) in [
            (
                r#"{"epochs": 0}"#,
                "parameter `epochs`: must be at least 1, got 0",
            ),
            (
                r#"{"batch_size": 0}"#,
                "parameter `batch_size`: must be at least 1, got 0",
            ),
            (r#"{"lr": 0}"#, "parameter `lr`: must be above 0, got 0"),
            (
                r#"{"momentum": 1.0}"#,
                "parameter `momentum`: must be at least 0 and below 1, got 1",
            ),
            (
                r#"{"momentum": 0.5, "optimiser": "adam"}"#,
                "parameter `momentum`: applies to `optimiser: sgd` only; remove it",
            ),
            (
                r#"{"weight_decay": -0.1}"#,
                "parameter `weight_decay`: must be at least 0, got -0.1",
            ),
            (
                r#"{"init_std": -1}"#,
                "parameter `init_std`: must be at least 0, got -1",
            ),
            (
                r#"{"train_on": "all"}"#,
                "parameter `train_on`: unknown variant `all`, expected `seen` or `task`",
            ),
            (
                r#"{"learning_rate": 0.1}"#,
                "parameter `learning_rate`: no such parameter; there are `epochs`, `batch_size`, `lr`, `optimiser`, \
                 `momentum`, `weight_decay`, `init_std`, `output`, `normalise`, `train_on`",
            ),
        ] {
            assert_eq!(message(json), expected);
        }
    }
}
