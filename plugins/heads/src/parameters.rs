//! What a scenario can set of a head and its training.

use harness_abi::parameters::require;
use harness_abi::{Error, Result};
use serde::Deserialize;

/// The parameters. The defaults suit features of a length of about 1 to 10, such as pixels of small images or CLIP's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How often every sample of a task is seen, at least 1.
    pub epochs: u32,
    /// Samples in one step, at least 1; the last step of an epoch takes what is left.
    pub batch_size: u32,
    /// The learning rate η, above 0.
    pub lr: f64,
    /// How steps are made of gradients.
    pub optimiser: Optimiser,
    /// SGD's momentum μ, 0 to below 1; 0.9 where it is not set.
    pub momentum: Option<f64>,
    /// The weight decay λ, at least 0, added to the gradient as λ times the weight, for the bias too.
    pub weight_decay: f64,
    /// The standard deviation of the first weights, at least 0. The bias begins at 0.
    pub init_std: f64,
    /// What is done to a feature first.
    pub normalise: Normalise,
    /// Among which classes the cross-entropy chooses.
    pub train_on: TrainOn,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            epochs: 20,
            batch_size: 32,
            lr: 0.01,
            optimiser: Optimiser::Sgd,
            momentum: None,
            weight_decay: 0.0,
            init_std: 0.01,
            normalise: Normalise::None,
            train_on: TrainOn::Seen,
        }
    }
}

/// How steps are made of gradients. Every task begins with a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// Stochastic gradient descent with momentum: v ← μ v + g, θ ← θ − η v.
    Sgd,
    /// Adam (Kingma and Ba, ICLR 2015), β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
    Adam,
}

/// What is done to a feature first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Nothing.
    None,
    /// It is scaled to unit length, as is usual on CLIP's.
    Unit,
}

/// Among which classes the cross-entropy of a training sample chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainOn {
    /// All classes seen so far: plain fine-tuning, in which the weights of past classes are pushed down by samples that
    /// are never theirs.
    Seen,
    /// The current task's own classes: the weights of past classes stay as they are, but are never compared with the new.
    Task,
}

impl Parameters {
    /// The momentum, where the optimiser has one.
    pub fn momentum(&self) -> f64 {
        self.momentum.unwrap_or(0.9)
    }

    /// Checks every value.
    ///
    /// # Errors
    ///
    /// With the key of the first one that cannot be used.
    pub fn check(&self) -> Result<()> {
        let at_least_0 = |value: f64| value >= 0.0 && value.is_finite();
        require("epochs", self.epochs >= 1, "at least 1", self.epochs)?;
        require(
            "batch_size",
            self.batch_size >= 1,
            "at least 1",
            self.batch_size,
        )?;
        require(
            "lr",
            self.lr > 0.0 && self.lr.is_finite(),
            "above 0",
            self.lr,
        )?;
        require(
            "momentum",
            (0.0..1.0).contains(&self.momentum()),
            "0 to below 1",
            self.momentum(),
        )?;
        require(
            "weight_decay",
            at_least_0(self.weight_decay),
            "at least 0",
            self.weight_decay,
        )?;
        require(
            "init_std",
            at_least_0(self.init_std),
            "at least 0",
            self.init_std,
        )?;
        if self.momentum.is_some() && self.optimiser != Optimiser::Sgd {
            return Err(Error::parameter(
                "momentum",
                "only `optimiser: sgd` has one; leave it out",
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
    fn a_value_that_cannot_be_used_is_named_by_its_key() {
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
                "parameter `momentum`: must be 0 to below 1, got 1",
            ),
            (
                r#"{"momentum": 0.5, "optimiser": "adam"}"#,
                "parameter `momentum`: only `optimiser: sgd` has one; leave it out",
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
                 `momentum`, `weight_decay`, `init_std`, `normalise`, `train_on`",
            ),
        ] {
            assert_eq!(message(json), expected);
        }
    }
}
