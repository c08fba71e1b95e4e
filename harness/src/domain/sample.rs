//! One labelled image of a domain, and the half of the domain that it belongs to.

use crate::id::Label;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One of a domain's two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What strategies learn from.
    Train,
    /// What they are measured on.
    Test,
}

/// One labelled image of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its name inside the domain: unique, the same on every machine, and kept when the sample
    /// changes the split.
    pub name: String,
    /// Its class.
    pub label: Label,
    /// Where the image store keeps its image.
    pub(crate) image: usize,
}

impl Split {
    /// `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Train => Self::Test,
            Self::Test => Self::Train,
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
