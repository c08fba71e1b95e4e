//! The cell record: all results of one cell, in one file.
//!
//! It holds the cell as planned, its stream as found, the strategy's declaration, the accuracy
//! matrices as counts, and the costs. Metrics are not part of it; they are computed from it, so a
//! new metric needs no new run. Tables are made only from records.
//!
//! Optional fields are not written if absent. Some fields are not written yet
//! ([`CellRecord::checksum`], …); they are part of the format so that adding them later needs no
//! new format.

use super::{AccuracyMatrices, Cell, ResultsError};
use crate::atomic;
use crate::id::TaskId;
use crate::regular_file::{self, LARGEST_LIST};
use harness_abi::Declaration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The record format that this clbench writes and reads.
pub const RECORD_FORMAT: u32 = 2;

/// The results of one cell.
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
    /// Its stream, as found.
    pub stream: LearnedStream,
    /// What the strategy declares about itself.
    pub declaration: Declaration,
    /// Versions of the software besides plugins that computed it, such as an interpreter, by name.
    /// Not written yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// The counts of correct predictions.
    pub matrices: AccuracyMatrices,
    /// The same per class. Not written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassCounts>,
    /// Values that the strategy reported while learning. Not written yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scalars: Vec<Scalar>,
    /// Its costs; the only part in which two equal runs differ.
    pub costs: Costs,
}

/// A cell's stream, as found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedStream {
    /// The stream's domains, in order.
    pub domains: Vec<LearnedDomain>,
    /// Hash of the class order.
    pub class_order_digest: String,
    /// Class names in the order in which they are learned.
    pub classes: Vec<String>,
    /// The domain of each class, as an index; omitted if the stream has only one domain. Not
    /// written yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_domains: Vec<u32>,
    /// Number of classes of each task, in order.
    pub task_sizes: Vec<u32>,
}

/// A domain, as found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedDomain {
    /// Hash of the images' bytes. Not written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_digest: Option<String>,
    /// Number of training samples.
    pub n_train: u64,
    /// Number of test samples.
    pub n_test: u64,
}

/// Correct predictions per class: rows t = 0..=T, one column per class in stream order; absent
/// entries as in [`AccuracyMatrices`].
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

/// A value that a strategy reported while learning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scalar {
    /// Its name, as chosen by the strategy.
    pub name: String,
    /// The task that was being learned.
    pub task: TaskId,
    /// The step, as counted by the strategy.
    pub step: u64,
    /// The value.
    pub value: f64,
}

/// The costs of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Wall-clock time.
    pub wall_seconds: WallSeconds,
    /// The peak memory of the cell's process; absent if the system does not report it.
    pub peak_memory_bytes: Option<u64>,
    /// Steps of the strategy's optimisers over all tasks.
    pub optimiser_steps: u64,
    /// Size of the strategy's state after the last task.
    pub state_bytes: u64,
    /// The costs of checkpoints. Not written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<CheckpointCosts>,
}

/// The costs of a cell's checkpoints.
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
    /// Opening frozen features, computing them, or waiting for another process that does.
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
    /// If it cannot be read, has a different format, or is inconsistent.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        let text = regular_file::read(path, LARGEST_LIST).map_err(|source| ResultsError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let damaged = |reason: String| ResultsError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let record: Self = serde_json::from_slice(&text).map_err(|error| {
            // Another format has other fields; report the format rather than the first unknown
            // field.
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
            return Err(damaged(format!(
                "it is the record of cell `{}`",
                record.cell.id
            )));
        }
        let (planned, found) = (&record.cell.stream.domains, &record.stream.domains);
        if planned.is_empty() || planned.len() != found.len() {
            return Err(damaged(format!(
                "number of domains: {} planned, {} found",
                planned.len(),
                found.len()
            )));
        }
        let tasks = record.stream.task_sizes.len();
        let columns = record.matrices.tasks().len();
        if tasks != columns {
            return Err(damaged(format!(
                "the stream has {tasks} tasks, but the accuracy matrices have {columns}"
            )));
        }
        Ok(record)
    }

    /// Writes the record atomically.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_atomic(&self, path: &Path) -> Result<(), ResultsError> {
        let mut text = serde_json::to_vec(self).expect("plain data");
        text.push(b'\n');
        atomic::write(path, &text).map_err(ResultsError::unwritten(path))
    }

    /// Whether the two records are equal except for their costs.
    pub fn same_result(&self, other: &Self) -> bool {
        let costs = other.costs.clone();
        *other
            == Self {
                costs,
                ..self.clone()
            }
    }
}

/// The `format` field of a record, whatever else is in it.
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
    fn a_record_round_trips() {
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
    fn messages_about_damaged_records_say_what_to_do() {
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
             delete the file and run the scenario again; only this cell is recomputed"
        );
        assert_eq!(
            message("renamed.json", &text),
            "cell record `cells/renamed.json` is damaged: it is the record of cell `digits-ncm-s1992-0123456789ab`\n\
             delete the file and run the scenario again; only this cell is recomputed"
        );
        assert_eq!(
            message("old.json", r#"{"format":1,"what":"ever"}"#),
            "cell record `cells/old.json` has format 1, but this clbench reads format 2; run the scenario again to replace it, \
             or read it with the clbench that wrote it"
        );
        let mut homeless = serde_json::to_value(&good).unwrap();
        homeless["stream"]["domains"] = json!([]);
        assert!(
            message("digits-ncm-s1992-0123456789ab.json", &homeless.to_string())
                .contains("is damaged: number of domains: 1 planned, 0 found")
        );
    }
}
