//! The parameters of CoOp.

use clbench_torch::training::WarmUpCosine;
use harness_abi::parameters::require;
use harness_abi::{Choice, ParameterSet, Place, Result};
use serde::Deserialize;

/// The parameters. The defaults are those of CoOp's code, which uses 50, 100 or 200 epochs.
///
/// ```yaml
/// use: coop
/// parameters:
///   context: front
///   context_tokens: 16
///   epochs: 50
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Where the context goes. CoOp's `CLASS_TOKEN_POSITION` says where the class name goes, so it
    /// is the other way round: its default `end` is `front` here, and its `front` is `end`.
    #[parameter(default = Place::Front)]
    pub context: Place,
    /// M, the number of context tokens (CoOp's `N_CTX`). The start token, the end token and the
    /// class name must still fit into the backbone's context length.
    #[parameter(default = 16, at_least = 1)]
    pub context_tokens: u32,
    /// Whether each class has a context of its own (CoOp's `CSC`). A class then cannot be scored
    /// before its task: until then its context is noise.
    #[parameter(default = false)]
    pub per_class: bool,
    /// Standard deviation of the initial context, drawn from a normal distribution with mean 0.
    #[parameter(default = 0.02, at_least = 0)]
    pub init_std: f64,
    /// The classes that the cross-entropy chooses among.
    #[parameter(default = TrainOn::Task)]
    pub train_on: TrainOn,
    /// E, the passes over a task's samples. Must be more than `warmup_epochs`.
    #[parameter(default = 50, at_least = 1)]
    pub epochs: u32,
    /// Samples per step. The last step of an epoch takes what is left; Dassl drops it.
    #[parameter(default = 32, at_least = 1)]
    pub batch_size: u32,
    /// η, the learning rate of SGD after the warm-up. It follows a cosine over a task's epochs and
    /// starts anew with each task.
    #[parameter(default = 0.002, above = 0)]
    pub lr: f64,
    /// μ, the momentum of SGD.
    #[parameter(default = 0.9, at_least = 0, below = 1)]
    pub momentum: f64,
    /// λ, the weight decay: λ times the context is added to its gradient.
    #[parameter(default = 5e-4, at_least = 0)]
    pub weight_decay: f64,
    /// The number of epochs at the start of each task that use `warmup_lr`.
    #[parameter(default = 1)]
    pub warmup_epochs: u32,
    /// η₀, the learning rate during the warm-up.
    #[parameter(default = 1e-5, at_least = 0)]
    pub warmup_lr: f64,
}

/// The classes that the cross-entropy of a training sample chooses among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum TrainOn {
    /// The current task's classes: CoOp on one data set after another.
    Task,
    /// All classes seen so far. Their names are kept for this.
    Seen,
}

impl Parameters {
    /// The learning rate of each of a task's epochs.
    pub fn schedule(&self) -> WarmUpCosine {
        WarmUpCosine {
            lr: self.lr,
            epochs: self.epochs,
            warm_up_epochs: self.warmup_epochs,
            warm_up_lr: self.warmup_lr,
        }
    }

    /// Checks what ranges cannot: parameters that depend on each other.
    ///
    /// # Errors
    ///
    /// With the key that does not fit the others.
    pub fn check(&self) -> Result<()> {
        require(
            "warmup_epochs",
            self.warmup_epochs < self.epochs,
            &format!("below `epochs` ({}), or `lr` is never used", self.epochs),
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
    fn the_defaults_are_those_of_coop() {
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
    fn an_invalid_value_is_reported_with_its_key() {
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
                "`momentum`: must be at least 0 and below 1, got 1",
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
                "`warmup_epochs`: must be below `epochs` (1), or `lr` is never used, got 1",
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
