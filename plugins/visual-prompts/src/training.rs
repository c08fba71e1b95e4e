//! How prompts and head are trained: the same settings for all three methods, with values from each
//! preset.

use clbench_torch::tch::TchError;
use clbench_torch::tch::nn::{Adam, Optimizer, OptimizerConfig, VarStore};
use clbench_torch::training::QuarterCosine;
use harness_abi::{Choice, ParameterSet};
use serde::Deserialize;

/// How prompts and head are trained: by Adam with β₁ = 0.9, β₂ = 0.999, ε = 1e-8 and no weight
/// decay, made anew for every task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Passes over a task's samples.
    pub epochs: u32,
    /// Samples per step. The last step of an epoch takes what is left.
    pub batch_size: u32,
    /// η, the learning rate as it is used: if the published code scales its rate by the batch size,
    /// the product.
    pub lr: f64,
    /// How it changes from epoch to epoch.
    pub schedule: Schedule,
    /// The norm to which the gradients, taken together, are clipped; 0 for no clipping.
    pub clip_norm: f64,
}

/// How the learning rate changes from epoch to epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The same in all epochs.
    Constant,
    /// A quarter of a cosine, down to nearly 0.
    Cosine,
}

/// What a scenario changes in a preset's training.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// Passes over a task's samples. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub epochs: Option<u32>,
    /// Samples per step. The last step of an epoch takes what is left. Not set: the preset's.
    #[parameter(at_least = 1)]
    pub batch_size: Option<u32>,
    /// η, the learning rate of Adam, as it is used: if the published code scales its rate by the
    /// batch size, the product. Not set: the preset's.
    #[parameter(above = 0)]
    pub lr: Option<f64>,
    /// How the learning rate changes from epoch to epoch. Not set: as in the preset.
    pub schedule: Option<Schedule>,
    /// The norm to which the gradients, taken together, are clipped; 0 for no clipping. Not set:
    /// the preset's.
    #[parameter(at_least = 0)]
    pub clip_norm: Option<f64>,
}

impl Training {
    /// GT-RIPL/CODA-Prompt's for ImageNet-R, `configs/imnet-r_prompt.yaml`, the same for all its
    /// prompt methods. For CIFAR-100 it uses 20 epochs.
    pub const CODA_PROMPT: Training = Training {
        epochs: 50,
        batch_size: 128,
        lr: 0.001,
        schedule: Schedule::Cosine,
        clip_norm: 0.0,
    };

    /// With these changes.
    pub fn with(self, changes: &Changes) -> Training {
        Training {
            epochs: changes.epochs.unwrap_or(self.epochs),
            batch_size: changes.batch_size.unwrap_or(self.batch_size),
            lr: changes.lr.unwrap_or(self.lr),
            schedule: changes.schedule.unwrap_or(self.schedule),
            clip_norm: changes.clip_norm.unwrap_or(self.clip_norm),
        }
    }

    /// The learning rate of an epoch, counted from 0.
    pub fn rate(&self, epoch: u32) -> f64 {
        match self.schedule {
            Schedule::Constant => self.lr,
            Schedule::Cosine => QuarterCosine {
                lr: self.lr,
                epochs: self.epochs,
            }
            .lr(epoch),
        }
    }

    /// A fresh optimiser.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn optimiser(&self, variables: &VarStore) -> Result<Optimizer, TchError> {
        Adam::default().build(variables, self.lr)
    }
}
