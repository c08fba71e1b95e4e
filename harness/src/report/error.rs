//! What can go wrong between the cells' records and the tables.

use crate::id::Seed;
use crate::metric::MetricError;

/// An error while tables are made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum ReportError {
    #[error(transparent)]
    Metric(#[from] MetricError),
    #[error("cannot write `{}`: {source}", path.display())]
    Unwritten {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
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
}
