//! `run.json`: what the run in a folder consists of.

use crate::id::Seed;
use crate::plugin::PluginRef;
use serde::{Deserialize, Serialize};

/// The format of `run.json`.
pub const RUN_FORMAT: u32 = 2;

/// What a run consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// Its format.
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario is for.
    pub description: Option<String>,
    /// Names of the domains, in the scenario's order.
    pub domains: Vec<String>,
    /// The seeds.
    pub seeds: Vec<Seed>,
    /// The strategies' rows.
    pub strategies: Vec<String>,
    /// The metrics to compute, by name, and the plugin of each.
    pub metrics: Vec<(String, PluginRef)>,
    /// The metric that ranks strategies, if the scenario sets it.
    #[serde(default)]
    pub rank_by: Option<String>,
    /// The metrics that tables show, if the scenario sets them.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// The cells' ids, in the order of the tables.
    pub cells: Vec<String>,
}
