//! What a leaderboard says: sections of entries that can be compared, each entry with a place and
//! scores.

use super::identity::Identity;
use super::statistics::Summary;
use crate::id::Seed;
use crate::scenario::{Provenance, Regime};
use crate::stream::Augmentation;
use harness_abi::Keeps;
use std::fmt;
use std::num::NonZeroUsize;

/// Strategies that can be compared with each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// What the numbers are about.
    pub scope: Scope,
    /// Samples per class, where `--limit` was given.
    pub limit: Option<NonZeroUsize>,
    /// The part of the training data that was tested on, where `--validation` was given.
    pub validation: Option<f64>,
    /// One per strategy, in the order of the records.
    pub entries: Vec<Entry>,
}

/// What the numbers of a section are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One domain.
    Domain {
        /// Its name.
        name: String,
        /// Hash of its split.
        split_hash: String,
        /// Number of tasks.
        tasks: usize,
    },
    /// The mean over domains, of each seed first.
    Overall {
        /// Their names.
        domains: Vec<String>,
    },
}

impl Scope {
    /// The domain's name, or `overall`.
    pub fn name(&self) -> &str {
        match self {
            Self::Domain { name, .. } => name,
            Self::Overall { .. } => "overall",
        }
    }
}

/// One strategy in a section.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The strategy's row, and what tells it from others of that name in the section.
    pub label: String,
    /// What made the numbers.
    pub identity: Identity,
    /// Sequential, or the joint upper bound.
    pub regime: Regime,
    /// What became of the images that it was trained on, where something did; one per way that its
    /// cells have.
    pub augmentations: Vec<Augmentation>,
    /// What it keeps of past data.
    pub keeps: Vec<Keeps>,
    /// How it departs from the method as published.
    pub adaptation: Option<String>,
    /// Whether it can score classes that it has not learned yet.
    pub scores_unseen: bool,
    /// Whether its prediction for an image depends on the batch.
    pub batch_dependent: bool,
    /// The most that any of its cells has.
    pub trainable_parameters: u64,
    /// Where its parameters come from.
    pub provenance: Option<Provenance>,
    /// How many settings were tried.
    pub trials: Option<u32>,
    /// The seeds that it was run with.
    pub seeds: Vec<Seed>,
    /// Its place.
    pub standing: Standing,
    /// One per metric.
    pub scores: Vec<Score>,
}

/// An entry's place among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// From 1; equals share a rank, and the next one counts them.
    Ranked(u32),
    /// A joint run: no competitor.
    UpperBound,
    /// It lacks something that the others have.
    Incomplete(String),
    /// The metric that ranks has no value.
    Unranked,
}

/// An entry's result in one metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Score {
    /// Over the entry's seeds.
    Measured {
        /// Mean and spread.
        summary: Summary,
        /// Whether no competitor of the section is better.
        best: bool,
    },
    /// There is none.
    Absent(Absence),
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// A joint run learns once: nothing is yet to come, nothing can be forgotten.
    Joint,
    /// The metric needs predictions among classes that the strategy has not seen.
    CannotScoreUnseen,
    /// The accuracy matrix lacks an entry that the metric needs.
    Undefined,
    /// No mean over domains is possible.
    Incomplete(String),
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Joint => "not defined for a joint run",
            Self::CannotScoreUnseen => "cannot score unseen classes",
            Self::Undefined => "not defined on this stream",
            Self::Incomplete(reason) => reason,
        })
    }
}
