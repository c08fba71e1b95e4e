//! Metrics: functions of a cell's accuracy matrices and costs, and their use in tables.
//!
//! Plugins offer metrics ([`PluginMetrics`]); [`evaluate`] computes some of them for every record;
//! a [`Choice`] says which one ranks strategies, and which ones tables show.

mod choice;
mod error;
mod evaluate;
#[cfg(test)]
pub(crate) mod fixture;
mod plugin;

pub use choice::{Choice, DEFAULT_COLUMNS, DEFAULT_RANK_BY};
pub use error::MetricError;
pub use evaluate::{MetricSet, evaluate};
pub use harness_abi::MetricInfo;
pub use plugin::PluginMetrics;
