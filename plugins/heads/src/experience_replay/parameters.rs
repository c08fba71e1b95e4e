//! The parameters of `experience-replay`.

use crate::parameters::{Normalise, Optimiser, Parameters as HeadParameters};
use clbench_torch::exemplars::{self, Budget, Contents, Selection, Settings};
use clbench_torch::features::Output;
use harness_abi::{ParameterSet, Result};
use serde::Deserialize;

/// What the memory is if nothing is set.
const MEMORY: Settings = Settings {
    budget: Budget::Total(2000),
    selection: Selection::Reservoir,
};

/// The parameters of `experience-replay`: those of `linear-head`, with the same defaults, and those
/// of the memory.
///
/// ```yaml
/// use: experience-replay
/// parameters:
///   memory: { size: 500 }
///   replay: 64
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How many samples are kept, and which. Not set: 2,000 in total, by `reservoir`.
    pub memory: exemplars::Parameters,
    /// What is kept of a sample. With `images`, the head trains on augmented images of the task,
    /// which the backbone encodes anew in every epoch.
    #[parameter(default = Contents::Features)]
    pub contents: Contents,
    /// R, the exemplars in every step, beside the samples of the task; all exemplars if there are
    /// fewer. Not set: as many as `batch_size`.
    #[parameter(at_least = 1)]
    pub replay: Option<u32>,
    /// Passes over a task's samples.
    #[parameter(default = 20, at_least = 1)]
    pub epochs: u32,
    /// B, the samples of the task in every step. The last step of an epoch takes what is left.
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
    /// How a feature is normalised first. The memory keeps it as it is.
    #[parameter(default = Normalise::None)]
    pub normalise: Normalise,
}

impl Parameters {
    /// The memory's settings.
    pub fn settings(&self) -> Settings {
        self.memory.over(MEMORY)
    }

    /// R.
    pub fn replay(&self) -> u32 {
        self.replay.unwrap_or(self.batch_size)
    }

    /// The same training without a memory.
    pub fn head(&self) -> HeadParameters {
        HeadParameters {
            epochs: self.epochs,
            batch_size: self.batch_size,
            lr: self.lr,
            optimiser: self.optimiser,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            init_std: self.init_std,
            output: self.output,
            normalise: self.normalise,
            ..HeadParameters::default()
        }
    }

    /// Checks what ranges cannot: parameters that do not fit each other or the stream.
    ///
    /// # Errors
    ///
    /// With the key that does not fit.
    pub fn check(&self, classes: u32) -> Result<()> {
        self.head().check()?;
        self.memory.check("memory", MEMORY, classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Parameters {
        harness_abi::parameters::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn the_head_trains_as_linear_head_does_by_default() {
        assert_eq!(parsed("{}").head(), HeadParameters::default());
        assert_eq!(parsed("{}").replay(), 32);
        assert_eq!(parsed(r#"{"replay": 5}"#).replay(), 5);
        assert_eq!(parsed("{}").settings(), MEMORY);
        let per_class = parsed(r#"{"memory": {"per_class": 5}}"#).settings();
        assert_eq!(
            (per_class.budget, per_class.selection),
            (Budget::PerClass(5), Selection::Random)
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message = |json| parsed(json).check(10).unwrap_err().to_string();
        assert_eq!(
            message(r#"{"memory": {"per_class": 5, "selection": "reservoir"}}"#),
            "parameter `memory.selection`: `reservoir` has no number per class; set `size` instead of `per_class`, or \
             `selection: random`"
        );
        assert_eq!(
            message(r#"{"optimiser": "adam", "momentum": 0.5}"#),
            "parameter `momentum`: applies to `optimiser: sgd` only; remove it"
        );
        parsed("{}").check(10).unwrap();
    }
}
