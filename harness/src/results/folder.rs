//! A run folder: the place of everything that a run writes.
//!
//! ```text
//! run.json                        what the run consists of
//! plan.jsonl                      its cells, as `clbench plan --json` prints them
//! features.log, report.log        output of the processes that compute features and tables
//! cells/<id>.json                 the record of a cell
//! cells/<id>.log                  output of the cell's process
//! cells/<id>.predictions.csv      its predictions, if they are saved
//! accuracy.csv, metrics.csv, …    the tables
//! ```

use super::{CellRecord, ResultsError, RunFile};
use crate::atomic;
use crate::regular_file::{self, LARGEST_LIST};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A run folder, which need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The folder at this path.
    pub fn new(path: impl Into<PathBuf>) -> RunFolder {
        RunFolder(path.into())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Creates the folder, and that of its cells.
    ///
    /// # Errors
    ///
    /// If they cannot be created.
    pub fn create(&self) -> Result<(), ResultsError> {
        let cells = self.cells();
        fs::create_dir_all(&cells).map_err(ResultsError::unwritten(&cells))
    }

    /// The folder of the cells' files.
    pub fn cells(&self) -> PathBuf {
        self.0.join("cells")
    }

    /// The record of the cell with this id.
    pub fn record(&self, id: &str) -> PathBuf {
        self.of_cell(id, "json")
    }

    /// The log of the cell with this id.
    pub fn log(&self, id: &str) -> PathBuf {
        self.of_cell(id, "log")
    }

    /// The predictions of the cell with this id, if they are saved.
    pub fn predictions(&self, id: &str) -> PathBuf {
        self.of_cell(id, "predictions.csv")
    }

    /// The log of the processes that compute features.
    pub fn features_log(&self) -> PathBuf {
        self.0.join("features.log")
    }

    /// The log of the process that makes the tables.
    pub fn report_log(&self) -> PathBuf {
        self.0.join("report.log")
    }

    /// A table.
    pub fn table(&self, name: &str) -> PathBuf {
        self.0.join(name).with_extension("csv")
    }

    /// The folder's `run.json`, if it exists.
    ///
    /// # Errors
    ///
    /// If it exists and cannot be read.
    pub fn run_file(&self) -> Result<Option<RunFile>, ResultsError> {
        let path = self.run_json();
        match regular_file::read(&path, LARGEST_LIST) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(run) => Ok(Some(run)),
                Err(error) => Err(ResultsError::RunFile { path, error }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ResultsError::Io {
                action: "read",
                path,
                source,
            }),
        }
    }

    /// Writes `run.json`, and the run's cells to `plan.jsonl`, one per line.
    ///
    /// # Errors
    ///
    /// If the files cannot be written.
    pub fn write_plan(&self, run: &RunFile, lines: &str) -> Result<(), ResultsError> {
        let json = serde_json::to_string_pretty(run).expect("plain data") + "\n";
        for (path, text) in [
            (self.run_json(), &*json),
            (self.0.join("plan.jsonl"), lines),
        ] {
            atomic::write(&path, text.as_bytes()).map_err(ResultsError::unwritten(&path))?;
        }
        Ok(())
    }

    /// Reads the record of the cell with this id, if it exists.
    ///
    /// # Errors
    ///
    /// If it exists and cannot be read.
    pub fn read_record(&self, id: &str) -> Result<Option<CellRecord>, ResultsError> {
        let path = self.record(id);
        match path.exists() {
            true => CellRecord::read(&path).map(Some),
            false => Ok(None),
        }
    }

    fn run_json(&self) -> PathBuf {
        self.0.join("run.json")
    }

    fn of_cell(&self, id: &str, ending: &str) -> PathBuf {
        self.cells().join(format!("{id}.{ending}"))
    }
}
