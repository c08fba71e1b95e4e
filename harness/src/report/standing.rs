//! The content of a leaderboard: sections of comparable entries, each with a standing and scores.

use super::domain_scores::DomainScore;
use super::figure::Beside;
use super::identity::Identity;
use super::statistics::Summary;
use crate::id::Seed;
use crate::results::LearnedStream;
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
    /// Samples per class, if `--limit` was given.
    pub limit: Option<NonZeroUsize>,
    /// The part of the training data used for testing, if `--validation` was given.
    pub validation: Option<f64>,
    /// One per strategy, in the order of the records.
    pub entries: Vec<Entry>,
    /// Published figures on the same data sets; none unless they are asked for.
    pub published: Vec<Beside>,
}

/// What the numbers of a section are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One stream.
    Stream {
        /// Its name.
        name: String,
        /// The names of its domains.
        domains: Vec<String>,
        /// Hash of its split, or of the splits of its domains.
        split_hash: String,
        /// Hash of its images.
        content_digest: String,
        /// Number of tasks.
        tasks: usize,
        /// Which classes come back, if any do.
        returning: Option<Returning>,
    },
    /// The mean over streams, taken for each seed first.
    Overall {
        /// Their names.
        streams: Vec<String>,
    },
}

/// Classes that come back with a later task. If there are any, transfer to tasks to come is in part
/// transfer to a new domain of known classes, which is not zero-shot ability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returning {
    /// How many classes the tasks after the first have, counted in each task.
    pub later: usize,
    /// How many of these are known from an earlier task.
    pub known: usize,
}

impl Returning {
    /// Those of a stream, if any class comes back.
    pub(super) fn of(stream: &LearnedStream) -> Option<Returning> {
        let (later, known) = stream.returning();
        (known > 0).then_some(Returning { later, known })
    }
}

impl fmt::Display for Returning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Returning { later, known } = self;
        write!(f, "{known} of {later} classes of tasks to come are known")
    }
}

impl Section {
    /// The entries in the order of tables: best first, references last. Equal ones stay in the order
    /// of the scenario.
    pub(super) fn in_order(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| match entry.standing {
            Standing::Ranked(rank) => (0, rank),
            Standing::Unranked => (1, 0),
            Standing::Incomplete(_) => (2, 0),
            Standing::Reference => (3, 0),
        });
        entries
    }
}

impl Scope {
    /// The stream's name, or `overall`.
    pub fn name(&self) -> &str {
        match self {
            Self::Stream { name, .. } => name,
            Self::Overall { .. } => "overall",
        }
    }

    /// The names of the stream's domains joined by `+`, or `overall`.
    pub fn domain_names(&self) -> String {
        match self {
            Self::Stream { domains, .. } => domains.join("+"),
            Self::Overall { .. } => "overall".to_owned(),
        }
    }
}

/// One strategy in a section.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What tables call it: the scenario's label or name of the row, with whatever distinguishes it
    /// from others that are called the same in the section.
    pub label: String,
    /// The scenario's label of the row, if it has one.
    pub own_label: Option<String>,
    /// What the numbers were computed from.
    pub identity: Identity,
    /// The records that it summarises, as indices.
    pub cells: Vec<usize>,
    /// Sequential or joint.
    pub regime: Regime,
    /// The augmentations of its training images, without duplicates; empty if there was none.
    pub augmentations: Vec<Augmentation>,
    /// What it keeps of past data.
    pub keeps: Vec<Keeps>,
    /// How it differs from the published method.
    pub adaptation: Option<String>,
    /// Whether it can score classes that it has not learned yet.
    pub scores_unseen: bool,
    /// Whether its prediction for an image depends on the batch.
    pub batch_dependent: bool,
    /// Number of trainable parameters: the maximum over its cells.
    pub trainable_parameters: u64,
    /// Where its parameters come from.
    pub provenance: Option<Provenance>,
    /// How many settings were tried.
    pub trials: Option<u32>,
    /// The seeds that it was run with.
    pub seeds: Vec<Seed>,
    /// Its rank, or why it has none.
    pub standing: Standing,
    /// One per metric.
    pub scores: Vec<Score>,
    /// Transfer, Avg and Last on each domain of the stream; empty for a mean over streams.
    pub domain_scores: Vec<DomainScore>,
}

/// An entry's rank, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// From 1. Equal entries share a rank, and the next rank counts all of them.
    Ranked(u32),
    /// A joint run: a reference, not a competitor.
    Reference,
    /// It lacks a stream or a seed.
    Incomplete(String),
    /// The metric that ranks has no value.
    Unranked,
}

/// An entry's result in one metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Score {
    /// A value over the entry's seeds.
    Measured {
        /// Mean and spread.
        summary: Summary,
        /// Whether no competitor of the section is better.
        best: bool,
    },
    /// No value.
    Absent(Absence),
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// A joint run learns everything at once, so it has no future tasks and cannot forget.
    Joint,
    /// The metric needs predictions over classes that the strategy has not seen.
    CannotScoreUnseen,
    /// The accuracy matrix lacks an entry that the metric needs.
    Undefined,
    /// No mean over streams is possible.
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
