//! What a run folder has of a cell: a record that still counts, a failure that would only be
//! repeated, or neither.

use super::{Job, PlannedContents};
use crate::claim::Attempt;
use crate::domain::ContentDigest;
use crate::error::Error;
use crate::results::{CellRecord, CodeDifference, Failure, ResultsError, RunFolder};

/// The state of a cell in the run folder.
pub(super) enum Found {
    Done,
    Missing,
    /// Its record is current, but something else is wanted too.
    Lacking(&'static str),
    Stale(&'static str),
}

/// A cell's record, whatever images it was made from.
pub(super) enum Recorded {
    Whole(Box<CellRecord>),
    Lacking(&'static str),
    Not,
    Stale(&'static str),
}

/// Whether the run folder has the cell's record, intact and current.
///
/// # Errors
///
/// If the images cannot be compared with those of the record.
pub(super) fn has_result(
    folder: &RunFolder,
    job: &Job,
    contents: &PlannedContents<'_>,
) -> Result<bool, Error> {
    Ok(matches!(found(folder, job, contents)?, Found::Done))
}

/// The failure of a cell in an earlier run, if running it again would only repeat it.
pub(super) fn failure(
    folder: &RunFolder,
    job: &Job,
    contents: &PlannedContents<'_>,
) -> Result<Option<Failure>, Error> {
    // Another run may have made a record since.
    let Some(failure) = folder.failure(&job.cell.id) else {
        return Ok(None);
    };
    let counts = failure.counts(&job.cell, &contents.joined(job)?, job.limits)
        && !folder.record(&job.cell.id).exists();
    Ok(counts.then_some(failure))
}

/// Whether a cell's record exists, is intact, and was made from the same images by the same plugin
/// files.
pub(super) fn found(
    folder: &RunFolder,
    job: &Job,
    contents: &PlannedContents<'_>,
) -> Result<Found, Error> {
    match recorded(folder, job) {
        Recorded::Whole(record) => {
            let now = contents.of(job)?;
            let then = record.stream.domains.iter();
            let then = then.map(|domain| &*domain.content_digest);
            match then.eq(now.iter().map(ContentDigest::as_str)) {
                true => Ok(Found::Done),
                false => Ok(Found::Stale("its record was made from other images")),
            }
        }
        Recorded::Not => Ok(Found::Missing),
        Recorded::Lacking(what) => Ok(Found::Lacking(what)),
        Recorded::Stale(why) => Ok(Found::Stale(why)),
    }
}

/// Reads a cell's record.
pub(super) fn recorded(folder: &RunFolder, job: &Job) -> Recorded {
    let cell = &job.cell;
    let record = match folder.read_record(&cell.id) {
        Ok(Some(record)) => record,
        Ok(None) => return Recorded::Not,
        Err(ResultsError::Format { .. }) => {
            return Recorded::Stale("its record has a different format");
        }
        Err(_) => return Recorded::Stale("its record is damaged or was changed"),
    };
    match cell.code().difference(&record.cell.code()) {
        Some(CodeDifference::Plugin) => {
            return Recorded::Stale("its record was made by a different plugin file");
        }
        Some(CodeDifference::Sources) => {
            return Recorded::Stale("its record was made by another version of its code");
        }
        None => {}
    }
    if job.save_predictions && !folder.predictions(&cell.id).exists() {
        return Recorded::Lacking("its predictions were not saved");
    }
    if job.confusion && record.confusion.is_none() {
        return Recorded::Lacking("its record has no confusion matrix");
    }
    Recorded::Whole(Box::new(record))
}

/// Puts a stale record out of the way, so that tables do not show it even if the cell cannot be run
/// now. If another run is making a new one at this moment, that will replace it.
pub(super) fn set_aside(folder: &RunFolder, job: &Job, contents: &PlannedContents<'_>) {
    let id = &job.cell.id;
    if let Ok(Attempt::Ours(_claim)) = folder.cell_claims().attempt(id)
        && let Ok(Found::Stale(_)) = found(folder, job, contents)
    {
        folder.set_aside(id);
    }
}

/// Remembers the failure of a cell, if running it again would only repeat it. If it cannot be
/// remembered, it will be repeated.
pub(super) fn keep_failure(
    job: &Job,
    folder: &RunFolder,
    contents: &PlannedContents<'_>,
    error: &Error,
) {
    if let Some(cause) = error.lasting()
        && let Ok(digest) = contents.joined(job)
    {
        let (message, log) = error.apart_from_log();
        let lines = log.map_or(&[][..], |log| &log.lines);
        let failure = Failure::new(&job.cell, &digest, cause, message, lines);
        let _ = folder.keep_failure(&failure);
    }
}
