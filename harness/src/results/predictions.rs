//! The predictions of a cell, saved with `--save-predictions`.

use super::{AfterTask, ResultsError};
use crate::atomic::PendingFile;
use crate::id::ClassId;
use std::path::{Path, PathBuf};
use std::{io, iter};

/// Writes a CSV file with the row of the matrix, the sample, its class, and the logits of the
/// classes in stream order.
#[derive(Debug)]
pub struct PredictionWriter {
    csv: csv::Writer<PendingFile>,
    path: PathBuf,
    classes: usize,
}

impl PredictionWriter {
    /// Creates a file that will appear at `path`, for a stream with this number of classes.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn create(path: &Path, classes: usize) -> Result<PredictionWriter, ResultsError> {
        let file = PendingFile::create(path).map_err(ResultsError::unwritten(path))?;
        let mut writer = PredictionWriter {
            csv: csv::Writer::from_writer(file),
            path: path.to_owned(),
            classes,
        };
        let header = ["after_task", "sample", "class"].map(str::to_owned);
        let logits = (0..classes).map(|class| format!("logit_{class}"));
        writer.record(header.into_iter().chain(logits))?;
        Ok(writer)
    }

    /// Writes a prediction. Classes that the strategy cannot score yet have empty logits.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(
        &mut self,
        after: AfterTask,
        sample: &str,
        class: ClassId,
        logits: &[f32],
    ) -> Result<(), ResultsError> {
        let fields = [after.to_string(), sample.to_owned(), class.to_string()];
        let missing = iter::repeat_n(String::new(), self.classes - logits.len());
        let logits = logits.iter().map(f32::to_string);
        self.record(fields.into_iter().chain(logits).chain(missing))
    }

    /// Completes the file and moves it to its path.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn finish(self) -> Result<(), ResultsError> {
        let unwritten = ResultsError::unwritten(&self.path);
        let file = self.csv.into_inner().map_err(|error| error.into_error());
        file.and_then(PendingFile::commit).map_err(unwritten)
    }

    fn record(&mut self, fields: impl Iterator<Item = String>) -> Result<(), ResultsError> {
        let written = self.csv.write_record(fields).map_err(io::Error::from);
        written.map_err(ResultsError::unwritten(&self.path))
    }
}
