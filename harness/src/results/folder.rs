//! A run folder: the place of everything that a run writes.
//!
//! ```text
//! run.json                        what the runs consist of
//! plan.jsonl                      the cells of the latest, as `clbench plan --json` prints them
//! features.log, report.log        output of the processes that compute features and tables
//! cells/<id>.json                 the record of a cell
//! cells/<id>.stale                an older record, made by another plugin file or from other images
//! cells/<id>.log                  output of the cell's process
//! cells/<id>.predictions.csv      its predictions, if they are saved
//! cells/<id>.predictions-<t>.csv  those of one row of the matrix, until all rows are there
//! cells/<id>.checkpoint           the cell between two tasks, until it has a record
//! cells/<id>.checkpoint.stale     a checkpoint that could not be used
//! cells/<id>.failed               why the cell failed
//! accuracy.csv, metrics.csv, …    the tables
//! slurm/                          what was submitted to Slurm
//! ```
//!
//! [Packed results](super::packed) are one file that is read like such a folder.
//!
//! While runs are active, there are [claims](crate::claim) too: `run-….claim` for each run,
//! `cells/<id>.claim` for each cell that is being computed, and, for moments, `run.json.claim`.

use super::{AfterTask, CellRecord, ResultsError, RunFile};
use crate::claim::Claims;
use crate::regular_file::{self, LARGEST_LIST};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A run folder, which need not exist yet; or a file with the packed results of one, which can be
/// read like the folder.
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

    /// The predictions of one row of its matrix, until all rows are there.
    pub(super) fn prediction_row(&self, id: &str, after: AfterTask) -> PathBuf {
        self.of_cell(id, &format!("predictions-{after}.csv"))
    }

    /// The checkpoint of the cell with this id.
    pub fn checkpoint(&self, id: &str) -> PathBuf {
        self.of_cell(id, "checkpoint")
    }

    /// Renames the checkpoint of a cell, so that it is not used again but can be looked at.
    pub fn set_checkpoint_aside(&self, id: &str) {
        let _ = fs::rename(self.checkpoint(id), self.of_cell(id, "checkpoint.stale"));
    }

    /// Deletes what a cell leaves between its tasks, once it has a record.
    pub fn remove_checkpoint(&self, id: &str) {
        let _ = fs::remove_file(self.checkpoint(id));
    }

    /// Why the cell with this id failed.
    pub(super) fn failed(&self, id: &str) -> PathBuf {
        self.of_cell(id, "failed")
    }

    /// The log of the processes that compute features.
    pub fn features_log(&self) -> PathBuf {
        self.0.join("features.log")
    }

    /// The log of the process that makes the tables.
    pub fn report_log(&self) -> PathBuf {
        self.0.join("report.log")
    }

    /// A table. Those of packed results `x.records` are beside them, `x.accuracy.csv`.
    pub fn table(&self, name: &str) -> PathBuf {
        match self.is_packed() {
            true => self.0.with_extension(format!("{name}.csv")),
            false => self.0.join(name).with_extension("csv"),
        }
    }

    /// The claims of runs, and of the files that they share.
    pub(super) fn claims(&self) -> Claims {
        Claims::new(&self.0)
    }

    /// The claims of cells, by id.
    pub fn cell_claims(&self) -> Claims {
        Claims::new(self.cells())
    }

    /// The folder's `run.json`, if it exists.
    ///
    /// # Errors
    ///
    /// If it exists and cannot be read.
    pub fn run_file(&self) -> Result<Option<RunFile>, ResultsError> {
        if let Some(packed) = self.packed()? {
            return Ok(packed.into_run_file());
        }
        let path = self.run_json();
        match regular_file::read(&path, LARGEST_LIST) {
            Ok(bytes) => match RunFile::parse(&bytes) {
                Ok(run) => Ok(Some(run)),
                Err(reason) => Err(ResultsError::RunFile { path, reason }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ResultsError::Io {
                action: "read",
                path,
                source,
            }),
        }
    }

    /// Renames the record of a cell to `<id>.stale`, so that it is not shown any more. If another
    /// run does the same at this moment, nothing is left to do.
    pub fn set_aside(&self, id: &str) {
        let _ = fs::rename(self.record(id), self.of_cell(id, "stale"));
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

    pub(super) fn run_json(&self) -> PathBuf {
        self.0.join("run.json")
    }

    /// The cells of the latest run, one per line, as `clbench plan --json` prints them.
    pub fn plan_lines(&self) -> PathBuf {
        self.0.join("plan.jsonl")
    }

    fn of_cell(&self, id: &str, ending: &str) -> PathBuf {
        self.cells().join(format!("{id}.{ending}"))
    }
}
