//! The cell record: all that one cell leaves behind, in one file.
//!
//! It holds the accuracy matrices as counts, the costs, and everything that says what was run: split, class order, weights, plugin
//! files, parameters, seed. Metrics are not in it; they are computed from it, so a new metric needs no new run. Tables are made of
//! records alone, so a record that was computed on another machine is as good as one that was computed here.

use super::ReportError;
use crate::atomic;
use crate::id::Seed;
use crate::matrix::AccuracyMatrices;
pub use crate::scenario::{Provenance, Regime};
use crate::stream::Augmentation;
pub use harness_abi::Keeps;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The record format that this clbench writes and reads.
pub const RECORD_FORMAT: u32 = 1;

/// What one cell (one domain, one strategy, one seed) has left behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellRecord {
    /// [`RECORD_FORMAT`].
    pub format: u32,
    /// `<domain>-<strategy>-s<seed>-<12 hex>`; also the name of the file.
    pub id: String,
    /// The scenario's name.
    pub scenario: String,
    /// What was learned.
    pub domain: DomainPart,
    /// On which frozen models, in the strategy's order; empty for a strategy that uses none.
    pub backbones: Vec<BackbonePart>,
    /// How it was learned.
    pub strategy: StrategyPart,
    /// Decides the class order, where that follows the seed, and all random numbers of the strategy.
    pub seed: Seed,
    /// Threads that the computation was given.
    pub threads: u32,
    /// `cpu`, `cuda:0`, …
    pub device: String,
    /// The number type of the computation, such as `f32`.
    pub dtype: String,
    /// What was predicted, counted.
    pub matrices: AccuracyMatrices,
    /// What it cost; the only part in which two equal runs differ.
    pub costs: Costs,
}

/// The domain of a cell and the stream that was cut from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainPart {
    /// The name in the scenario.
    pub name: String,
    /// Hash of the ordered list of (relative name, class, train or test): the same on every machine.
    pub split_hash: String,
    /// Hash of the class order of this cell's stream.
    pub class_order_digest: String,
    /// Training samples.
    pub n_train: u64,
    /// Test samples.
    pub n_test: u64,
    /// Class names in the order in which they are learned.
    pub classes: Vec<String>,
    /// Number of classes of each task, in order.
    pub task_sizes: Vec<u32>,
    /// What became of images that were trained on.
    #[serde(default, skip_serializing_if = "Augmentation::is_none")]
    pub augmentation: Augmentation,
    /// Samples per class, if `--limit` was given.
    pub limit: Option<u64>,
    /// The part of the training data that stands in for the test split, if `--validation` was given.
    pub validation: Option<f64>,
}

/// One backbone of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackbonePart {
    /// The row in the scenario.
    pub name: String,
    /// The plugin that it comes from.
    pub plugin: String,
    /// That plugin's version.
    pub plugin_version: String,
    /// Hash of that plugin's file.
    pub plugin_hash: String,
    /// Hash of the weights and the preprocessing.
    pub fingerprint: String,
}

/// The strategy of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyPart {
    /// The row in the scenario and in tables.
    pub row: String,
    /// The strategy's name in its plugin; several rows may use one strategy with other parameters.
    pub name: String,
    /// The plugin that it comes from.
    pub plugin: String,
    /// That plugin's version.
    pub plugin_version: String,
    /// Hash of that plugin's file.
    pub plugin_hash: String,
    /// One task after the other, or all at once.
    pub regime: Regime,
    /// The parameters that the scenario gives it; the plugin's defaults stand for all others.
    pub parameters: serde_json::Value,
    /// Where the parameters come from; absent if the scenario does not say.
    pub provenance: Option<Provenance>,
    /// How many settings were tried, if they were tuned.
    pub trials: Option<u32>,
    /// What it keeps of past data; empty for nothing.
    pub keeps: Vec<Keeps>,
    /// Whether it can score classes that it has not learned yet.
    pub scores_unseen: bool,
    /// Whether the logits of an image depend on the batch that it is predicted in.
    pub batch_dependent: bool,
    /// Parameters that training may change.
    pub trainable_parameters: u64,
    /// How it departs from the method as published; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptation: Option<String>,
}

/// What a cell cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Wall-clock time.
    pub wall_seconds: WallSeconds,
    /// The most memory that the cell's process held at a time; absent where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// Steps of the strategy's optimisers over all tasks.
    pub optimiser_steps: u64,
    /// Size of the strategy's state after the last task.
    pub state_bytes: u64,
}

/// Wall-clock time of a cell by phase, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WallSeconds {
    /// Opening frozen features, or computing them, or waiting for another cell that does.
    pub features: f64,
    /// In the strategy's `learn`, over all tasks.
    pub learn: f64,
    /// Predicting the test images, over all rows of the matrix.
    pub evaluate: f64,
    /// From the start of the cell's process until its record is written.
    pub total: f64,
}

impl CellRecord {
    /// Reads and checks a record.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let text = std::fs::read(path).map_err(|source| ReportError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let damaged = |reason: String| ReportError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let record: Self = match serde_json::from_slice(&text) {
            Ok(record) => record,
            Err(error) => {
                // Another format has other fields; say so rather than name the first field that is unknown.
                return Err(match format_of(&text) {
                    Some(found) if found != u64::from(RECORD_FORMAT) => other_format(path, found),
                    _ => damaged(error.to_string()),
                });
            }
        };
        if record.format != RECORD_FORMAT {
            return Err(other_format(path, record.format.into()));
        }
        if path.file_stem() != Some(record.id.as_ref()) {
            return Err(damaged(format!("it holds cell `{}`", record.id)));
        }
        let (tasks, columns) = (
            record.domain.task_sizes.len(),
            record.matrices.tasks().len(),
        );
        if tasks != columns {
            return Err(damaged(format!(
                "the stream has {tasks} tasks, the accuracy matrices {columns}"
            )));
        }
        Ok(record)
    }

    /// Writes the record so that it is there whole or not at all.
    pub fn write_atomic(&self, path: &Path) -> Result<(), ReportError> {
        let unwritten = || ReportError::unwritten(path);
        let mut text = serde_json::to_vec(self).map_err(|error| unwritten()(error.into()))?;
        text.push(b'\n');
        atomic::write(path, &text).map_err(unwritten())
    }

    /// Whether the two say the same, what it cost aside.
    pub(super) fn same_result(&self, other: &Self) -> bool {
        let costs = other.costs.clone();
        *other
            == Self {
                costs,
                ..self.clone()
            }
    }
}

/// The format that a record states, whatever else is in it.
fn format_of(text: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Stated {
        format: u64,
    }
    serde_json::from_slice::<Stated>(text)
        .ok()
        .map(|stated| stated.format)
}

fn other_format(path: &Path, found: u64) -> ReportError {
    ReportError::Format {
        path: path.to_owned(),
        found,
        supported: RECORD_FORMAT,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::record;
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let record = record("digits", "ncm", 1992, [90, 70]);
        let path = dir.path().join("cells").join(format!("{}.json", record.id));
        record.write_atomic(&path).unwrap();
        assert_eq!(CellRecord::read(&path).unwrap(), record);
        let names: Vec<_> = path.parent().unwrap().read_dir().unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");
    }

    #[test]
    fn a_damaged_record_is_named_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let message = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            let message = CellRecord::read(&path).unwrap_err().to_string();
            message.replace(&dir.path().display().to_string(), "cells")
        };
        let good = serde_json::to_string(&record("digits", "ncm", 1992, [90, 70])).unwrap();
        assert_eq!(
            message("cut.json", &good[..40]),
            "cell record `cells/cut.json` is damaged: EOF while parsing a string at line 1 column 40\n\
             delete the file and run the scenario again: only this cell is computed anew"
        );
        assert_eq!(
            message("renamed.json", &good),
            "cell record `cells/renamed.json` is damaged: it holds cell `digits-ncm-s1992-0123456789ab`\n\
             delete the file and run the scenario again: only this cell is computed anew"
        );
        assert_eq!(
            message("new.json", r#"{"format":2,"what":"ever"}"#),
            "cell record `cells/new.json` has format 2, and this clbench reads format 1\n\
             read it with the clbench that wrote it, or delete the file and run the scenario again"
        );
    }
}
