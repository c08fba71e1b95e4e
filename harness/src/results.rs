//! What runs leave on disk, and how it is read back: the only code that knows what lies in a run
//! folder.
//!
//! A [`RunFolder`] knows every path. [`RunFile`] (`run.json`) says which cells the folder's run
//! has, in which order; a [`CellRecord`] says all that one [`Cell`] has left behind; [`load`] joins
//! the two. Records hold counts, never percentages ([`AccuracyMatrices`]), and nothing about the
//! machine's paths, so one that was computed elsewhere is as good as one that was computed here.

mod canonical;
mod cell;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod folder;
mod load;
mod matrix;
mod predictions;
mod record;
mod run_file;

pub use cell::{Cell, CellBackbone, CellDomain, CellStrategy, CellStream};
pub use error::ResultsError;
pub use folder::RunFolder;
pub use load::load;
pub use matrix::{AccuracyMatrices, AfterTask, MatrixError};
pub use predictions::PredictionWriter;
pub use record::{
    CellRecord, CheckpointCosts, ClassCounts, Costs, LearnedDomain, LearnedStream, RECORD_FORMAT,
    Scalar, WallSeconds,
};
pub use run_file::{RUN_FORMAT, RunFile};
