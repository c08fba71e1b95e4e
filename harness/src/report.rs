//! From cell records to tables.
//!
//! [`Leaderboard::build`] takes means over seeds and streams and ranks strategies; [`write_tables`]
//! writes CSV files to the run folder. A [`Pivot`] has one metric of a leaderboard by stream, and a
//! [`Comparison`] says whether the difference between two strategies could be chance, pair by
//! [`Pair`]. An [`Export`] writes any such [`Report`] for a terminal, a README, a paper or a
//! program; a [`Page`] has all of it, with figures.
//!
//! Two rules hold everywhere. A missing value is empty, with the reason next to it, never 0. And
//! only comparable cells share a table: cells with a different split (including those made with
//! `--limit` or `--validation`), different tasks or a different class order get a separate section,
//! and cells with different settings get a separate row. Rows of two scenarios that say the same are
//! shown once.

mod against_best;
mod beside;
mod comparison;
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
mod pair;
mod paired;
mod pivot;
mod plot;
mod rank;
mod row;
mod section;
mod standing;
mod statistics;
mod table;
mod twin;

pub use comparison::{Block, Compared, Comparison, Outcome, Verdict};
pub use coverage::Coverage;
pub use csv::{table_names, write_tables};
pub use domain_scores::{DomainScore, Measure};
pub use error::ReportError;
pub use export::{Export, Report};
pub use figure::Beside;
pub use identity::Identity;
pub use leaderboard::Leaderboard;
pub use page::{FigureFiles, PAGE_MARK, Page};
pub use pair::{Pair, pairs};
pub use paired::{FEWEST_PAIRS, LEVEL, Paired, holm};
pub use pivot::Pivot;
pub use standing::{Absence, Entry, Returning, Scope, Score, Section, Standing};
pub use statistics::Summary;
pub use table::Table;
