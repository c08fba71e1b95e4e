//! A run: plan the cells, check them, compute features, run each cell in a process of its own,
//! gather the records.
//!
//! The process that the user starts (the parent) loads no plugin. It makes a [`Plan`] of [`Job`]s,
//! each a line of JSON that says all that is needed to run a cell anywhere, and starts processes of
//! its own program for what needs a plugin: one that checks ([`probe`]), one per set of features,
//! one per cell ([`run_cell`]). They tell it how they fare by [`Event`]s; what they print otherwise
//! goes to a log. A cell's record is written by its own process, whole or not at all, and a cell
//! whose record is there is not run again.

mod child;
mod embed;
mod evaluate;
mod event;
mod execute;
mod host;
mod interrupt;
mod job;
mod opened;
mod outputs;
pub mod parameters;
mod plan;
pub mod probe;
mod process;
mod protocol;
mod samples;
mod score;
mod show;

pub use child::Child;
pub use embed::{Embedded, Embedder};
pub use event::{Event, Events, Fault};
pub use execute::execute;
pub use interrupt::Interrupt;
pub use job::{Job, Paths};
pub use opened::{FeatureRequest, Opened};
pub use plan::{Plan, Planned};
pub use process::run_cell;
pub use score::{ScoreError, Scorer, Tally};
