//! Loads the records of run folders.

use super::{CellRecord, ResultsError, RunFolder};
use std::collections::HashMap;
use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};
use std::{fs, io, panic};

/// The records of run folders, folder by folder.
///
/// A folder's `run.json` lists its cells in order; records that an earlier version of the scenario
/// left there are not read. Without `run.json`, all records of the folder are read, ordered by
/// scenario, stream, strategy row, backbones and seed. If two folders have the same record of a
/// cell, it is returned once.
///
/// # Errors
///
/// If a folder has no records, or a record cannot be read.
pub fn load(folders: &[RunFolder]) -> Result<Vec<CellRecord>, ResultsError> {
    let mut records: Vec<CellRecord> = Vec::new();
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
    for folder in folders {
        for record in folder.records()? {
            let twins = by_id.entry(record.cell.id.clone()).or_default();
            if !twins.iter().any(|&twin| records[twin].same_result(&record)) {
                twins.push(records.len());
                records.push(record);
            }
        }
    }
    Ok(records)
}

impl RunFolder {
    /// The records of the folder's cells, in the order of its `run.json`; see [`load`]. Cells that
    /// failed, or have not been run yet, have none.
    ///
    /// # Errors
    ///
    /// [`ResultsError::NoCells`] if the folder has no records, or another error if one cannot be
    /// read.
    pub fn records(&self) -> Result<Vec<CellRecord>, ResultsError> {
        let run = self.run_file()?;
        let paths: Vec<PathBuf> = match &run {
            Some(run) => {
                let paths = run.cells.iter().map(|id| self.record(id));
                paths.filter(|path| path.exists()).collect()
            }
            None => self.record_paths()?,
        };
        if paths.is_empty() {
            return Err(self.no_cells());
        }
        let mut records = read_all(&paths)?;
        if run.is_none() {
            records.sort_by(|a, b| order(a).cmp(&order(b)));
        }
        Ok(records)
    }

    /// The existing record files. Temporary files have another extension.
    fn record_paths(&self) -> Result<Vec<PathBuf>, ResultsError> {
        let cells = self.cells();
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => self.no_cells(),
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

    fn no_cells(&self) -> ResultsError {
        ResultsError::NoCells {
            dir: self.path().to_owned(),
        }
    }
}

/// Reads records on several threads. The reported error is always the first in the order of the
/// paths.
fn read_all(paths: &[PathBuf]) -> Result<Vec<CellRecord>, ResultsError> {
    let threads = thread::available_parallelism().map_or(1, |n| n.get().min(8));
    let chunk = paths.len().div_ceil(threads).max(1);
    type Chunk = Result<Vec<CellRecord>, ResultsError>;
    let chunks: Vec<Chunk> = thread::scope(|scope| {
        let read = |paths: &[PathBuf]| paths.iter().map(|path| CellRecord::read(path)).collect();
        let chunks = paths.chunks(chunk);
        let readers: Vec<ScopedJoinHandle<'_, Chunk>> = chunks
            .map(|paths| scope.spawn(move || read(paths)))
            .collect();
        let join = |reader: ScopedJoinHandle<'_, Chunk>| {
            reader
                .join()
                .unwrap_or_else(|panic| panic::resume_unwind(panic))
        };
        readers.into_iter().map(join).collect()
    });
    let mut records = Vec::with_capacity(paths.len());
    for chunk in chunks {
        records.extend(chunk?);
    }
    Ok(records)
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
    use super::super::RunFile;
    use super::super::fixture::{as_run, record};
    use super::*;
    use crate::id::Seed;
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
        let loaded = load(&folders).unwrap();
        assert_eq!(rows(&loaded), [("ncm", 2), ("ncm", 10), ("head", 2)]);
        assert!(loaded[0].same_result(&shared) && loaded[0].costs == shared.costs);
    }

    #[test]
    fn run_json_lists_the_cells_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(dir.path());
        let record = |row| as_run(record("digits", row, 1, [90, 70]));
        let [a, b, failed] = ["b", "a", "failed"].map(record);
        write(dir.path(), &a);
        write(dir.path(), &b);
        std::fs::write(folder.record("from-an-earlier-plan"), "unreadable").unwrap();
        let run = RunFile {
            format: 2,
            scenario: "quick".into(),
            description: None,
            domains: vec!["digits".into()],
            seeds: vec![Seed(1)],
            strategies: vec!["b".into(), "a".into(), "failed".into()],
            metrics: Vec::new(),
            rank_by: None,
            columns: None,
            cells: [&a, &failed, &b].map(|r| r.cell.id.clone()).to_vec(),
        };
        folder.write_plan(&run, "").unwrap();
        assert_eq!(rows(&folder.records().unwrap()), [("b", 1), ("a", 1)]);
        assert_eq!(folder.run_file().unwrap(), Some(run));
    }

    #[test]
    fn a_folder_without_cells_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let message = load(&[RunFolder::new(dir.path())]).unwrap_err().to_string();
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
