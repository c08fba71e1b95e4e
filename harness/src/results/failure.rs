//! The record of a failed cell, so that running the scenario again does not repeat a failure that
//! nothing has changed about.
//!
//! It is a file beside the cell's record. It counts for the cell with the same plugin files and
//! images; anything else that might help (more memory, a free disk, another machine) is the
//! user's to say, with `--retry-failed`.

use super::{Cell, ResultsError, RunFolder};
use crate::atomic;
use crate::regular_file;
use crate::scenario::{LimitExceeded, Limits};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;

const FORMAT: u32 = 1;

/// The longest file that is read.
const LONGEST: u64 = 16 << 20;

/// Why a cell failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    format: u32,
    /// The cell that failed.
    pub cell: Cell,
    /// The digest of its images.
    pub content_digest: String,
    /// What ended it.
    pub cause: Cause,
    /// What the user was told.
    pub message: String,
    /// The last lines of its log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// What ended a failed cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// An error or crash of a plugin, or a parameter.
    Plugin,
    /// A limit on what it may use.
    Limit(LimitExceeded),
}

impl Failure {
    /// The failure of this cell, on images with this digest.
    pub fn new(
        cell: &Cell,
        content_digest: &str,
        cause: Cause,
        message: String,
        log: &[String],
    ) -> Failure {
        Failure {
            format: FORMAT,
            cell: cell.clone(),
            content_digest: content_digest.to_owned(),
            cause,
            message,
            log: log.to_vec(),
        }
    }

    /// Whether it is the failure of this cell on images with this digest, and these limits would
    /// not prevent it.
    pub fn counts(&self, cell: &Cell, content_digest: &str, limits: Limits) -> bool {
        let repeated = match self.cause {
            Cause::Plugin => true,
            Cause::Limit(exceeded) => !exceeded.is_raised_by(limits),
        };
        repeated && self.cell == *cell && self.content_digest == content_digest
    }
}

impl RunFolder {
    /// The failure of the cell with this id, if one is recorded and readable.
    pub fn failure(&self, id: &str) -> Option<Failure> {
        let bytes = regular_file::read(&self.failed(id), LONGEST).ok()?;
        let failure: Failure = serde_json::from_slice(&bytes).ok()?;
        (failure.format == FORMAT).then_some(failure)
    }

    /// Records a failure.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn keep_failure(&self, failure: &Failure) -> Result<(), ResultsError> {
        let path = self.failed(&failure.cell.id);
        let mut text = serde_json::to_vec(failure).expect("plain data");
        text.push(b'\n');
        atomic::write(&path, &text).map_err(ResultsError::unwritten(&path))
    }

    /// Forgets the failure of the cell with this id, if one is recorded.
    ///
    /// # Errors
    ///
    /// If the file exists and cannot be deleted.
    pub fn forget_failure(&self, id: &str) -> Result<(), ResultsError> {
        let path = self.failed(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ResultsError::unwritten(&path)(error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::record;
    use super::*;

    #[test]
    fn a_failure_counts_for_the_same_cell_and_images() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(dir.path());
        let cell = record("digits", "ncm", 1992, [90, 70]).cell;
        let time = |text: &str| Limits {
            time: Some(text.parse().unwrap()),
            memory: None,
        };
        let exceeded = LimitExceeded::Time {
            limit: "60s".parse().unwrap(),
        };
        let (cause, log) = (Cause::Limit(exceeded), ["epoch 7".to_owned()]);
        let failure = Failure::new(&cell, "d1", cause, "too slow".into(), &log);
        folder.keep_failure(&failure).unwrap();
        assert_eq!(folder.failure(&cell.id), Some(failure.clone()));
        let counts = |digest, limit| failure.counts(&cell, digest, time(limit));
        assert!(counts("d1", "60s") && counts("d1", "9s") && !counts("d2", "60s"));
        // A higher limit may help.
        assert!(!counts("d1", "61s") && !failure.counts(&cell, "d1", Limits::default()));
        let mut other = cell.clone();
        other.strategy.plugin.hash = "another file".into();
        assert!(!failure.counts(&other, "d1", time("60s")));
        folder.forget_failure(&cell.id).unwrap();
        folder.forget_failure(&cell.id).unwrap();
        assert_eq!(folder.failure(&cell.id), None);
    }
}
