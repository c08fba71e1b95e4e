//! The files that a run writes, and how they are read back. Only this module knows the layout of a
//! run folder.
//!
//! A [`RunFolder`] knows every path. [`RunFile`] (`run.json`) lists the plans of the folder's runs
//! and their cells in order; a [`CellRecord`] holds the results of one [`Cell`]; [`load`] joins the
//! two. Records hold counts, never percentages ([`AccuracyMatrices`]), and none of the paths in a
//! plan, so records from other machines can be used like local ones. [`RunFolder::pack`] puts the
//! records of a folder into one small file, which is read like the folder.

mod canonical;
mod cell;
mod checkpoint;
mod class_counts;
mod confusion;
mod error;
mod failure;
#[cfg(test)]
pub(crate) mod fixture;
mod folder;
mod join;
mod learned_stream;
mod load;
mod matrix;
mod packed;
mod predictions;
mod record;
mod run_file;
mod scalar;
mod sources;

pub use cell::{Cell, CellBackbone, CellDomain, CellStrategy, CellStream, CodeDifference};
pub use checkpoint::{Checkpoint, CheckpointParts, SavedRow};
pub use class_counts::ClassCounts;
pub use confusion::Confusion;
pub use error::ResultsError;
pub use failure::{Cause, Failure};
pub use folder::RunFolder;
pub use join::Presence;
pub use learned_stream::{LearnedDomain, LearnedStream};
pub use load::{Loaded, Shown, load};
pub use matrix::{AccuracyMatrices, AfterTask, MatrixError};
pub use packed::PACKED_FORMAT;
pub use predictions::{Predicted, Predictions, RowWriter};
pub use record::{CellRecord, CheckpointCosts, Costs, RECORD_FORMAT, WallSeconds};
pub use run_file::{PlanSelection, PlannedCell, RUN_FORMAT, RunFile, RunPlan};
pub use scalar::Scalar;
pub use sources::by_module;
