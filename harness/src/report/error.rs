//! What can go wrong while tables are made.

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
        "two records of cell `{id}` have different results, although nothing that affects them differs\nthe strategy depends on more \
         than its seed; find out why, or delete one of the records"
    )]
    Ambiguous { id: String },
    #[error(
        "cells `{first}` and `{second}` of scenario `{scenario}` have the same stream, split and seed {seed}, but different class \
         orders\nthe scenario's class order was changed between two runs; delete the older records"
    )]
    ClassOrder {
        first: String,
        second: String,
        scenario: String,
        seed: Seed,
    },
    #[error("no strategy is called `{name}`{hint}")]
    UnknownStrategy { name: String, hint: String },
    #[error("`{name}` is the name of several rows; write {}", alternatives(rows))]
    SeveralRows { name: String, rows: Vec<String> },
    #[error("`{one}` and `{other}` are the same strategy; name two")]
    SameStrategy { one: String, other: String },
}

fn alternatives(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}
