//! Metrics: functions of a cell's accuracy matrices, and what tables do with them.
//!
//! Plugins offer metrics ([`PluginMetrics`]); [`evaluate`] computes some of them for every record;
//! a [`Choice`] says which of them ranks strategies, and which are shown.

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
