//! The key `train`.

use crate::domain::written::KeyValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which part of a data set with a validation part is the train split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrainPart {
    /// Its train part alone, as in ZSCL.
    #[default]
    Train,
    /// Its train part and its validation part.
    Trainval,
}

impl KeyValue for TrainPart {}
