//! A cell: one stream, one strategy, one seed. The unit that is run, resumed and sent elsewhere.
//!
//! It says what is computed, and nothing about where files lie on one machine, so records can carry
//! it anywhere. Where a machine keeps the files is said by the plan, beside it.

use super::canonical::canonical;
use crate::id::Seed;
use crate::plugin::PluginId;
use crate::scenario::{Provenance, Regime};
use crate::stream::StreamSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::num::NonZeroUsize;

/// The first word of what an id is a hash of. It changes only if equal content is to get another
/// id.
const ID_FORMAT: u32 = 1;

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// `<stream>-<strategy>-s<seed>-<12 hex>`: the hash is of all that moves the cell's numbers.
    pub id: String,
    /// The scenario's name.
    pub scenario: String,
    /// What is learned.
    pub stream: CellStream,
    /// On which frozen models, in the strategy's order; empty for a strategy that uses none.
    pub backbones: Vec<CellBackbone>,
    /// How it is learned.
    pub strategy: CellStrategy,
    /// Decides the class order, where that follows the seed, and all random numbers of the
    /// strategy.
    pub seed: Seed,
    /// Threads of one operation.
    pub threads: u32,
    /// Where to compute: `cpu`, `cuda:0`, …
    pub device: String,
}

/// What a cell learns: domains, cut into tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellStream {
    /// Its name in the scenario; that of its domain.
    pub name: String,
    /// What it is cut from. Scenarios can name one domain; the format has room for more.
    pub domains: Vec<CellDomain>,
    /// How it is cut.
    pub spec: StreamSpec,
    /// Samples per class, if `--limit` was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroUsize>,
    /// The part of the training data that stands in for the test split, if `--validation` was
    /// given.
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
    /// The sentences that turn its class names into text.
    pub templates: Vec<String>,
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
    /// The number type that it computes in, such as `f32`.
    pub dtype: String,
}

/// A cell's strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellStrategy {
    /// The row of the scenario and of the leaderboard.
    pub row: String,
    /// What tables call the row, if not by its name. Scenarios cannot say this yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its name in the plugin; several rows may use one strategy with other parameters.
    #[serde(rename = "use")]
    pub use_: String,
    /// The plugin that it comes from.
    pub plugin: PluginId,
    /// Task after task, or all at once.
    pub regime: Regime,
    /// The parameters that the scenario gives it; the plugin's defaults stand for all others.
    pub parameters: Value,
    /// Where the parameters come from, if the scenario says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// How many settings were tried, if they were tuned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<u32>,
}

impl CellStream {
    /// The stream's domain.
    ///
    /// # Panics
    ///
    /// If it has none, which neither a plan nor a record that was read has.
    pub fn domain(&self) -> &CellDomain {
        &self.domains[0]
    }
}

impl Cell {
    /// The id that belongs to the cell's content. Not in it: the plugin's file (a record that
    /// another file made is stale, not another cell), what tables call the row, metrics.
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
        let domain = self.stream.domain();
        let content = json!({
            "format": ID_FORMAT,
            "domain": domain.name,
            "split_hash": domain.split_hash,
            "templates": domain.templates,
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
        let hash = blake3::hash(canonical(&content).as_bytes()).to_hex();
        format!(
            "{}-{}-s{}-{}",
            slug(&self.stream.name),
            slug(&self.strategy.row),
            self.seed,
            &hash[..12]
        )
    }

    /// For people: stream, strategy, seed.
    pub fn title(&self) -> String {
        format!(
            "{} · {} · seed {}",
            self.stream.name, self.strategy.row, self.seed
        )
    }

    /// The number type that it computes in: its first backbone's.
    pub fn dtype(&self) -> &str {
        self.backbones
            .first()
            .map_or("f32", |backbone| &backbone.dtype)
    }

    /// The plugin files that make its numbers: the backbones', then the strategy's.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginId> {
        let backbones = self.backbones.iter().map(|backbone| &backbone.plugin);
        backbones.chain([&self.strategy.plugin])
    }
}

/// A name as part of a file's name.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+') {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
        // Longer names are told apart by the hash.
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
    fn the_id_follows_what_moves_the_numbers_and_nothing_else() {
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
            changed(|cell| cell.strategy.label = Some("Linear (ours)".into())),
        ] {
            assert_eq!(cell.id, same);
        }
        for other in [
            changed(|cell| cell.stream.domains[0].split_hash = "abd".into()),
            changed(|cell| cell.stream.spec.tasks = Tasks::Count(1)),
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
