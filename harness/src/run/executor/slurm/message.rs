//! What the user reads about a task that has ended without a result.

use super::client::Ending;
use crate::error::{Ending as ProcessEnding, Error};
use crate::exit_code::ExitCode;
use crate::run::LogEnd;
use std::fs;
use std::path::Path;

/// How many of the last lines of a task's log are shown.
const LINES: usize = 10;

/// For people: how a task has ended that did not complete.
pub(super) fn in_words(ending: &Ending) -> String {
    let why = match (&*ending.state, ending.status) {
        ("FAILED", Some(status)) => return format!("its task ended with exit status {status}"),
        ("FAILED", None) => {
            return "its task could not start or was killed, perhaps for its memory".into();
        }
        ("TIMEOUT", _) => "time limit",
        ("NODE_FAIL", _) => "the node failed",
        ("OUT_OF_MEMORY", _) => "out of memory",
        ("PREEMPTED", _) => "preempted",
        ("CANCELLED", _) => "cancelled",
        (other, _) => other,
    };
    format!("Slurm ended its task ({why})")
}

/// The error about a cell whose task failed, with the last lines of its log.
pub(super) fn failed(message: String, log: &Path, lines: Vec<String>) -> Error {
    Error::Child {
        message,
        code: ExitCode::Plugin,
        ending: match lines.is_empty() {
            true => ProcessEnding::Reported,
            false => ProcessEnding::Crashed,
        },
        log: Some(Box::new(LogEnd {
            path: Some(log.to_owned()),
            lines,
        })),
    }
}

/// Where a task's log is, and its last lines.
pub(super) fn end_of(log: &Path, lines: Vec<String>) -> String {
    LogEnd {
        path: Some(log.to_owned()),
        lines,
    }
    .to_string()
}

/// The error at the end of a task's log, or the last lines if there is none.
pub(super) fn last_lines(log: &Path) -> Vec<String> {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    let error = last.iter().rposition(|line| line.starts_with("error: "));
    let shown = &last[error.unwrap_or(0)..];
    shown.iter().map(|line| (*line).to_owned()).collect()
}
