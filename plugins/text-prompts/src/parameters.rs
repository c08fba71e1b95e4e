//! What a scenario can set of CoOp.

use clbench_torch::training::WarmUpCosine;
use harness_abi::parameters::require;
use harness_abi::{Place, Result};
use serde::Deserialize;

/// The parameters; the defaults are those of CoOp's code, but for `epochs`, of which it has 50, 100 or 200.
///
/// ```yaml
/// use: coop
/// parameters:
///   context: front
///   context_tokens: 16
///   epochs: 50
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Where the context stands: `front` (before the class name), `middle` (half before, half behind) or `end` (behind it,
    /// before the full stop).
    ///
    /// CoOp's `CLASS_TOKEN_POSITION` says where the *name* stands, so it is the other way round: its `end`, the default
    /// there, is `front` here, its `front` is `end`, and `middle` is `middle`.
    pub context: Place,
    /// M, how many tokens are learned, at least 1 (CoOp's `N_CTX`). The start, the end and the class name must still fit
    /// into the backbone's context length.
    pub context_tokens: u32,
    /// A context for each class (CoOp's `CSC`) instead of one that all share. A class then cannot be scored before its task:
    /// what its context says until then is noise.
    pub per_class: bool,
    /// The standard deviation of the first context, normal of mean 0, at least 0.
    pub init_std: f64,
    /// Among which classes the cross-entropy chooses.
    pub train_on: TrainOn,
    /// E, how often every sample of a task is seen; more than `warmup_epochs`.
    pub epochs: u32,
    /// Samples in one step, at least 1; the last step of an epoch takes what is left. (Dassl leaves the last samples of an
    /// epoch out.)
    pub batch_size: u32,
    /// η, the learning rate of SGD behind the warm-up, above 0.
    pub lr: f64,
    /// μ of SGD, 0 to below 1.
    pub momentum: f64,
    /// λ, at least 0, added to the gradient as λ times the context.
    pub weight_decay: f64,
    /// How many epochs of every task have the rate `warmup_lr`.
    pub warmup_epochs: u32,
    /// η₀, at least 0.
    pub warmup_lr: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            context: Place::Front,
            context_tokens: 16,
            per_class: false,
            init_std: 0.02,
            train_on: TrainOn::Task,
            epochs: 50,
            batch_size: 32,
            lr: 0.002,
            momentum: 0.9,
            weight_decay: 5e-4,
            warmup_epochs: 1,
            warmup_lr: 1e-5,
        }
    }
}

/// Among which classes the cross-entropy of a training sample chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainOn {
    /// The current task's own classes: CoOp on one data set after another.
    Task,
    /// All classes seen so far. Their names are remembered for it.
    Seen,
}

impl Parameters {
    /// The learning rates of a task's epochs.
    pub fn schedule(&self) -> WarmUpCosine {
        WarmUpCosine {
            lr: self.lr,
            epochs: self.epochs,
            warm_up_epochs: self.warmup_epochs,
            warm_up_lr: self.warmup_lr,
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    ///
    /// With the key of the first one that cannot be used.
    pub fn check(&self) -> Result<()> {
        fn at_least_1(key: &str, value: u32) -> Result<()> {
            require(key, value >= 1, "at least 1", value)
        }
        fn at_least_0(key: &str, value: f64) -> Result<()> {
            require(key, value >= 0.0 && value.is_finite(), "at least 0", value)
        }
        at_least_1("context_tokens", self.context_tokens)?;
        at_least_0("init_std", self.init_std)?;
        at_least_1("epochs", self.epochs)?;
        at_least_1("batch_size", self.batch_size)?;
        let lr_is_good = self.lr > 0.0 && self.lr.is_finite();
        require("lr", lr_is_good, "above 0", self.lr)?;
        let momentum_is_good = (0.0..1.0).contains(&self.momentum);
        require("momentum", momentum_is_good, "0 to below 1", self.momentum)?;
        at_least_0("weight_decay", self.weight_decay)?;
        at_least_0("warmup_lr", self.warmup_lr)?;
        require(
            "warmup_epochs",
            self.warmup_epochs < self.epochs,
            &format!("below `epochs`, {}, or `lr` is never used", self.epochs),
            self.warmup_epochs,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Parameters> {
        let parameters = harness_abi::parameters::parse::<Parameters>(json.as_bytes())?;
        parameters.check().map(|()| parameters)
    }

    #[test]
    fn the_defaults_are_coops() {
        assert_eq!(parsed("{}").unwrap(), Parameters::default());
        let schedule = Parameters::default().schedule();
        assert_eq!([0, 1].map(|epoch| schedule.lr(epoch)), [1e-5, 0.002]);
        let set = r#"{"context": "middle", "per_class": true, "train_on": "seen", "epochs": 2}"#;
        let expected = Parameters {
            context: Place::Middle,
            per_class: true,
            train_on: TrainOn::Seen,
            epochs: 2,
            ..Parameters::default()
        };
        assert_eq!(parsed(set).unwrap(), expected);
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named_by_its_key() {
        for (json, expected) in [
            (
                r#"{"context_tokens": 0}"#,
                "`context_tokens`: must be at least 1, got 0",
            ),
            (
                r#"{"init_std": -1}"#,
                "`init_std`: must be at least 0, got -1",
            ),
            (r#"{"epochs": 0}"#, "`epochs`: must be at least 1, got 0"),
            (
                r#"{"batch_size": 0}"#,
                "`batch_size`: must be at least 1, got 0",
            ),
            (r#"{"lr": 0}"#, "`lr`: must be above 0, got 0"),
            (
                r#"{"momentum": 1}"#,
                "`momentum`: must be 0 to below 1, got 1",
            ),
            (
                r#"{"weight_decay": -0.1}"#,
                "`weight_decay`: must be at least 0, got -0.1",
            ),
            (
                r#"{"warmup_lr": -1}"#,
                "`warmup_lr`: must be at least 0, got -1",
            ),
            (
                r#"{"epochs": 1}"#,
                "`warmup_epochs`: must be below `epochs`, 1, or `lr` is never used, got 1",
            ),
            (
                r#"{"context": "begin"}"#,
                "`context`: unknown variant `begin`, expected one of `front`, `middle`, `end`",
            ),
            (
                r#"{"train_on": "all"}"#,
                "`train_on`: unknown variant `all`, expected `task` or `seen`",
            ),
            (
                r#"{"context_token": 4}"#,
                "`context_token`: no such parameter; did you mean `context_tokens`?",
            ),
        ] {
            let error = parsed(json).unwrap_err().to_string();
            assert_eq!(error, format!("parameter {expected}"));
        }
    }
}
