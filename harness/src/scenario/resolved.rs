//! The scenario as meant: what the rest of the program works from.

use super::spec::{Provenance, Regime};
use super::yaml::{KeyPath, Tree};
use super::{Expectation, GridChoice, StreamSpec, Tasks};
use crate::domain::Source;
use crate::id::Seed;
use serde_json::Value;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// What is compared, on what. Everything keeps the order of the file; every reference has been looked up.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Names the results.
    pub name: String,
    /// The file that it was read from, as it was named.
    pub file: PathBuf,
    /// What it is for.
    pub description: Option<String>,
    /// One run per domain, strategy and seed; at least one, no two equal.
    pub seeds: Vec<Seed>,
    /// CPU threads of one run.
    pub threads: NonZeroU32,
    /// Where to compute.
    pub device: Device,
    /// The backbones that strategies may name.
    pub backbones: Vec<BackboneUse>,
    /// At least one.
    pub domains: Vec<DomainUse>,
    /// The rows of the leaderboard: one per strategy, or per combination of its grid. At least one, all names different.
    pub strategies: Vec<StrategyRow>,
    /// The metrics asked for; none where all are wanted.
    pub metrics: Option<Vec<String>>,
    /// The metric that ranks, if one is chosen.
    pub rank_by: Option<String>,
    /// The metrics that tables show, if some are chosen.
    pub columns: Option<Vec<String>>,
    pub(super) tree: Tree,
}

/// Where to compute: `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Device(pub(super) String);

impl Device {
    /// As the scenario writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A backbone that the scenario declares.
#[derive(Debug, Clone, PartialEq)]
pub struct BackboneUse {
    /// Its name in the scenario.
    pub name: String,
    /// The name under which a plugin offers it.
    pub use_: String,
    /// The plugin's file, where the scenario names one.
    pub plugin: Option<PathBuf>,
    /// Its parameters, a JSON object.
    pub parameters: Value,
}

impl BackboneUse {
    /// The path of its entry in the file, `backbones.NAME`.
    pub fn key(&self) -> KeyPath {
        KeyPath::top("backbones").join(&self.name)
    }

    /// The path in the file of a parameter that the plugin calls `vision.layers`; of the parameters as a
    /// whole if it names none.
    pub fn parameter_key(&self, parameter: &str) -> KeyPath {
        self.key().join("parameters").spelled(parameter)
    }
}

/// A domain that the scenario runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainUse {
    /// Its name in the scenario.
    pub name: String,
    /// Where its images come from; whether they are there shows when it is opened.
    pub source: Source,
    /// Sentences that turn a class name into text; at least one, each with one `{}`.
    pub templates: Vec<String>,
    /// How it is cut into tasks.
    pub stream: StreamUse,
    /// What it must be.
    pub expect: Expectation,
}

impl DomainUse {
    /// The path of its entry in the file, `domains.NAME`.
    pub fn key(&self) -> KeyPath {
        KeyPath::top("domains").join(&self.name)
    }
}

/// A stream and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamUse {
    /// How the domain is cut into tasks.
    pub spec: StreamSpec,
    /// The path of its mapping in the file: `stream`, or `domains.NAME.stream`.
    pub key: KeyPath,
}

impl StreamUse {
    /// The path in the file of what says how many tasks there are, or how large.
    pub fn tasks_key(&self) -> KeyPath {
        self.key.join(match self.spec.tasks {
            Tasks::Count(_) => "tasks",
            Tasks::Sizes(_) => "task_sizes",
        })
    }

    /// The path in the file of the class order.
    pub fn class_order_key(&self) -> KeyPath {
        self.key.join("class_order")
    }
}

/// A strategy with all its parameters decided: one row of the leaderboard.
#[derive(Debug, Clone, PartialEq)]
pub struct StrategyRow {
    /// The row's own name: the strategy's, and behind it in brackets what it takes of the grid, `linear[lr=0.1]`.
    pub name: String,
    /// The strategy's name in the scenario, which all rows of its grid share.
    pub base: String,
    /// The name under which a plugin offers it.
    pub use_: String,
    /// The plugin's file, where the scenario names one.
    pub plugin: Option<PathBuf>,
    /// The scenario's backbones that it builds on, in its order.
    pub backbones: Vec<String>,
    /// Whether it learns task by task.
    pub regime: Regime,
    /// Its parameters, a JSON object, with the grid's choices among them.
    pub parameters: Value,
    /// What it takes of the grid.
    pub grid: Vec<GridChoice>,
    /// Where the parameters come from, where the scenario says so.
    pub provenance: Option<Provenance>,
    /// How many runs the tuning took, where the scenario says so.
    pub trials: Option<u32>,
}

impl StrategyRow {
    /// The path of its entry in the file, `strategies.NAME`.
    pub fn key(&self) -> KeyPath {
        KeyPath::top("strategies").join(&self.base)
    }

    /// The path in the file of a parameter that the plugin calls `optimizer.lr`: below `parameters`, or the entry of the
    /// grid's list that this row takes; of the parameters as a whole if it names none.
    pub fn parameter_key(&self, parameter: &str) -> KeyPath {
        let choice = self.grid.iter().find(|choice| {
            let rest = parameter.strip_prefix(choice.parameter.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        match choice {
            Some(GridChoice {
                parameter, index, ..
            }) => self
                .key()
                .join("grid")
                .join(parameter)
                .index(*index as usize),
            None => self.key().join("parameters").spelled(parameter),
        }
    }
}

impl Scenario {
    /// The metrics that rank or are shown by this scenario's choice, each with its key.
    pub fn chosen_metrics(&self) -> impl Iterator<Item = (KeyPath, &str)> {
        let rank_by = self
            .rank_by
            .iter()
            .map(|name| (KeyPath::top("rank_by"), name));
        let columns = self.columns.iter().flatten().enumerate();
        let columns = columns.map(|(index, name)| (KeyPath::top("columns").index(index), name));
        rank_by
            .chain(columns)
            .map(|(key, name)| (key, name.as_str()))
    }
}
