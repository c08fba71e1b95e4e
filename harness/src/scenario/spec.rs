//! The scenario as written: the keys of the YAML file, one Rust field each.
//!
//! The doc comments here become the descriptions in the JSON Schema, which editors show. Defaults
//! are filled in when the spec is resolved; here an omitted key is `None`. No type is flattened or
//! untagged, since serde would then lose the path to a mistake.

use super::Limits;
use super::checkpointing::Checkpointing;
pub use super::domain::{Domain, DomainKeys, Expect};
pub use super::stream::{
    ClassOrder, Convention, GeneratedOrder, Increments, OrderSeed, Stream, Tasks,
};
use super::streams::NamedStream;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A comparison of continual-learning strategies: which strategies, on which domains, with which
/// seeds. It may have at most 100,000 cells (streams × strategy rows × seeds).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of the file format. The default, 1, is the only one.
    #[schemars(extend("const" = 1))]
    pub format: Option<u32>,
    /// Another scenario, relative to this file, that this one changes. Mappings are merged key by
    /// key, and lists and single values replaced; `null` goes back to the default.
    pub extends: Option<String>,
    /// Keys to leave out of the scenario that this one extends, such as `strategies.coop` or
    /// `domains.digits`.
    pub without: Option<Vec<String>>,
    /// The scenario's name, also used for its results folder. Default: the name of the scenario that
    /// this one extends, or else the file's name without `.yaml`.
    #[schemars(regex(pattern = r"^[a-z0-9_-]+$"))]
    pub name: Option<String>,
    /// What the scenario is for.
    pub description: Option<String>,
    /// Every strategy runs once per stream and seed. The seed sets all random numbers of a run, and
    /// the class order if that follows the seed.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub seeds: Vec<u64>,
    /// CPU threads per run; default 1. The number can change the last digits of a result, so it is
    /// part of the scenario rather than taken from the machine.
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<u32>,
    /// Where to compute: `cpu` (default), `cuda`, or `cuda:N`.
    #[schemars(regex(pattern = r"^(cpu|cuda(:[0-9]+)?)$"))]
    pub device: Option<String>,
    /// How often a run saves a checkpoint, from which it is resumed if it is killed: `always` (after
    /// every task), `never`, or after a task if some time has passed since the last one; default
    /// `30s`. Checkpoints change no result.
    pub checkpoint: Option<Checkpointing>,
    /// How long each cell may run, and how much memory it may use. Default: no limits.
    pub limits: Option<Limits>,
    /// How domains are cut into tasks, each on its own. A domain can have its own `stream` instead.
    pub stream: Option<Stream>,
    /// Streams over several domains, under names of your choice.
    pub streams: Option<IndexMap<String, NamedStream>>,
    /// The frozen pre-trained models that strategies build on, under names of your choice.
    pub backbones: Option<IndexMap<String, Option<Backbone>>>,
    /// The labelled image collections, under names of your choice.
    #[schemars(extend("minProperties" = 1))]
    pub domains: IndexMap<String, Domain>,
    /// The strategies to compare, under names of your choice.
    #[schemars(extend("minProperties" = 1))]
    pub strategies: IndexMap<String, Option<Strategy>>,
    /// The metrics to report, by name. Default: all that the plugins offer.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub metrics: Option<Vec<String>>,
    /// The metric that ranks the strategies. Default: `faa`, final average accuracy, if it is among
    /// the metrics.
    pub rank_by: Option<String>,
    /// The metrics that tables show, in this order; CSV files have all metrics. Default: those of
    /// `faa`, `average-incremental-accuracy`, `ci-transfer`, `forgetting-seen` and `forgetting-all`
    /// that are among the metrics.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub columns: Option<Vec<String>>,
}

/// A frozen pre-trained model that a plugin offers.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backbone {
    /// The name under which a plugin offers it. Default: its name in this scenario.
    #[serde(rename = "use")]
    pub use_: Option<String>,
    /// The plugin's file, relative to the scenario. Default: the installed plugin that offers the
    /// name.
    pub plugin: Option<String>,
    /// The backbone's parameters. `clbench ls backbones NAME` lists them.
    pub parameters: Option<Map<String, Value>>,
}

/// A continual-learning method that a plugin offers.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// What tables call the row, such as `RanPAC (ours)`; results do not depend on it. Default: its
    /// name in this scenario. The rows of a `grid` have their choices after the label.
    #[schemars(length(min = 1))]
    pub label: Option<String>,
    /// The name under which a plugin offers it. Default: its name in this scenario.
    #[serde(rename = "use")]
    pub use_: Option<String>,
    /// The plugin's file, relative to the scenario. Default: the installed plugin that offers the
    /// name.
    pub plugin: Option<String>,
    /// A class in a Python file, `FILE.py:CLASS`, instead of what a plugin offers. The file's path
    /// is relative to the scenario.
    #[schemars(regex(pattern = r"^.+\.py:[^:]+$"))]
    pub python: Option<String>,
    /// The Python that runs the class: a path, relative to the scenario, or the name of a program.
    /// Default: that of the active virtual environment, else `python3`.
    pub interpreter: Option<String>,
    /// The backbone that the strategy builds on. Default: the scenario's backbone, if it has only
    /// one.
    pub backbone: Option<String>,
    /// Several backbones, in the order that the strategy expects; `[]` for none.
    #[schemars(extend("uniqueItems" = true))]
    pub backbones: Option<Vec<String>>,
    /// Whether the strategy learns task by task, or all classes at once; default `sequential`.
    pub regime: Option<Regime>,
    /// The strategy's parameters. `clbench ls strategies NAME` lists them; those of a class in
    /// Python are in its class `Parameters`.
    pub parameters: Option<Map<String, Value>>,
    /// Parameters to vary. Each key is a parameter (`optimizer.lr` for a nested one) with a list of
    /// values; every combination becomes a row of the leaderboard.
    #[schemars(extend("minProperties" = 1, "additionalProperties" = {"type": "array", "minItems": 1}))]
    pub grid: Option<IndexMap<String, Vec<Value>>>,
    /// Where the parameters come from.
    pub provenance: Option<Provenance>,
    /// The number of runs that the tuning took; requires `provenance: tuned`.
    #[schemars(range(min = 1))]
    pub trials: Option<u32>,
}

/// Whether a strategy learns task by task, or all classes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// One task after another: continual learning.
    Sequential,
    /// Once, on all classes together: a reference, shown unranked.
    Joint,
}

/// Where a strategy's parameters come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// From the paper that introduced the strategy.
    Published,
    /// From a hyper-parameter search.
    Tuned,
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sequential => "sequential",
            Self::Joint => "joint",
        })
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Published => "published",
            Self::Tuned => "tuned",
        })
    }
}
