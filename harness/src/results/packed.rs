//! Packed results: the records of a run folder in one small file of text, to be committed or sent.
//!
//! The first line is a header with the plan: what the tables need of `run.json`. The other lines
//! are the records in the order of the tables, with what repeats [written once](sharing). A record
//! comes out of it byte for byte, and is checked like one in a file of its own.

mod json_text;
mod sharing;

use self::sharing::{Unpacker, pack};
use super::load::label;
use super::record::Unfit;
use super::{
    CellRecord, PlannedCell, RECORD_FORMAT, ResultsError, RunFile, RunFolder, RunPlan, Shown,
};
use crate::atomic;
use crate::regular_file;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The format of packed results.
pub const PACKED_FORMAT: u32 = 1;

/// The largest file that is read.
const LARGEST: u64 = 1 << 26;

/// The first line of packed results.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// [`PACKED_FORMAT`].
    packed_records: u32,
    /// How many there are, so that a file that was cut short is noticed.
    records: usize,
    /// Of a folder with `run.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
}

/// What the header has of `run.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    scenario: String,
    /// The latest plan, without its cells: these are the records, in their order.
    plan: RunPlan,
    /// What tables call rows, if that is not what the records say, or null for their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, Option<String>>,
}

/// Packed results that were read.
pub(super) struct Packed {
    run: Option<Run>,
    records: Vec<Result<CellRecord, ResultsError>>,
}

impl RunFolder {
    /// Packs the records that its tables show into a file, and returns their number.
    ///
    /// # Errors
    ///
    /// If a record cannot be read, the file cannot be written, or it is there and has something
    /// else in it.
    pub fn pack(&self, file: &Path) -> Result<usize, ResultsError> {
        let (records, _) = self.records(Shown::Current)?;
        let run = self.run_file()?;
        let texts = records.iter().map(|record| self.record_text(record));
        let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
        let run = run.and_then(|run| {
            let plan = run.latest().cloned()?;
            let labels = relabelled(&records, &texts);
            let scenario = run.scenario;
            Some(Run {
                scenario,
                plan,
                labels,
            })
        });
        let header = Header {
            packed_records: PACKED_FORMAT,
            records: records.len(),
            run: run.map(Run::portable),
        };
        let lines: Vec<&str> = texts
            .iter()
            .map(|text| text.trim_end_matches('\n'))
            .collect();
        let packed = pack(&lines).ok_or_else(|| ResultsError::NotPacked {
            dir: self.path().to_owned(),
        })?;
        let header = serde_json::to_string(&header).expect("plain data");
        let mut text = String::new();
        for line in [header].iter().chain(&packed) {
            text += line;
            text.push('\n');
        }
        // Whatever is there is replaced only if it can be made again.
        if file.exists() && RunFolder::new(file).packed().ok().flatten().is_none() {
            return Err(ResultsError::Occupied {
                path: file.to_owned(),
            });
        }
        atomic::write(file, text.as_bytes()).map_err(ResultsError::unwritten(file))?;
        Ok(records.len())
    }

    /// The bytes of a record that was read from here.
    fn record_text(&self, record: &CellRecord) -> Result<String, ResultsError> {
        if self.is_packed() {
            let dir = self.path().to_owned();
            return Err(ResultsError::NoCells { dir });
        }
        let path = self.record(&record.cell.id);
        fs::read_to_string(&path).map_err(|source| ResultsError::Io {
            action: "read",
            path,
            source,
        })
    }

    /// The results packed in this file; `None` if it is a folder, or nothing.
    ///
    /// # Errors
    ///
    /// If it is a file of something else. A damaged record is an error of its own.
    pub(super) fn packed(&self) -> Result<Option<Packed>, ResultsError> {
        if !self.is_packed() {
            return Ok(None);
        }
        let path = self.path();
        let bytes = regular_file::read(path, LARGEST).map_err(|source| ResultsError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let unreadable = |line: usize, reason: String| ResultsError::PackedLine {
            path: path.to_owned(),
            line,
            reason,
        };
        let format = |found: u64, supported: u32| {
            format!("it has format {found}, but this clbench reads format {supported}")
        };
        // A header of another format has other fields.
        let header = serde_json::from_str::<Value>(first).unwrap_or_default();
        match header["packed_records"].as_u64() {
            None => {
                let path = path.to_owned();
                return Err(ResultsError::NoResults { path });
            }
            Some(found) if found != u64::from(PACKED_FORMAT) => {
                return Err(unreadable(1, format(found, PACKED_FORMAT)));
            }
            Some(_) => {}
        }
        let header = Header::deserialize(header);
        let header = header.map_err(|error| unreadable(1, error.to_string()))?;
        let mut unpacker = Unpacker::default();
        let mut records = Vec::new();
        for (index, line) in lines.enumerate() {
            let record = match unpacker.line(line) {
                Ok(None) => continue,
                Ok(Some(text)) => CellRecord::parse((text + "\n").as_bytes()),
                Err(reason) => Err(Unfit::Damaged(reason.to_owned())),
            };
            records.push(record.map_err(|unfit| {
                let reason = match unfit {
                    Unfit::Damaged(reason) => reason,
                    Unfit::Format(found) => format(found, RECORD_FORMAT),
                };
                unreadable(index + 2, reason)
            }));
        }
        if records.len() != header.records {
            let (found, expected) = (records.len(), header.records);
            let reason = format!("it promises {expected} records, but {found} follow");
            return Err(unreadable(1, reason));
        }
        let run = header.run;
        if let Some(run) = &run {
            let labels = run.labels.iter();
            let labels = labels.map(|(row, label)| (row.as_str(), label.as_deref()));
            label(records.iter_mut().flatten(), &labels.collect());
        }
        Ok(Some(Packed { run, records }))
    }

    /// Whether this is a file, which can only be one of packed results.
    pub fn is_packed(&self) -> bool {
        self.path().is_file()
    }
}

impl Packed {
    /// The records, or why they cannot be read, in the order of the tables.
    pub(super) fn into_records(self) -> Vec<Result<CellRecord, ResultsError>> {
        self.records
    }

    /// `run.json` of a run that consists of these records.
    pub(super) fn into_run_file(self) -> Option<RunFile> {
        let Run {
            scenario, mut plan, ..
        } = self.run?;
        let cells = self.records.iter().flatten().map(|record| &record.cell);
        plan.cells = cells.map(PlannedCell::of).collect();
        let mut run = RunFile::new(&scenario);
        run.add(plan);
        Some(run)
    }
}

impl Run {
    /// The same without what only concerns the machine, or is in the records.
    fn portable(mut self) -> Self {
        let plan = &mut self.plan;
        plan.cells.clear();
        plan.selection = Default::default();
        for (_, plugin) in &mut plan.metrics {
            if let Some(name) = plugin.file.file_name() {
                plugin.file = name.into();
            }
        }
        self
    }
}

/// The labels of rows that tables show otherwise than records have them; `texts` are the records as
/// they are in their files.
fn relabelled(records: &[CellRecord], texts: &[String]) -> BTreeMap<String, Option<String>> {
    let changed = records.iter().zip(texts).filter_map(|(record, text)| {
        let strategy = &record.cell.strategy;
        let written: Value = serde_json::from_str(text).unwrap_or_default();
        let written = written["cell"]["strategy"]["label"].as_str();
        let label = strategy.label.clone();
        (written != label.as_deref()).then(|| (strategy.row.clone(), label))
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{as_run, plan, record};
    use super::super::{AccuracyMatrices, ClassCounts, PlanSelection, Scalar, load};
    use super::*;
    use crate::id::TaskId;
    use crate::plugin::{PluginId, PluginRef};
    use expect_test::expect;
    use harness_abi::Matrix;
    use std::slice;
    use tempfile::TempDir;

    /// A folder with four records, of which three are shown, and the file that it is packed into.
    fn packed() -> (TempDir, RunFolder, RunFolder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(dir.path().join("runs"));
        folder.create().unwrap();
        let record = |row: &str, seed| as_run(record("digits", row, seed, [90, 70]));
        let [head, ncm, again, old] =
            [("head", 1), ("ncm", 1), ("ncm", 2), ("old", 1)].map(|(row, seed)| record(row, seed));
        let mut plan = plan(
            PlanSelection::default(),
            &["digits"],
            &["ncm", "head"],
            &[1, 2],
            "",
        );
        for (cell, record) in plan.cells.iter_mut().zip([&ncm, &again, &head]) {
            cell.id = record.cell.id.clone();
        }
        plan.rank_by = Some("faa".into());
        plan.metrics = vec![(
            "faa".into(),
            PluginRef {
                file: "/home/somebody/libmetrics.so".into(),
                id: PluginId {
                    name: "metrics".into(),
                    version: "1".into(),
                    hash: "h".into(),
                },
            },
        )];
        folder.join("quick", &plan, "", &|| true).unwrap();
        for record in [&head, &ncm, &again, &old] {
            record
                .write_atomic(&folder.record(&record.cell.id))
                .unwrap();
        }
        let file = RunFolder::new(dir.path().join("quick.records"));
        assert_eq!(folder.pack(file.path()).unwrap(), 3);
        (dir, folder, file)
    }

    #[test]
    fn packed_results_are_read_like_their_folder() {
        let (_dir, folder, file) = packed();
        let read = |folder: &RunFolder| load(slice::from_ref(folder), Shown::Current).unwrap();
        let (before, after) = (read(&folder), read(&file));
        assert_eq!(after.records, before.records);
        assert_eq!((after.left_out.len(), after.records.len()), (0, 3));
        let (before, after) = (folder.run_file(), file.run_file());
        let (before, after) = (before.unwrap().unwrap(), after.unwrap().unwrap());
        assert_eq!(after.scenario, "quick");
        let (before, after) = (before.latest().unwrap(), after.latest().unwrap());
        assert_eq!(after.cells[..], before.cells[..3]);
        assert_eq!(after.rank_by, before.rank_by);
        // No path of the machine is in the file.
        assert_eq!(after.metrics[0].1.file, Path::new("libmetrics.so"));
        assert_eq!(after.metrics[0].1.id, before.metrics[0].1.id);
        let ids = || after.cells.iter().rev().map(|cell| cell.id.as_str());
        assert_eq!(
            file.records_of(ids()).unwrap(),
            folder.records_of(ids()).unwrap()
        );
        assert_eq!(file.every_record().unwrap().len(), 3);
        assert_eq!(
            load(&[folder, file], Shown::Current).unwrap().records.len(),
            3
        );
    }

    #[test]
    fn packing_again_gives_the_same_bytes_and_replaces_nothing_else() {
        let (dir, folder, file) = packed();
        let before = fs::read(file.path()).unwrap();
        assert_eq!(folder.pack(file.path()).unwrap(), 3);
        assert_eq!(fs::read(file.path()).unwrap(), before);
        let page = dir.path().join("quick.md");
        fs::write(&page, "# Quick\n").unwrap();
        let message = |error: ResultsError| {
            let path = dir.path().display().to_string();
            error.to_string().replace(&path, "DIR")
        };
        expect![
            "`DIR/quick.md` exists and is not a file of packed results; choose another with `--out`"
        ]
        .assert_eq(&message(folder.pack(&page).unwrap_err()));
        expect![[r#"
            `DIR/quick.md` is neither a run folder nor packed results; name a folder that `clbench run` wrote, such as `results/runs/<scenario>`, or a file that `clbench results pack` wrote"#]]
        .assert_eq(&message(RunFolder::new(&page).run_file().unwrap_err()));
    }

    /// A record of so many classes in ten tasks, with 50 test samples of each and a loss after each
    /// of 20 epochs. Its numbers are random.
    fn large(classes: u32, seed: u64, scores_unseen: bool) -> CellRecord {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64 ^ seed;
        let mut random = move |below: u64| {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            (bits >> 20) % below
        };
        let (tasks, of_task) = (10, classes / 10);
        let mut record = record("digits", "head", seed, [90, 70]);
        record.stream.classes = (0..classes).map(|class| format!("class {class}")).collect();
        record.stream.task_sizes = vec![of_task; tasks as usize];
        record.stream.domains[0].n_test = u64::from(classes) * 50;
        let counts = ClassCounts::new(vec![50; classes as usize], tasks as usize);
        let mut counts = counts.unwrap();
        let mut matrices = AccuracyMatrices::new(vec![u64::from(of_task) * 50; tasks as usize]);
        for candidates in Matrix::EACH {
            for after in matrices.rows() {
                let measured = |class: u32| {
                    let learned = class < after.0 * of_task;
                    match candidates {
                        Matrix::Seen => learned,
                        Matrix::All => scores_unseen || after.0 == tasks,
                        Matrix::Task => scores_unseen || learned,
                    }
                };
                let row = (0..classes).map(|class| measured(class).then(|| random(51)));
                let row: Vec<Option<u64>> = row.collect();
                for (task, of_task) in matrices.tasks().zip(row.chunks(of_task as usize)) {
                    let sum = of_task.iter().copied().sum::<Option<u64>>();
                    matrices.set(candidates, after, task, sum);
                }
                counts.set(candidates, after, row);
            }
        }
        record.matrices = matrices;
        record.classes = Some(counts);
        for task in (1..=tasks).map(TaskId) {
            for step in 1..=20 {
                let value = random(1 << 50) as f64 / (1_u64 << 50) as f64;
                let name = "loss".to_owned();
                record.scalars.push(Scalar {
                    name,
                    task,
                    step,
                    value,
                });
            }
        }
        as_run(record)
    }

    /// In bytes: the record's file, and what it takes in a packed file of many.
    fn sizes(classes: u32, scores_unseen: bool) -> [usize; 2] {
        let records = (0..10).map(|seed| large(classes, seed, scores_unseen).to_bytes());
        let texts: Vec<String> = records
            .map(|text| String::from_utf8(text).unwrap())
            .collect();
        let lines: Vec<&str> = texts.iter().map(|text| text.trim_end()).collect();
        let size = |lines: &[&str]| -> usize {
            let packed = pack(lines).unwrap();
            packed.iter().map(|line| line.len() + 1).sum()
        };
        let each = (size(&lines) - size(&lines[..5])) / 5;
        [texts[0].len(), each]
    }

    /// What the manual says of sizes.
    #[test]
    fn a_record_of_many_classes_stays_small() {
        let kilobytes = |classes, scores_unseen| -> [usize; 2] {
            sizes(classes, scores_unseen).map(|bytes| bytes.div_ceil(1000))
        };
        let found = [(100, false), (100, true), (1000, false), (1000, true)];
        let found = found.map(|(classes, scores_unseen)| kilobytes(classes, scores_unseen));
        assert_eq!(found, [[12, 9], [16, 13], [56, 39], [99, 83]]);
    }

    #[test]
    fn a_changed_line_is_an_error_of_its_own() {
        let (dir, _, file) = packed();
        let text = fs::read_to_string(file.path()).unwrap();
        let message = |text: &str| {
            fs::write(file.path(), text).unwrap();
            let records = file.every_record().unwrap().into_iter();
            let errors: Vec<String> = records
                .filter_map(|read| Some(read.err()?.to_string()))
                .collect();
            errors
                .join("\n")
                .replace(&dir.path().display().to_string(), "DIR")
                + "\n"
        };
        assert_eq!(message(&text), "\n");
        let changed = |from: &str, to: &str| {
            assert!(text.contains(from), "{text}");
            message(&text.replacen(from, to, 1))
        };
        // What one record has to itself, and what two share.
        expect![[r#"
            line 11 of `DIR/quick.records` cannot be read: its checksum does not match its content, so it was changed after it was written
            get the file again, pack its run folder again, or read it with the clbench that wrote it
        "#]].assert_eq(&changed("},2]", "},7]"));
        expect![[r#"
            line 10 of `DIR/quick.records` cannot be read: its checksum does not match its content, so it was changed after it was written
            get the file again, pack its run folder again, or read it with the clbench that wrote it
            line 11 of `DIR/quick.records` cannot be read: its checksum does not match its content, so it was changed after it was written
            get the file again, pack its run folder again, or read it with the clbench that wrote it
            line 13 of `DIR/quick.records` cannot be read: its checksum does not match its content, so it was changed after it was written
            get the file again, pack its run folder again, or read it with the clbench that wrote it
        "#]].assert_eq(&changed("[95,null]", "[96,null]"));
        let whole = |text: &str| {
            fs::write(file.path(), text).unwrap();
            let error = file.every_record().unwrap_err().to_string();
            error.replace(&dir.path().display().to_string(), "DIR") + "\n"
        };
        let (cut_short, _) = text.trim_end().rsplit_once('\n').unwrap();
        expect![[r#"
            line 1 of `DIR/quick.records` cannot be read: it promises 3 records, but 2 follow
            get the file again, pack its run folder again, or read it with the clbench that wrote it
        "#]]
        .assert_eq(&whole(cut_short));
        let newer = text.replacen("\"packed_records\":1", "\"packed_records\":2", 1);
        expect![[r#"
            line 1 of `DIR/quick.records` cannot be read: it has format 2, but this clbench reads format 1
            get the file again, pack its run folder again, or read it with the clbench that wrote it
        "#]].assert_eq(&whole(&newer));
    }
}
