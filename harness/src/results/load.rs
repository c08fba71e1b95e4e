//! Loads the records of run folders.

use super::{CellRecord, ResultsError, RunFile, RunFolder};
use crate::parallel;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::{fs, io};

/// Which records of a run folder to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Those of the folder's current plans; of a folder without `run.json`, all.
    Current,
    /// All, also those of earlier versions of the scenario.
    All,
}

/// The records of run folders.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The records that are shown.
    pub records: Vec<CellRecord>,
    /// The folders with records that are not shown, and how many these are.
    pub left_out: Vec<(PathBuf, usize)>,
}

/// The records of run folders, folder by folder.
///
/// Those of a folder's current plans come first, in the order of [`RunFile::current`]; all others
/// are ordered by scenario, stream, strategy row, backbones and seed. If two folders have the same
/// record of a cell, it is returned once. Rows are labelled as a folder's current plans say, so a
/// change of a label needs no new record.
///
/// # Errors
///
/// If a folder has no records to show, or a record cannot be read.
///
/// [`RunFile::current`]: super::RunFile::current
pub fn load(folders: &[RunFolder], shown: Shown) -> Result<Loaded, ResultsError> {
    let mut records: Vec<CellRecord> = Vec::new();
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
    let mut left_out = Vec::new();
    for folder in folders {
        let (found, hidden) = folder.records(shown)?;
        if hidden > 0 {
            left_out.push((folder.path().to_owned(), hidden));
        }
        for record in found {
            let twins = by_id.entry(record.cell.id.clone()).or_default();
            let same = |twin: &CellRecord| {
                let mut twin = twin.clone();
                twin.cell.strategy.label = record.cell.strategy.label.clone();
                twin.same_result(&record)
            };
            if !twins.iter().any(|&twin| same(&records[twin])) {
                twins.push(records.len());
                records.push(record);
            }
        }
    }
    Ok(Loaded { records, left_out })
}

impl RunFolder {
    /// The records of these cells, in this order. Cells that failed, or have not been run yet, have
    /// none.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub fn records_of<'a>(
        &self,
        ids: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<CellRecord>, ResultsError> {
        self.each_of(ids)?.into_iter().collect()
    }

    /// The records of these cells that can be read, in this order, and how many cannot.
    pub fn readable_records_of<'a>(
        &self,
        ids: impl Iterator<Item = &'a str>,
    ) -> (Vec<CellRecord>, usize) {
        let read = self.each_of(ids).unwrap_or_default();
        let total = read.len();
        let records: Vec<CellRecord> = read.into_iter().flatten().collect();
        let unreadable = total - records.len();
        (records, unreadable)
    }

    /// The existing records of these cells, in this order.
    fn each_of<'a>(
        &self,
        ids: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<Result<CellRecord, ResultsError>>, ResultsError> {
        let Some(packed) = self.packed()? else {
            let mut read = read_each(&self.existing(ids));
            // Whatever is wrong with `run.json` is for those to say who need more of it.
            if let Ok(Some(run)) = self.run_file() {
                label(read.iter_mut().flatten(), &run.labels());
            }
            return Ok(read);
        };
        let records = packed.into_records().into_iter().flatten();
        let mut records: HashMap<String, CellRecord> = records
            .map(|record| (record.cell.id.clone(), record))
            .collect();
        Ok(ids.filter_map(|id| records.remove(id).map(Ok)).collect())
    }

    /// Every record of the folder, in the order of their ids, or why it cannot be read.
    ///
    /// # Errors
    ///
    /// If the folder has no records, or cannot be read.
    pub fn every_record(&self) -> Result<Vec<Result<CellRecord, ResultsError>>, ResultsError> {
        if let Some(packed) = self.packed()? {
            return Ok(packed.into_records());
        }
        let paths = self.record_paths()?;
        if paths.is_empty() {
            let dir = self.path().to_owned();
            return Err(ResultsError::NoCells { dir });
        }
        Ok(read_each(&paths))
    }

    /// The records to show, and the number of the others; see [`load`].
    pub(super) fn records(&self, shown: Shown) -> Result<(Vec<CellRecord>, usize), ResultsError> {
        if let Some(packed) = self.packed()? {
            let records: Result<_, _> = packed.into_records().into_iter().collect();
            return Ok((records?, 0));
        }
        let all = self.record_paths()?;
        let dir = || self.path().to_owned();
        if all.is_empty() {
            return Err(ResultsError::NoCells { dir: dir() });
        }
        let run = self.run_file()?;
        let labels = run.as_ref().map(RunFile::labels).unwrap_or_default();
        let (current, others) = match &run {
            None => (Vec::new(), all),
            Some(run) => {
                let current = self.existing(run.current().iter().map(|cell| cell.id.as_str()));
                let known: HashSet<&PathBuf> = current.iter().collect();
                let others = all.into_iter().filter(|path| !known.contains(path));
                let others: Vec<PathBuf> = others.collect();
                if shown == Shown::Current {
                    if current.is_empty() {
                        let others = others.len();
                        return Err(ResultsError::NoneCurrent { dir: dir(), others });
                    }
                    let records: Result<Vec<_>, _> = read_each(&current).into_iter().collect();
                    let mut records = records?;
                    label(&mut records, &labels);
                    return Ok((records, others.len()));
                }
                (current, others)
            }
        };
        let read = |paths: &[PathBuf]| -> Result<Vec<CellRecord>, ResultsError> {
            read_each(paths).into_iter().collect()
        };
        let (mut records, mut others) = (read(&current)?, read(&others)?);
        others.sort_by(|a, b| order(a).cmp(&order(b)));
        records.extend(others);
        label(&mut records, &labels);
        Ok((records, 0))
    }

    /// The existing records of these cells.
    fn existing<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
        let paths = ids.map(|id| self.record(id));
        paths.filter(|path| path.exists()).collect()
    }

    /// The existing record files. Temporary files have another extension.
    fn record_paths(&self) -> Result<Vec<PathBuf>, ResultsError> {
        let cells = self.cells();
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ResultsError::NoCells {
                dir: self.path().to_owned(),
            },
            _ => ResultsError::Io {
                action: "read",
                path: cells.clone(),
                source,
            },
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(&cells).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|ending| ending == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// Gives the rows of records their labels; a row that is not listed keeps its own.
pub(super) fn label<'a>(
    records: impl IntoIterator<Item = &'a mut CellRecord>,
    labels: &BTreeMap<&str, Option<&str>>,
) {
    for record in records {
        let strategy = &mut record.cell.strategy;
        if let Some(label) = labels.get(&*strategy.row) {
            strategy.label = label.map(str::to_owned);
        }
    }
}

fn read_each(paths: &[PathBuf]) -> Vec<Result<CellRecord, ResultsError>> {
    parallel::map(paths, |path| CellRecord::read(path))
}

fn order(record: &CellRecord) -> impl Ord + '_ {
    let cell = &record.cell;
    let backbones: Vec<&str> = cell.backbones.iter().map(|b| b.name.as_str()).collect();
    (
        &cell.scenario,
        &cell.stream.name,
        &cell.strategy.row,
        backbones,
        cell.seed,
        &cell.id,
    )
}

#[cfg(test)]
mod tests {
    use super::super::PlanSelection;
    use super::super::fixture::{as_run, plan, record};
    use super::*;
    use std::path::Path;

    fn write(dir: &Path, record: &CellRecord) {
        let path = RunFolder::new(dir).record(&record.cell.id);
        record.write_atomic(&path).unwrap();
    }

    fn rows(records: &[CellRecord]) -> Vec<(&str, u64)> {
        let rows = records.iter();
        rows.map(|r| (r.cell.strategy.row.as_str(), r.cell.seed.0))
            .collect()
    }

    #[test]
    fn folders_are_joined_and_a_cell_in_both_is_returned_once() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let record = |row, seed, last| as_run(record("digits", row, seed, last));
        let shared = record("ncm", 2, [90, 70]);
        let mut elsewhere = shared.clone();
        elsewhere.costs.wall_seconds.total += 1.0;
        write(one.path(), &shared);
        write(one.path(), &record("ncm", 10, [90, 71]));
        write(two.path(), &elsewhere);
        write(two.path(), &record("head", 2, [60, 10]));
        std::fs::write(one.path().join("cells/.tmpX"), "half").unwrap();

        let folders = [one.path(), two.path()].map(RunFolder::new);
        let loaded = load(&folders, Shown::Current).unwrap().records;
        assert_eq!(rows(&loaded), [("ncm", 2), ("ncm", 10), ("head", 2)]);
        assert!(loaded[0].same_result(&shared) && loaded[0].costs == shared.costs);
    }

    #[test]
    fn the_current_plans_are_shown_and_the_rest_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(dir.path());
        let [a, b, failed, old] =
            ["b", "a", "failed", "old"].map(|row| as_run(record("digits", row, 1, [90, 70])));
        for record in [&a, &b, &old] {
            write(dir.path(), record);
        }
        let mut plan = plan(
            PlanSelection::default(),
            &["digits"],
            &["b", "failed", "a"],
            &[1],
            "",
        );
        for (cell, record) in plan.cells.iter_mut().zip([&a, &failed, &b]) {
            cell.id = record.cell.id.clone();
        }
        folder.join("quick", &plan, "", &|| true).unwrap();
        let folders = [folder.clone()];
        let current = load(&folders, Shown::Current).unwrap();
        assert_eq!(rows(&current.records), [("b", 1), ("a", 1)]);
        assert_eq!(current.left_out, [(dir.path().to_owned(), 1)]);
        let all = load(&folders, Shown::All).unwrap();
        assert_eq!(rows(&all.records), [("b", 1), ("a", 1), ("old", 1)]);
        assert_eq!(all.left_out, []);
        let ids = || [&old, &failed, &a].map(|record| record.cell.id.clone());
        let of = folder.records_of(ids().iter().map(String::as_str));
        assert_eq!(rows(&of.unwrap()), [("old", 1), ("b", 1)]);

        // A damaged record is an error only if it is shown.
        std::fs::write(folder.record(&old.cell.id), "unreadable").unwrap();
        assert!(load(&folders, Shown::Current).is_ok() && load(&folders, Shown::All).is_err());
        let (readable, unreadable) = folder.readable_records_of(ids().iter().map(String::as_str));
        assert_eq!((rows(&readable), unreadable), (vec![("b", 1)], 1));

        // Nothing of the current plan has been run yet.
        plan.cells.truncate(1);
        plan.cells[0].id = failed.cell.id.clone();
        folder.join("quick", &plan, "", &|| true).unwrap();
        assert_eq!(
            load(&folders, Shown::Current).unwrap_err().to_string(),
            format!(
                "`{}` has no results of its current plan yet, but 3 of earlier plans; `--all` shows them",
                dir.path().display()
            )
        );
    }

    #[test]
    fn rows_have_the_labels_of_the_current_plan_also_once_packed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(dir.path().join("runs"));
        folder.create().unwrap();
        let labelled = |row, label: Option<&str>| {
            let mut record = as_run(record("digits", row, 1, [90, 70]));
            record.cell.strategy.label = label.map(str::to_owned);
            record
        };
        let records = [
            labelled("a", None),
            labelled("b", Some("B (as it was)")),
            labelled("c", Some("C")),
        ];
        let selection = PlanSelection::default();
        let mut plan = plan(selection, &["digits"], &["a", "b", "c"], &[1], "");
        for (cell, record) in plan.cells.iter_mut().zip(&records) {
            cell.id = record.cell.id.clone();
            write(folder.path(), record);
        }
        plan.cells[0].label = Some("A (ours)".into());
        plan.cells[2].label = Some("C".into());
        folder.join("quick", &plan, "", &|| true).unwrap();
        let expected = [Some("A (ours)"), None, Some("C")];
        let labels = |records: &[CellRecord]| -> Vec<Option<String>> {
            let labels = records.iter().map(|r| r.cell.strategy.label.clone());
            labels.collect()
        };
        let file = RunFolder::new(dir.path().join("quick.records"));
        folder.pack(file.path()).unwrap();
        for from in [&folder, &file] {
            for shown in [Shown::Current, Shown::All] {
                let loaded = load(std::slice::from_ref(from), shown).unwrap();
                assert_eq!(
                    labels(&loaded.records),
                    expected.map(|l| l.map(str::to_owned))
                );
            }
            let ids = records.iter().map(|record| record.cell.id.as_str());
            let of = from.records_of(ids).unwrap();
            assert_eq!(labels(&of), expected.map(|l| l.map(str::to_owned)));
            let run = from.run_file().unwrap().unwrap();
            assert_eq!(run.labels()["a"], Some("A (ours)"));
            assert_eq!(run.labels()["b"], None);
        }
        // A cell is loaded once, however two folders label it.
        plan.cells[0].label = None;
        folder.join("quick", &plan, "", &|| true).unwrap();
        assert_eq!(
            load(&[file, folder], Shown::Current).unwrap().records.len(),
            3
        );
    }

    #[test]
    fn a_folder_without_cells_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let message = load(&[RunFolder::new(dir.path())], Shown::Current);
        let message = message.unwrap_err().to_string();
        assert_eq!(
            message,
            format!(
                "no cell records found in `{}` (expected `cells/<id>.json`)\nname a folder that `clbench run` wrote, such as \
                 `results/runs/<scenario>`",
                dir.path().display()
            )
        );
    }
}
