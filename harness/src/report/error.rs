//! What can go wrong between the cells' records and the tables.

use crate::id::Seed;
use std::path::{Path, PathBuf};

/// An error while records are read, metrics computed, or tables written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum ReportError {
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "cell record `{}` is damaged: {reason}\ndelete the file and run the scenario again: only this cell is computed anew",
        path.display()
    )]
    Damaged { path: PathBuf, reason: String },
    #[error(
        "cell record `{}` has format {found}, and this clbench reads format {supported}\nread it with the clbench that wrote it, or \
         delete the file and run the scenario again",
        path.display()
    )]
    Format {
        path: PathBuf,
        found: u64,
        supported: u32,
    },
    #[error(
        "`{}` holds no cell records: expected `cells/<id>.json` in it\nname a folder that `clbench run` has written, such as \
         `results/runs/<scenario>`",
        dir.display()
    )]
    NoCells { dir: PathBuf },
    #[error(
        "cell `{id}` is there twice with different results, though nothing that moves its numbers differs\na strategy's result does not \
         depend on its seed alone; delete one of the two records, or find out why they differ"
    )]
    Ambiguous { id: String },
    #[error(
        "cells `{first}` and `{second}` of scenario `{scenario}` share domain, split and seed {seed}, but not the class order\nthe \
         scenario's class order was changed between two runs; delete the older records"
    )]
    ClassOrder {
        first: String,
        second: String,
        scenario: String,
        seed: Seed,
    },
    #[error("metric `{metric}` of cell `{cell}`: {reason}")]
    Metric {
        metric: String,
        cell: String,
        reason: String,
    },
    #[error(
        "no metric is called `{name}`{}\nthis leaderboard has: {known}",
        hint(suggestion)
    )]
    UnknownMetric {
        name: String,
        suggestion: Option<String>,
        known: String,
    },
}

impl ReportError {
    /// For `map_err`: `path` cannot be written.
    pub(super) fn unwritten(path: &Path) -> impl FnOnce(std::io::Error) -> ReportError {
        let path = path.to_owned();
        move |source| ReportError::Io {
            action: "write",
            path,
            source,
        }
    }
}

fn hint(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}
