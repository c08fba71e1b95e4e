//! From cell records to tables.
//!
//! A run folder holds one [`CellRecord`] per cell. [`load`] gathers them, from one folder or many; a [`MetricSet`] computes metrics from
//! their matrices; [`Leaderboard::build`] takes means over seeds and domains and ranks; [`write_all`] leaves four CSV files, and
//! [`Leaderboard::render`] prints a table for a terminal, a web page or a paper.
//!
//! Two rules hold everywhere. What is missing is empty, with the reason beside it, never 0. And only what is comparable shares a table:
//! cells of another split (so also of `--limit` and `--validation`), of other tasks or another class order stand in a section of their
//! own, and cells that were made with other settings stand in a row of their own.

mod csv;
mod error;
#[cfg(test)]
mod fixture;
mod identity;
mod latex;
mod leaderboard;
mod load;
mod markdown;
mod metric;
mod rank;
mod record;
mod row;
mod section;
mod statistics;
mod table;
mod terminal;

pub use csv::write_all;
pub use error::ReportError;
pub use identity::Identity;
pub use leaderboard::{Absence, Entry, Leaderboard, Plan, Scope, Score, Section, Standing};
pub use load::load;
pub use metric::{MetricInfo, MetricSet, RANKED_BY};
pub use record::{
    BackbonePart, CellRecord, Costs, DomainPart, Keeps, Provenance, RECORD_FORMAT, Regime,
    StrategyPart, WallSeconds,
};
pub use statistics::Summary;
pub use table::{DEFAULT_METRICS, Format};
