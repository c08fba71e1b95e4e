//! The cell record: all that one cell leaves behind, in one file.
//!
//! It holds the cell as it was planned, what its stream turned out to be, what the strategy
//! declared, the accuracy matrices as counts, and the costs. Metrics are not in it; they are
//! computed from it, so a new metric needs no new run. Tables are made of records alone.
//!
//! What a cell may have left out is an optional field, and an absent one is not written. The fields
//! that nothing writes yet ([`CellRecord::checksum`], …) are part of the format, so that they need
//! no other.

use super::{AccuracyMatrices, Cell, ResultsError};
use crate::atomic;
use crate::id::TaskId;
use harness_abi::Declaration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The record format that this clbench writes and reads.
pub const RECORD_FORMAT: u32 = 2;

/// What one cell has left behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellRecord {
    /// [`RECORD_FORMAT`].
    pub format: u32,
    /// Hash of the rest of the record. Not written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// What was run, as planned.
    pub cell: Cell,
    /// What its stream turned out to be.
    pub stream: LearnedStream,
    /// What the strategy says of itself.
    pub declaration: Declaration,
    /// Versions of what computed it besides the plugins, by name, such as an interpreter's. Not
    /// written yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// What was predicted, counted.
    pub matrices: AccuracyMatrices,
    /// The same by class. Not written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassCounts>,
    /// Values that the strategy reported while it learned. Not written yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scalars: Vec<Scalar>,
    /// What it cost; the only part in which two equal runs differ.
    pub costs: Costs,
}

/// A cell's stream, as cut from the domains that were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedStream {
    /// What was found of each of the stream's domains, in their order.
    pub domains: Vec<LearnedDomain>,
    /// Hash of the class order.
    pub class_order_digest: String,
    /// Class names in the order in which they are learned.
    pub classes: Vec<String>,
    /// The domain of each class, by its place in the stream; left out if there is only one. Not
    /// written yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_domains: Vec<u32>,
    /// Number of classes of each task, in order.
    pub task_sizes: Vec<u32>,
}

/// A domain as it was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedDomain {
    /// Hash of the images' bytes. Not written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_digest: Option<String>,
    /// Training samples.
    pub n_train: u64,
    /// Test samples.
    pub n_test: u64,
}

/// Correct predictions by class: rows t = 0..=T, a column for each class in the order in which they
/// are learned; absent entries as in [`AccuracyMatrices`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassCounts {
    /// Test samples of each class.
    pub n: Vec<u64>,
    /// Among the classes seen so far.
    pub seen: Vec<Vec<Option<u64>>>,
    /// Among all classes.
    pub all: Vec<Vec<Option<u64>>>,
    /// Among the classes of the class's own task.
    pub task: Vec<Vec<Option<u64>>>,
}

/// A value that a strategy reported while it learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scalar {
    /// What it is, in the strategy's words.
    pub name: String,
    /// The task that was being learned.
    pub task: TaskId,
    /// The step, as the strategy counts them.
    pub step: u64,
    /// The value.
    pub value: f64,
}

/// What a cell cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Wall-clock time.
    pub wall_seconds: WallSeconds,
    /// The most memory that the cell's process held at a time; absent where the system does not
    /// tell.
    pub peak_memory_bytes: Option<u64>,
    /// Steps of the strategy's optimisers over all tasks.
    pub optimiser_steps: u64,
    /// Size of the strategy's state after the last task.
    pub state_bytes: u64,
    /// What checkpoints cost. Not written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<CheckpointCosts>,
}

/// What a cell's checkpoints cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointCosts {
    /// How many were written.
    pub written: u32,
    /// How often the cell was resumed from one.
    pub resumed: u32,
    /// Wall-clock time of writing and reading them.
    pub seconds: f64,
    /// Size of the largest.
    pub bytes: u64,
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
    ///
    /// # Errors
    ///
    /// If it cannot be read, has another format, or does not fit together.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        let text = std::fs::read(path).map_err(|source| ResultsError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let damaged = |reason: String| ResultsError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let record: Self = serde_json::from_slice(&text).map_err(|error| {
            // Another format has other fields; say so rather than name the first one that is
            // unknown.
            match stated_format(&text).filter(|&found| found != u64::from(RECORD_FORMAT)) {
                Some(found) => ResultsError::Format {
                    path: path.to_owned(),
                    found,
                    supported: RECORD_FORMAT,
                },
                None => damaged(error.to_string()),
            }
        })?;
        if record.format != RECORD_FORMAT {
            return Err(ResultsError::Format {
                path: path.to_owned(),
                found: record.format.into(),
                supported: RECORD_FORMAT,
            });
        }
        if path.file_stem() != Some(record.cell.id.as_ref()) {
            return Err(damaged(format!("it holds cell `{}`", record.cell.id)));
        }
        let (planned, found) = (&record.cell.stream.domains, &record.stream.domains);
        if planned.is_empty() || planned.len() != found.len() {
            return Err(damaged(format!(
                "{} domains were planned, {} found",
                planned.len(),
                found.len()
            )));
        }
        let tasks = record.stream.task_sizes.len();
        let columns = record.matrices.tasks().len();
        if tasks != columns {
            return Err(damaged(format!(
                "the stream has {tasks} tasks, the accuracy matrices {columns}"
            )));
        }
        Ok(record)
    }

    /// Writes the record so that it is there whole or not at all.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_atomic(&self, path: &Path) -> Result<(), ResultsError> {
        let mut text = serde_json::to_vec(self).expect("plain data");
        text.push(b'\n');
        atomic::write(path, &text).map_err(ResultsError::unwritten(path))
    }

    /// Whether the two say the same, what it cost aside.
    pub fn same_result(&self, other: &Self) -> bool {
        let costs = other.costs.clone();
        *other
            == Self {
                costs,
                ..self.clone()
            }
    }
}

/// The format that a record states, whatever else is in it.
fn stated_format(text: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Stated {
        format: u64,
    }
    serde_json::from_slice::<Stated>(text)
        .ok()
        .map(|stated| stated.format)
}

#[cfg(test)]
mod tests {
    use super::super::RunFolder;
    use super::super::fixture::record;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(dir.path());
        let mut record = record("digits", "ncm", 1992, [90, 70]);
        let path = folder.record(&record.cell.id);
        record.write_atomic(&path).unwrap();
        assert_eq!(CellRecord::read(&path).unwrap(), record);
        let names: Vec<_> = folder.cells().read_dir().unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");

        // The fields that nothing writes yet.
        assert!(
            !std::fs::read_to_string(&path)
                .unwrap()
                .contains("null,\"name\"")
        );
        record.checksum = Some("c".into());
        record.cell.strategy.label = Some("NCM (ours)".into());
        record.stream.domains[0].content_digest = Some("d".into());
        record.stream.class_domains = vec![0, 0, 0, 0];
        record.versions.insert("python".into(), "3.13.1".into());
        record.classes = Some(ClassCounts {
            n: vec![50; 4],
            seen: vec![vec![None; 4]; 3],
            all: vec![vec![Some(1); 4]; 3],
            task: vec![vec![Some(2); 4]; 3],
        });
        record.scalars.push(Scalar {
            name: "loss".into(),
            task: TaskId(1),
            step: 3,
            value: 0.5,
        });
        record.costs.checkpoints = Some(CheckpointCosts {
            written: 2,
            resumed: 1,
            seconds: 0.25,
            bytes: 4096,
        });
        record.write_atomic(&path).unwrap();
        assert_eq!(CellRecord::read(&path).unwrap(), record);
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
        let good = record("digits", "ncm", 1992, [90, 70]);
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(
            message("cut.json", &text[..40]),
            "cell record `cells/cut.json` is damaged: EOF while parsing a string at line 1 column 40\n\
             delete the file and run the scenario again: only this cell is computed anew"
        );
        assert_eq!(
            message("renamed.json", &text),
            "cell record `cells/renamed.json` is damaged: it holds cell `digits-ncm-s1992-0123456789ab`\n\
             delete the file and run the scenario again: only this cell is computed anew"
        );
        assert_eq!(
            message("old.json", r#"{"format":1,"what":"ever"}"#),
            "cell record `cells/old.json` has format 1, and this clbench reads format 2: run the scenario again to replace it, \
             or read it with the clbench that wrote it"
        );
        let mut homeless = serde_json::to_value(&good).unwrap();
        homeless["stream"]["domains"] = json!([]);
        assert!(
            message("digits-ncm-s1992-0123456789ab.json", &homeless.to_string())
                .contains("is damaged: 1 domains were planned, 0 found")
        );
    }
}
