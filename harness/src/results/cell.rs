//! A cell: one stream, one strategy, one seed. The unit that is run, resumed and sent to other
//! machines.
//!
//! It says what is computed, but not where a machine's files are, so records are portable. The plan
//! adds the paths.

use super::canonical::canonical;
use crate::domain::Shots;
use crate::id::Seed;
use crate::plugin::PluginId;
use crate::scenario::{Provenance, Regime};
use crate::stream::StreamSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

/// Part of the content that an id hashes. Changed only to give equal content a new id.
const ID_FORMAT: u32 = 1;

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// `<stream>-<strategy>-s<seed>-<12 hex>`: the hash covers what affects the cell's numbers.
    pub id: String,
    /// The scenario's name.
    pub scenario: String,
    /// What is learned.
    pub stream: CellStream,
    /// The frozen models, in the strategy's order; empty for a strategy that uses none.
    pub backbones: Vec<CellBackbone>,
    /// How it is learned.
    pub strategy: CellStrategy,
    /// Decides the class order, if that follows the seed, and all random numbers of the strategy.
    pub seed: Seed,
    /// Threads per operation.
    pub threads: u32,
    /// The device to compute on: `cpu`, `cuda:0`, …
    pub device: String,
}

/// What a cell learns: domains, divided into tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellStream {
    /// Its name in the scenario, which is that of its domain if it has no other.
    pub name: String,
    /// Its domains, in the order in which they arrive; at least one.
    pub domains: Vec<CellDomain>,
    /// How each of them is divided into tasks.
    pub spec: StreamSpec,
    /// Samples per class, if `--limit` was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroUsize>,
    /// The part of the training data that replaces the test split, if `--validation` was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
}

/// A domain of a cell's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellDomain {
    /// Its name in the scenario.
    pub name: String,
    /// Hash of the ordered list of (relative name, class, train or test): the same on every
    /// machine.
    pub split_hash: String,
    /// The prompt templates that turn its class names into text.
    pub templates: Vec<String>,
    /// How many training samples of each class are used, and how they are drawn; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots: Option<Shots>,
}

/// A cell's backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellBackbone {
    /// Its name in the scenario.
    pub name: String,
    /// Its name in the plugin.
    #[serde(rename = "use")]
    pub use_: String,
    /// The plugin that it comes from.
    pub plugin: PluginId,
    /// Its parameters.
    pub parameters: Value,
    /// Hash of its weights and preprocessing.
    pub fingerprint: String,
    /// The data type that it computes in, such as `f32`.
    pub dtype: String,
}

/// A cell's strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellStrategy {
    /// The name of its row in the scenario and the leaderboard.
    pub row: String,
    /// What tables call the row, if not by its name. In a record, as it was when the cell was run;
    /// the current plan's counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its name in the plugin; several rows may use one strategy with different parameters.
    #[serde(rename = "use")]
    pub use_: String,
    /// The plugin that it comes from.
    pub plugin: PluginId,
    /// The SHA-256 of every module of its own sources, by name, if it is a script.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, String>,
    /// Task after task, or all at once.
    pub regime: Regime,
    /// The parameters that the scenario sets; all others have the plugin's defaults.
    pub parameters: Value,
    /// Where the parameters come from, if the scenario says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// How many settings were tried, if the parameters were tuned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<u32>,
}

/// The code that computes a cell.
#[derive(Debug, PartialEq, Eq)]
pub struct Code<'a> {
    plugins: Vec<&'a PluginId>,
    sources: &'a BTreeMap<String, String>,
}

/// In what the code of two cells differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeDifference {
    /// A plugin's file.
    Plugin,
    /// The sources of a script.
    Sources,
}

impl Code<'_> {
    /// In what they differ, if they do.
    pub fn difference(&self, other: &Code<'_>) -> Option<CodeDifference> {
        if self.plugins != other.plugins {
            return Some(CodeDifference::Plugin);
        }
        (self.sources != other.sources).then_some(CodeDifference::Sources)
    }
}

impl CellStrategy {
    /// What tables call the row.
    pub fn title(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.row)
    }

    /// Twelve hex digits for its sources.
    pub fn sources_digest(&self) -> String {
        let json = serde_json::to_vec(&self.sources).expect("plain data");
        blake3::hash(&json).to_hex()[..12].to_owned()
    }

    /// A hash of the code that computes it: its plugin's file, and its own sources if it is a
    /// script.
    pub fn code_hash(&self) -> String {
        match self.sources.is_empty() {
            true => self.plugin.hash.clone(),
            false => {
                let code = format!("{} {}", self.plugin.hash, self.sources_digest());
                blake3::hash(code.as_bytes()).to_hex().to_string()
            }
        }
    }
}

impl CellStream {
    /// The templates of each domain.
    pub fn templates(&self) -> Vec<&[String]> {
        let domains = self.domains.iter();
        domains.map(|domain| &domain.templates[..]).collect()
    }

    /// The names of its domains, joined by `+`.
    pub fn domain_names(&self) -> String {
        let names: Vec<&str> = self.domains.iter().map(|domain| &*domain.name).collect();
        names.join("+")
    }
}

impl Cell {
    /// The id that matches the cell's content. It does not depend on the code (a record
    /// that was made by other code is stale, not another cell), the label in tables, or metrics.
    pub fn proper_id(&self) -> String {
        let backbones: Vec<_> = self
            .backbones
            .iter()
            .map(|backbone| {
                json!({
                    "use": backbone.use_,
                    "parameters": backbone.parameters,
                    "fingerprint": backbone.fingerprint,
                    "dtype": backbone.dtype,
                })
            })
            .collect();
        let mut content = json!({
            "format": ID_FORMAT,
            "stream": self.stream.spec,
            "limit": self.stream.limit,
            "validation": self.stream.validation,
            "backbones": backbones,
            "row": self.strategy.row,
            "strategy": self.strategy.use_,
            "regime": self.strategy.regime,
            "parameters": self.strategy.parameters,
            "seed": self.seed,
            "threads": self.threads,
            "device": self.device,
        });
        match &self.stream.domains[..] {
            // As it was before streams could have several domains.
            [domain] => {
                content["domain"] = json!(domain.name);
                content["split_hash"] = json!(domain.split_hash);
                content["templates"] = json!(domain.templates);
            }
            domains => {
                content["name"] = json!(self.stream.name);
                content["domains"] = json!(domains);
            }
        }
        let hash = blake3::hash(canonical(&content).as_bytes()).to_hex();
        format!(
            "{}-{}-s{}-{}",
            slug(&self.stream.name),
            slug(&self.strategy.row),
            self.seed,
            &hash[..12]
        )
    }

    /// A readable title: stream, strategy, seed.
    pub fn title(&self) -> String {
        format!(
            "{} · {} · seed {}",
            self.stream.name, self.strategy.row, self.seed
        )
    }

    /// The data type that it computes in, which is that of its first backbone.
    pub fn dtype(&self) -> &str {
        self.backbones
            .first()
            .map_or("f32", |backbone| &backbone.dtype)
    }

    /// Which code computes it. Records that were made by other code are stale.
    pub fn code(&self) -> Code<'_> {
        let backbones = self.backbones.iter().map(|backbone| &backbone.plugin);
        Code {
            plugins: backbones.chain([&self.strategy.plugin]).collect(),
            sources: &self.strategy.sources,
        }
    }
}

/// A name in a form that file names can contain.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+') {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
        // The hash distinguishes longer names.
        if slug.len() == 60 {
            break;
        }
    }
    slug.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::record;
    use super::*;
    use crate::stream::{Augmentation, Tasks};

    #[test]
    fn the_id_depends_only_on_what_affects_the_numbers() {
        let mut cell = record("digits", "linear[lr=0.1, \"é\"]", 1992, [90, 70]).cell;
        cell.id = cell.proper_id();
        assert!(
            cell.id.starts_with("digits-linear-lr-0.1-s1992-"),
            "{}",
            cell.id
        );
        let changed = |change: fn(&mut Cell)| {
            let mut cell = cell.clone();
            change(&mut cell);
            cell.proper_id()
        };
        for same in [
            changed(|cell| cell.scenario = "other".into()),
            changed(|cell| cell.strategy.plugin.hash = "i".into()),
            changed(|cell| cell.strategy.sources = [("mine".into(), "ab".into())].into()),
            changed(|cell| cell.strategy.label = Some("Linear (ours)".into())),
        ] {
            assert_eq!(cell.id, same);
        }
        for other in [
            changed(|cell| cell.stream.domains[0].split_hash = "abd".into()),
            changed(|cell| cell.stream.spec.cuts[0].tasks = Tasks::Count(1)),
            changed(|cell| {
                let again = cell.stream.domains[0].clone();
                cell.stream.domains.push(again);
            }),
            changed(|cell| {
                cell.stream.spec.augmentation = Augmentation::RandomResizedCropAndFlip;
            }),
            changed(|cell| cell.stream.limit = NonZeroUsize::new(3)),
            changed(|cell| cell.backbones[0].fingerprint = "g".into()),
            changed(|cell| cell.backbones[0].parameters = json!({"size": 9})),
            changed(|cell| cell.strategy.parameters = json!({"lr": 0.2})),
            changed(|cell| cell.strategy.regime = Regime::Joint),
            changed(|cell| cell.seed = Seed(1)),
            changed(|cell| cell.threads = 2),
            changed(|cell| cell.device = "cuda".into()),
        ] {
            assert_ne!(cell.id, other);
        }
    }
}
