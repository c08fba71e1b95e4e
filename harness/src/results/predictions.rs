//! The predictions of a cell, saved with `--save-predictions`.
//!
//! While the cell runs, each row of the matrix has a file of its own, so that a resumed cell keeps
//! the rows that it had. When all are there, they become one file.

use super::checkpoint::SavedRow;
use super::{AfterTask, ResultsError, RunFolder};
use crate::atomic::PendingFile;
use crate::id::{ClassId, TaskId};
use std::fs::{self, File};
use std::io::{self, Write};
use std::iter;
use std::path::PathBuf;

/// The predictions of a cell: its finished rows.
#[derive(Debug)]
pub struct Predictions {
    folder: RunFolder,
    cell: String,
    classes: usize,
    rows: Vec<SavedRow>,
}

/// Writes the predictions of one row: CSV lines of the row, the sample with its domain and task, its
/// class, and the logits of the classes in stream order.
#[derive(Debug)]
pub struct RowWriter<'a> {
    predictions: &'a mut Predictions,
    after: AfterTask,
    csv: csv::Writer<Hashed>,
    path: PathBuf,
}

/// A test sample that was predicted.
#[derive(Debug, Clone, Copy)]
pub struct Predicted<'a> {
    /// The name of its domain.
    pub domain: &'a str,
    /// Its task.
    pub task: TaskId,
    /// Its name in the domain.
    pub name: &'a str,
    /// Its class.
    pub class: ClassId,
}

/// A file, and the hash of what was written to it.
#[derive(Debug)]
struct Hashed {
    file: PendingFile,
    hasher: blake3::Hasher,
}

impl Predictions {
    /// No rows yet of the cell with this id, whose stream has this number of classes.
    pub fn new(folder: &RunFolder, cell: &str, classes: usize) -> Predictions {
        Predictions {
            folder: folder.clone(),
            cell: cell.to_owned(),
            classes,
            rows: Vec::new(),
        }
    }

    /// The finished rows.
    pub fn rows(&self) -> &[SavedRow] {
        &self.rows
    }

    /// Goes on after these rows, which an earlier process has saved.
    ///
    /// # Errors
    ///
    /// Why their files cannot be used, to follow "its predictions".
    pub fn resume(&mut self, rows: Vec<SavedRow>) -> Result<(), String> {
        for row in &rows {
            let path = self.folder.prediction_row(&self.cell, row.after);
            let mut hasher = blake3::Hasher::new();
            let hashed = File::open(&path).and_then(|file| {
                hasher.update_reader(file)?;
                Ok(hasher.finalize().to_hex())
            });
            match hashed {
                Ok(hash) if *hash == *row.hash => {}
                Ok(_) => return Err(format!("after task {} were changed", row.after)),
                Err(error) => {
                    return Err(format!("after task {} cannot be read: {error}", row.after));
                }
            }
        }
        self.rows = rows;
        Ok(())
    }

    /// Starts a row.
    ///
    /// # Errors
    ///
    /// If its file cannot be written.
    pub fn row(&mut self, after: AfterTask) -> Result<RowWriter<'_>, ResultsError> {
        let path = self.folder.prediction_row(&self.cell, after);
        let file = PendingFile::create(&path).map_err(ResultsError::unwritten(&path))?;
        let hashed = Hashed {
            file,
            hasher: blake3::Hasher::new(),
        };
        Ok(RowWriter {
            predictions: self,
            after,
            csv: csv::Writer::from_writer(hashed),
            path,
        })
    }

    /// Joins the rows into one file. Their own are still needed if the cell is killed now.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or written.
    pub fn join(&self) -> Result<(), ResultsError> {
        let whole = self.folder.predictions(&self.cell);
        let joined = self.join_into(PendingFile::create(&whole));
        joined.map_err(ResultsError::unwritten(&whole))
    }

    /// Deletes the files of the rows, once the cell has a record.
    pub fn remove_rows(&self) {
        self.folder.remove_prediction_rows(&self.cell, &self.rows);
    }

    fn join_into(&self, file: io::Result<PendingFile>) -> io::Result<()> {
        let header = ["after_task", "domain", "task", "sample", "class"].map(str::to_owned);
        let logits = (0..self.classes).map(|class| format!("logit_{class}"));
        let mut csv = csv::Writer::from_writer(file?);
        csv.write_record(header.into_iter().chain(logits))?;
        let mut file = csv.into_inner().map_err(|error| error.into_error())?;
        for row in &self.rows {
            let path = self.folder.prediction_row(&self.cell, row.after);
            io::copy(&mut File::open(path)?, &mut file)?;
        }
        file.commit()
    }
}

impl RunFolder {
    /// Deletes the files of these rows of a cell.
    pub fn remove_prediction_rows(&self, cell: &str, rows: &[SavedRow]) {
        for row in rows {
            let _ = fs::remove_file(self.prediction_row(cell, row.after));
        }
    }
}

impl RowWriter<'_> {
    /// Writes a prediction. Classes that the strategy cannot score yet have empty logits.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&mut self, sample: &Predicted<'_>, logits: &[f32]) -> Result<(), ResultsError> {
        let missing = self.predictions.classes - logits.len();
        let fields = [
            self.after.to_string(),
            sample.domain.to_owned(),
            sample.task.to_string(),
            sample.name.to_owned(),
            sample.class.to_string(),
        ];
        let fields = (fields.into_iter())
            .chain(logits.iter().map(f32::to_string))
            .chain(iter::repeat_n(String::new(), missing));
        let written = self.csv.write_record(fields).map_err(io::Error::from);
        written.map_err(ResultsError::unwritten(&self.path))
    }

    /// Completes the row.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn finish(self) -> Result<(), ResultsError> {
        let inner = self.csv.into_inner().map_err(|error| error.into_error());
        let hash = inner.and_then(|Hashed { file, hasher }| {
            file.commit()?;
            Ok(hasher.finalize().to_hex().to_string())
        });
        let hash = hash.map_err(ResultsError::unwritten(&self.path))?;
        let after = self.after;
        self.predictions.rows.push(SavedRow { after, hash });
        Ok(())
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
