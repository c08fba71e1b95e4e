//! One labelled image of a domain, and the split that it belongs to.

use crate::id::Label;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One of a domain's two splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// The samples that strategies learn from.
    Train,
    /// The samples that strategies are evaluated on.
    Test,
}

/// One labelled image of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its name inside the domain: unique, the same on every machine, and kept when the sample
    /// moves to the other split.
    pub name: String,
    /// Its class.
    pub label: Label,
    /// The number of its image in the image store.
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
