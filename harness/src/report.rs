//! From cell records to tables.
//!
//! [`Leaderboard::build`] takes means over seeds and streams and ranks strategies; [`write_tables`]
//! writes CSV files to the run folder; an [`Export`] writes the leaderboard for a terminal, a
//! README, a paper or a program; a [`Report`] is a page with figures.
//!
//! Two rules hold everywhere. A missing value is empty, with the reason next to it, never 0. And
//! only comparable cells share a table: cells with a different split (including those made with
//! `--limit` or `--validation`), different tasks or a different class order get a separate section,
//! and cells with different settings get a separate row. Rows of two scenarios that say the same are
//! shown once.

mod against_best;
mod beside;
mod coverage;
mod csv;
mod domain_scores;
mod error;
pub mod export;
mod figure;
mod figures;
mod identity;
mod leaderboard;
mod number;
mod page;
mod paired;
mod plot;
mod rank;
mod row;
mod section;
mod standing;
mod statistics;
mod table;
mod twin;

pub use coverage::Coverage;
pub use csv::{table_names, write_tables};
pub use domain_scores::{DomainScore, Measure};
pub use error::ReportError;
pub use export::Export;
pub use figure::Beside;
pub use identity::Identity;
pub use leaderboard::Leaderboard;
pub use page::{FigureFiles, PAGE_MARK, Report};
pub use standing::{Absence, Entry, Returning, Scope, Score, Section, Standing};
pub use statistics::Summary;
