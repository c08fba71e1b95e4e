//! The scenario as meant: what the rest of the program works from.

use super::deserializer::Node;
use super::error::{Problem, ScenarioError};
use super::lines::{KeyLines, Origin, Place};
use super::overrides::{self, SetOverride};
use super::resolve::resolve;
use super::spec::{Provenance, Regime};
use super::{Expectation, GridChoice, StreamSpec};
use crate::domain::Source;
use crate::id::Seed;
use crate::suggest::closest;
use serde_json::Value;
use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

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
    pub(super) lines: KeyLines,
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
    pub fn key(&self) -> String {
        format!("backbones.{}", self.name)
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
    pub fn key(&self) -> String {
        format!("domains.{}", self.name)
    }
}

/// A stream and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamUse {
    /// How the domain is cut into tasks.
    pub spec: StreamSpec,
    /// The path of its mapping in the file: `stream`, or `domains.NAME.stream`.
    pub key: String,
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
    pub fn key(&self) -> String {
        format!("strategies.{}", self.base)
    }

    /// The path in the file of a parameter that the plugin calls `optimizer.lr`: below `parameters`, or the entry of the
    /// grid's list that this row takes.
    pub fn parameter_key(&self, parameter: &str) -> String {
        let choice = self.grid.iter().find(|choice| {
            let rest = parameter.strip_prefix(choice.parameter.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        match choice {
            Some(choice) => format!("{}.grid.{}[{}]", self.key(), choice.parameter, choice.index),
            None => format!("{}.parameters.{parameter}", self.key()),
        }
    }
}

impl Scenario {
    /// Reads a scenario file and applies overrides to it.
    pub fn load(file: &Path, sets: &[SetOverride]) -> Result<Self, ScenarioError> {
        let fail = |problem| ScenarioError::new(file, None, "", problem);
        let bytes = std::fs::read(file).map_err(|error| {
            fail(match error.kind() {
                io::ErrorKind::NotFound => Problem::NoFile {
                    neighbour: neighbour(file),
                },
                _ => Problem::Unreadable {
                    reason: error.to_string(),
                },
            })
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count() as u32;
            let place = Place {
                line,
                column: 1,
                width: 1,
            };
            ScenarioError::new(file, Some(Origin::File(place)), "", Problem::NotUtf8)
        })?;
        Self::parse(&text, file, sets)
    }

    /// Reads a scenario from its text. Paths in it are relative to the file, which need not exist.
    pub fn parse(text: &str, file: &Path, sets: &[SetOverride]) -> Result<Self, ScenarioError> {
        let mut lines = KeyLines::read(file, text)?;
        let mut tree = tree(text).map_err(|error| {
            let place = error.location().map(|location| {
                let (line, column) = (location.line() as u32, location.column() as u32);
                Origin::File(Place {
                    line,
                    column,
                    width: 1,
                })
            });
            let problem = Problem::Syntax {
                message: error.to_string(),
            };
            ScenarioError::new(file, place, "", problem).with_source(text)
        })?;
        if tree.is_null() {
            return Err(lines.error("", Problem::EmptyFile));
        }
        overrides::apply(&mut tree, &mut lines, sets)?;
        // First of all keys: a file of another format may well have keys that this one has not.
        if let Some(format) = tree
            .get("format")
            .filter(|format| format.as_u64() != Some(1))
        {
            let found = Node(format).in_words();
            return Err(lines.error("format", Problem::UnknownFormat { found }));
        }
        let spec = serde_path_to_error::deserialize(Node(&tree)).map_err(|error| {
            let key = match error.path().iter().next() {
                Some(_) => error.path().to_string(),
                None => String::new(),
            };
            lines.error(&key, error.into_inner())
        })?;
        resolve(spec, lines)
    }

    /// An error about a key of this scenario, for what turns out only later: a path that does not exist, more tasks than
    /// the domain has classes, a parameter that the plugin refuses.
    pub fn key_error(&self, key: &str, message: impl Into<String>) -> ScenarioError {
        self.lines.error(key, Problem::Later(message.into()))
    }

    /// Where this key was written; if it was not, where the closest key around it was.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.lines.origin(key)
    }
}

/// The file's values, with anchors and merge keys (`<<: *base`) put in.
fn tree(text: &str) -> Result<serde_yaml::Value, serde_yaml::Error> {
    // A file of comments holds no document at all.
    let documents = serde_yaml::Deserializer::from_str(text);
    let Some(document) = documents.into_iter().next() else {
        return Ok(serde_yaml::Value::Null);
    };
    let mut tree = <serde_yaml::Value as serde::Deserialize>::deserialize(document)?;
    tree.apply_merge()?;
    Ok(tree)
}

/// The scenario file beside a missing one whose name is closest to its.
fn neighbour(file: &Path) -> Option<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let listed = if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    };
    let mut names: Vec<String> = std::fs::read_dir(listed)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
        .collect();
    names.sort();
    let wanted = file.file_name()?.to_str()?;
    let found = closest(wanted, names.iter().map(String::as_str))?;
    Some(folder.join(found).display().to_string())
}
