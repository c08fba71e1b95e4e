//! From cell records to tables.
//!
//! [`Leaderboard::build`] takes means over seeds and domains and ranks; [`write_tables`] leaves CSV
//! files in the run folder, and an [`Export`] writes the leaderboard for a terminal, a web page, a
//! paper or a program.
//!
//! Two rules hold everywhere. What is missing is empty, with the reason beside it, never 0. And
//! only what is comparable shares a table: cells of another split (so also of `--limit` and
//! `--validation`), of other tasks or another class order stand in a section of their own, and
//! cells that were made with other settings stand in a row of their own.

mod coverage;
mod csv;
mod error;
pub mod export;
mod identity;
mod leaderboard;
mod number;
mod rank;
mod row;
mod section;
mod standing;
mod statistics;
mod table;

pub use coverage::Coverage;
pub use csv::write_tables;
pub use error::ReportError;
pub use export::Export;
pub use identity::Identity;
pub use leaderboard::Leaderboard;
pub use standing::{Absence, Entry, Scope, Score, Section, Standing};
pub use statistics::Summary;
