//! A run: plan the cells, check them, compute features, run each cell in its own process, and
//! collect the records.
//!
//! The process that the user starts (the parent) loads no plugin. It makes a [`Plan`] of [`Job`]s,
//! each a line of JSON with everything needed to run a cell anywhere. For work that needs a plugin,
//! it starts child processes of the same program: one for checks ([`probe`]), one or more per set of
//! features, and one per cell ([`run_cell`]). An [`Executor`] decides where they run. They report to
//! their parent with [`Event`]s; anything else they print goes to a log. The cell's process writes its record atomically; the parent
//! believes the record, not the process. A cell that has a record is not run again, and one that
//! another run is computing is waited for.
//!
//! A child leads a process group: signals go to the whole group, and whatever is left of it when
//! the child ends is killed. The parent watches the time and the memory of a cell's group.

mod alone;
mod cell_state;
pub mod check;
mod checkpoints;
mod child;
mod content;
mod embed;
mod encode;
mod evaluate;
mod event;
mod execute;
mod executor;
mod feature_job;
mod feature_sets;
mod gpu;
mod host;
mod interrupt;
mod job;
mod log;
pub mod memory;
mod memory_estimate;
mod opened;
pub mod orphan;
mod outputs;
pub mod parameters;
mod plan;
mod planned_contents;
mod pool;
pub mod probe;
mod process;
mod protocol;
mod samples;
mod scalars;
mod score;
mod script;
mod shard;
mod show;
mod signals;
mod silence;
mod supervised;
mod watch;

pub use alone::run_alone;
pub use child::{Child, Work};
pub use content::{Caches, content};
pub use embed::{DomainFeatures, Embedded, Embedder};
pub use event::{Event, Events, Fault};
pub use execute::Execution;
pub use executor::{Executed, Executor, Local, Places, Slurm, SlurmOptions};
pub use feature_job::FeatureJob;
pub use gpu::{Gpu, GpuNumber};
pub use interrupt::Interrupt;
pub use job::{Job, Paths, PluginPaths, ScriptPaths};
pub use log::{Log, LogEnd, PendingLog};
pub use memory_estimate::{MemoryNeed, available_memory, memory_warnings};
pub use opened::Opened;
pub use plan::{Plan, PlanOptions, Planned, PlannedFeatures};
pub use planned_contents::{PlannedContents, check_expected};
pub use process::run_cell;
pub use score::{ScoreError, Scorer, Tally};
pub use shard::FeatureRequest;
pub use show::{ImageBar, unlogged};
pub use silence::silent;
pub use supervised::run_supervised;
pub use watch::Watch;
