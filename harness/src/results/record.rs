//! The cell record: all results of one cell, in one file.
//!
//! It holds the cell as planned, its stream as found, the strategy's declaration, the accuracy
//! matrices as counts, and the costs. Metrics are not part of it; they are computed from it, so a
//! new metric needs no new run. Tables are made only from records.
//!
//! Optional fields are not written if absent. Records of earlier versions lack some of them
//! ([`CellRecord::classes`], [`CellRecord::scalars`]).
//!
//! A record is believed only if it is whole: its checksum is that of its bytes, its id is that of
//! its cell, and its counts fit its stream. The checksum shows damage and edits; it is no
//! signature, since anyone can compute it. `clbench results verify --rerun` shows more: that the
//! numbers come out again.

use super::class_counts::shown;
use super::{AccuracyMatrices, AfterTask, Cell, ClassCounts, Confusion, LearnedStream};
use super::{ResultsError, Scalar, scalar};
use crate::atomic;
use crate::id::{ClassId, TaskId};
use crate::regular_file::{self, LARGEST_LIST};
use crate::stream::{DigestTask, OrderDigest};
use harness_abi::{Declaration, Matrix};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The record format that this clbench writes and reads.
pub const RECORD_FORMAT: u32 = 3;

/// The results of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellRecord {
    /// [`RECORD_FORMAT`].
    pub format: u32,
    /// BLAKE3 of the file's bytes, with 64 zeros in this place. Computed when the record is
    /// written.
    pub checksum: String,
    /// What was run, as planned.
    pub cell: Cell,
    /// Its stream, as found.
    pub stream: LearnedStream,
    /// What the strategy declares about itself.
    pub declaration: Declaration,
    /// Versions of the software besides plugins that computed it, such as an interpreter, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// The counts of correct predictions.
    pub matrices: AccuracyMatrices,
    /// The same per class; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassCounts>,
    /// Which classes are taken for which after the last task, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
    /// Values that the strategy reported while learning, task by task and curve by curve.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "scalar")]
    pub scalars: Vec<Scalar>,
    /// Its costs; the only part in which two equal runs differ.
    pub costs: Costs,
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

/// Why the bytes of a record are not believed.
pub(super) enum Unfit {
    /// They are of another format.
    Format(u64),
    /// Something is wrong with them.
    Damaged(String),
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
        let unfit = |unfit| match unfit {
            Unfit::Format(found) => ResultsError::Format {
                path: path.to_owned(),
                found,
                supported: RECORD_FORMAT,
            },
            Unfit::Damaged(reason) => ResultsError::Damaged {
                path: path.to_owned(),
                reason,
            },
        };
        let record = Self::parse(&text).map_err(unfit)?;
        if path.file_stem() != Some(record.cell.id.as_ref()) {
            let reason = format!("it is the record of cell `{}`", record.cell.id);
            return Err(unfit(Unfit::Damaged(reason)));
        }
        Ok(record)
    }

    /// Reads and checks the bytes of a record's file.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Unfit> {
        let mut record: Self = serde_json::from_slice(text).map_err(|error| {
            // Another format has other fields; report the format rather than the first unknown
            // field.
            match stated_format(text).filter(|&found| found != u64::from(RECORD_FORMAT)) {
                Some(found) => Unfit::Format(found),
                None => Unfit::Damaged(error.to_string()),
            }
        })?;
        if record.format != RECORD_FORMAT {
            return Err(Unfit::Format(record.format.into()));
        }
        if checksum_of(text, &record.checksum).as_deref() != Some(&record.checksum) {
            let reason =
                "its checksum does not match its content, so it was changed after it was written";
            return Err(Unfit::Damaged(reason.to_owned()));
        }
        record.check().map_err(Unfit::Damaged)?;
        record.matrices.complete_last_row();
        Ok(record)
    }

    /// Checks that the parts of the record fit each other.
    fn check(&self) -> Result<(), String> {
        let CellRecord {
            cell,
            stream,
            matrices,
            ..
        } = self;
        let proper = cell.proper_id();
        if cell.id != proper {
            return Err(format!(
                "its id does not match its cell, whose id is `{proper}`"
            ));
        }
        let (planned, found) = (cell.stream.domains.len(), stream.domains.len());
        let cuts = cell.stream.spec.cuts.len();
        if planned == 0 || planned != found || planned != cuts {
            return Err(format!(
                "number of domains: {planned} planned, {found} found"
            ));
        }
        let (tasks, columns) = (stream.task_sizes.len(), matrices.tasks().len());
        if tasks != columns {
            return Err(format!(
                "the stream has {tasks} tasks, but the accuracy matrices have {columns}"
            ));
        }
        stream.check()?;
        let samples = matrices.tasks().filter_map(|task| matrices.n(task));
        let (of_tasks, of_domains) = (
            samples.map(u128::from).sum::<u128>(),
            stream
                .domains
                .iter()
                .map(|domain| u128::from(domain.n_test))
                .sum::<u128>(),
        );
        if of_tasks != of_domains {
            return Err(format!(
                "its tasks have {of_tasks} test samples, but its domains have {of_domains}"
            ));
        }
        if self.proper_order_digest().as_str() != stream.class_order_digest {
            return Err("its class order digest does not match its classes".to_owned());
        }
        if let Some(classes) = &self.classes {
            classes.check(stream, matrices)?;
        }
        if let Some(confusion) = &self.confusion {
            confusion.check(self.classes.as_ref())?;
        }
        let of_stream = |scalar: &Scalar| (1..=tasks as u32).contains(&scalar.task.0);
        match self.scalars.iter().all(of_stream) {
            true => Ok(()),
            false => Err("it has values of a task that its stream does not have".to_owned()),
        }
    }

    /// The class order digest that matches the record's classes, tasks and templates.
    pub fn proper_order_digest(&self) -> OrderDigest {
        self.order_digest(&self.cell.stream.templates())
    }

    /// The digest that its class order would have with these templates of each domain.
    pub fn order_digest(&self, templates: &[&[String]]) -> OrderDigest {
        let stream = &self.stream;
        let tasks = stream.classes_of_tasks();
        let tasks = (1..).map(TaskId).zip(&tasks).map(|(task, classes)| {
            let named = |&class: &ClassId| {
                let name = stream.classes.get(class.index());
                (class, name.map_or("", String::as_str))
            };
            DigestTask {
                domain: stream.domain_of(task),
                classes: classes.iter().map(named).collect(),
            }
        });
        OrderDigest::of(&tasks.collect::<Vec<_>>(), templates)
    }

    /// The bytes of its file: a line of JSON with its checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        let unsigned = CellRecord {
            checksum: ZEROS.to_owned(),
            ..self.clone()
        };
        let mut text = serde_json::to_vec(&unsigned).expect("plain data");
        text.push(b'\n');
        let checksum = blake3::hash(&text).to_hex();
        let at = position(&text, ZEROS).expect("it was written");
        text[at..at + ZEROS.len()].copy_from_slice(checksum.as_bytes());
        text
    }

    /// Writes the record atomically.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_atomic(&self, path: &Path) -> Result<(), ResultsError> {
        atomic::write(path, &self.to_bytes()).map_err(ResultsError::unwritten(path))
    }

    /// In what the results of the two differ, in words; empty if they are the same bit for bit.
    /// What they were planned with is not compared, nor what only one of them has, nor the values
    /// that the strategy [reported](Self::scalar_difference).
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let contents = self.stream.domains.iter().zip(&other.stream.domains);
        for (then, now) in contents {
            if then.content_digest != now.content_digest {
                let [then, now] = [then, now].map(|domain| domain.content_digest.get(..12));
                let [then, now] = [then, now].map(Option::unwrap_or_default);
                differences.push(format!("its images were {then}, but are {now} here"));
            }
        }
        if self.stream.class_order_digest != other.stream.class_order_digest {
            differences.push("its class order is another".to_owned());
        }
        if self.declaration != other.declaration {
            differences.push("the strategy declares something else".to_owned());
        }
        for candidates in Matrix::EACH {
            let mut entries = (self.matrices.rows())
                .flat_map(|after| self.matrices.tasks().map(move |on| (after, on)));
            let count = |record: &Self, after, on| record.matrices.correct(candidates, after, on);
            let differs = |&(after, on): &(AfterTask, TaskId)| {
                count(self, after, on) != count(other, after, on)
            };
            if let Some((after, on)) = entries.find(differs) {
                let (then, now) = (count(self, after, on), count(other, after, on));
                differences.push(format!(
                    "`{}` after task {after} on task {on} was {}, but is {} now",
                    candidates.name(),
                    shown(then),
                    shown(now)
                ));
            }
        }
        if differences.is_empty() && self.matrices != other.matrices {
            differences.push("its numbers of test samples are others".to_owned());
        }
        // If the sums differ, so do these.
        if differences.is_empty() {
            let counts = self.classes.as_ref().zip(other.classes.as_ref());
            let names = &self.stream.classes;
            differences.extend(counts.and_then(|(then, now)| then.difference(now, names)));
        }
        if differences.is_empty() && both_differ(&self.confusion, &other.confusion) {
            differences.push("other classes are taken for each other".to_owned());
        }
        differences
    }

    /// The first of the values reported while learning in which the two differ, in words. The same
    /// counts can come with other last digits of a loss. A record without values may be of an
    /// earlier version, which did not keep them.
    pub fn scalar_difference(&self, other: &Self) -> Option<String> {
        match self.scalars.is_empty() || other.scalars.is_empty() {
            true => None,
            false => scalar::difference(&self.scalars, &other.scalars),
        }
    }

    /// Whether the two records are equal except for their costs, for the values that the strategy
    /// reported, and for what only one of them has.
    pub fn same_result(&self, other: &Self) -> bool {
        !both_differ(&self.classes, &other.classes)
            && !both_differ(&self.confusion, &other.confusion)
            && *other
                == Self {
                    costs: other.costs.clone(),
                    checksum: other.checksum.clone(),
                    classes: other.classes.clone(),
                    confusion: other.confusion.clone(),
                    scalars: other.scalars.clone(),
                    ..self.clone()
                }
    }
}

/// Whether two records have different values of something that only one might have.
fn both_differ<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

/// Stands for the checksum while it is computed.
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The checksum of a record's text that states this checksum.
fn checksum_of(text: &[u8], stated: &str) -> Option<String> {
    if stated.len() != ZEROS.len() {
        return None;
    }
    let at = position(text, stated)?;
    let mut zeroed = text.to_vec();
    zeroed[at..at + ZEROS.len()].copy_from_slice(ZEROS.as_bytes());
    Some(blake3::hash(&zeroed).to_hex().to_string())
}

fn position(text: &[u8], part: &str) -> Option<usize> {
    let part = part.as_bytes();
    text.windows(part.len()).position(|window| window == part)
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
    use super::super::fixture::{as_run, record, with_classes};
    use super::*;
    use crate::id::Seed;
    use expect_test::expect;

    #[test]
    fn a_record_round_trips() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(dir.path());
        let mut record = as_run(record("digits", "ncm", 1992, [90, 70]));
        let path = folder.record(&record.cell.id);
        record.write_atomic(&path).unwrap();
        let read = CellRecord::read(&path).unwrap();
        assert!(read.same_result(&record) && read.costs == record.costs);
        assert_eq!(read.checksum.len(), 64);
        let names: Vec<_> = folder.cells().read_dir().unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");

        // The fields that it may lack.
        assert!(
            !std::fs::read_to_string(&path)
                .unwrap()
                .contains("null,\"name\"")
        );
        record.cell.strategy.label = Some("NCM (ours)".into());
        record.versions.insert("python".into(), "3.13.1".into());
        record = with_classes(record);
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
        let read = CellRecord::read(&path).unwrap();
        let checksum = read.checksum.clone();
        assert_eq!(read, CellRecord { checksum, ..record });
    }

    /// Older records have no counts per class, and a loss may have other last digits elsewhere.
    #[test]
    fn what_only_one_record_has_is_no_difference() {
        let old = as_run(record("digits", "ncm", 1992, [90, 70]));
        let mut new = with_classes(old.clone());
        new.scalars.push(Scalar {
            name: "loss".into(),
            task: TaskId(1),
            step: 1,
            value: 0.5,
        });
        for (one, other) in [(&old, &new), (&new, &old)] {
            assert_eq!(one.differences(other), [""; 0]);
            assert!(one.same_result(other));
            assert_eq!(one.scalar_difference(other), None);
        }
        let mut other = new.clone();
        other.scalars[0].value = 0.25;
        assert_eq!(new.differences(&other), [""; 0]);
        assert!(new.same_result(&other));
        expect!["`loss` at step 1 of task 1 was 0.5, but is 0.25 now"]
            .assert_eq(&new.scalar_difference(&other).unwrap());
        let classes = other.classes.as_mut().unwrap();
        classes.seen[2][0] = Some(44);
        assert!(!new.same_result(&other));
        expect!["`seen` of class `zero` after task 2 was 45, but is 44 now"]
            .assert_eq(&new.differences(&other).join("; "));
        // Sums that differ say it all.
        other
            .matrices
            .set(Matrix::Seen, AfterTask(2), TaskId(1), Some(89));
        expect!["`seen` after task 2 on task 1 was 90, but is 89 now"]
            .assert_eq(&new.differences(&other).join("; "));
    }

    /// Where it is, a change makes a record unreadable, with or without a new checksum.
    #[test]
    fn a_changed_record_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let mut good = with_classes(as_run(record("digits", "ncm", 1992, [90, 70])));
        good.scalars.push(Scalar {
            name: "loss".into(),
            task: TaskId(2),
            step: 1,
            value: 0.5,
        });
        let path = RunFolder::new(dir.path()).record(&good.cell.id);
        let why = |record: &CellRecord| {
            record.write_atomic(&path).unwrap();
            let message = CellRecord::read(&path).unwrap_err().to_string();
            let (_, why) = message.split_once(" is damaged: ").unwrap();
            why.lines().next().unwrap().to_owned()
        };
        // By hand: a count, a digit of a cost, a space.
        good.write_atomic(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in [("[90,70]", "[99,70]"), ("2.4567", "2.4568"), (",", ", ")] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            std::fs::write(&path, changed).unwrap();
            let message = CellRecord::read(&path).unwrap_err().to_string();
            assert!(
                message.contains("was changed after it was written"),
                "{message}"
            );
        }
        let changed = |change: fn(&mut CellRecord)| {
            let mut record = good.clone();
            change(&mut record);
            why(&record)
        };
        let reasons = [
            changed(|record| record.cell.seed = Seed(7)),
            changed(|record| record.stream.domains.clear()),
            changed(|record| record.stream.task_sizes.push(1)),
            changed(|record| record.stream.task_sizes[0] = 3),
            changed(|record| record.stream.domains[0].n_test = 201),
            changed(|record| record.stream.classes.swap(0, 3)),
            changed(|record| record.classes.as_mut().unwrap().all[0][0] = Some(11)),
            changed(|record| record.confusion.as_mut().unwrap().entries.truncate(1)),
            changed(|record| record.classes = None),
            changed(|record| record.scalars[0].task = TaskId(3)),
        ];
        expect![[r#"
            its id does not match its cell, whose id is `digits-ncm-s7-0815a305e847`
            number of domains: 1 planned, 0 found
            the stream has 3 tasks, but the accuracy matrices have 2
            its tasks have 5 classes, but it lists 4
            its tasks have 200 test samples, but its domains have 201
            its class order digest does not match its classes
            its counts per class do not add up to `all` after task 0
            its confusion matrix does not fit its counts per class
            it has a confusion matrix, but no counts per class
            it has values of a task that its stream does not have
        "#]]
        .assert_eq(&reasons.map(|reason| reason + "\n").concat());
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
        let good = as_run(record("digits", "ncm", 1992, [90, 70]));
        let path = dir.path().join(format!("{}.json", good.cell.id));
        good.write_atomic(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            message("cut.json", &text[..20]),
            "cell record `cells/cut.json` is damaged: EOF while parsing a string at line 1 column 20\n\
             delete the file and run the scenario again; only this cell is recomputed"
        );
        assert_eq!(
            message("renamed.json", &text),
            format!(
                "cell record `cells/renamed.json` is damaged: it is the record of cell `{}`\n\
                 delete the file and run the scenario again; only this cell is recomputed",
                good.cell.id
            )
        );
        assert_eq!(
            message("old.json", r#"{"format":1,"what":"ever"}"#),
            "cell record `cells/old.json` has format 1, but this clbench reads format 3; run the scenario again to replace it, \
             or read it with the clbench that wrote it"
        );
    }
}
