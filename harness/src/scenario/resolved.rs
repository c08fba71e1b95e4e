//! The resolved scenario, which the rest of the program works with.

use super::spec::{Provenance, Regime};
use super::yaml::{KeyPath, Tree};
use super::{Checkpointing, Expectation, GridChoice, Limits, StreamSpec, Tasks};
use crate::domain::content::Trust;
use crate::domain::{Shots, Source};
use crate::id::Seed;
use crate::stream::{Augmentation, ClassIdentity, Cut};
use serde_json::Value;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// What is compared, and on what. Everything is in the order of the file, and every reference has
/// been looked up.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The name, also of its results.
    pub name: String,
    /// The file that it was read from, as given on the command line.
    pub file: PathBuf,
    /// A description of its purpose.
    pub description: Option<String>,
    /// One run per stream, strategy and seed; at least one, all distinct.
    pub seeds: Vec<Seed>,
    /// CPU threads per run.
    pub threads: NonZeroU32,
    /// Where to compute.
    pub device: Device,
    /// How often runs save a checkpoint.
    pub checkpoint: Checkpointing,
    /// What each cell may use.
    pub limits: Limits,
    /// The backbones that strategies may name.
    pub backbones: Vec<BackboneUse>,
    /// At least one.
    pub domains: Vec<DomainUse>,
    /// What the strategies learn; at least one, with distinct names.
    pub streams: Vec<StreamUse>,
    /// The rows of the leaderboard: one per strategy, or per combination of its grid. At least one,
    /// with distinct names.
    pub strategies: Vec<StrategyRow>,
    /// The metrics to report; `None` for all.
    pub metrics: Option<Vec<String>>,
    /// The metric that ranks strategies, if one is chosen.
    pub rank_by: Option<String>,
    /// The metrics that tables show, if any are chosen.
    pub columns: Option<Vec<String>>,
    pub(super) tree: Tree,
}

/// Where to compute: `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Device(pub(super) String);

impl Device {
    /// The device that every machine has.
    pub const CPU: &'static str = "cpu";
    /// Whichever GPU a process sees first, so that several processes can have one each.
    pub const ALL_GPUS: &'static str = "cuda";

    /// As the scenario writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A backbone that the scenario declares.
#[derive(Debug, Clone, PartialEq)]
pub struct BackboneUse {
    /// Its name in the scenario.
    pub name: String,
    /// The name under which a plugin offers it.
    pub use_: String,
    /// The plugin's file, if the scenario names one.
    pub plugin: Option<PathBuf>,
    /// Its parameters, a JSON object.
    pub parameters: Value,
    /// Where relative paths among them start: the folder of the file in which they are written.
    pub folder: PathBuf,
}

impl BackboneUse {
    /// The path of its entry in the file, `backbones.NAME`.
    pub fn key(&self) -> KeyPath {
        KeyPath::top("backbones").join(&self.name)
    }

    /// The path in the file of a parameter that the plugin calls `vision.layers`. If `parameter` is
    /// empty, the path of the parameters as a whole.
    pub fn parameter_key(&self, parameter: &str) -> KeyPath {
        self.key().join("parameters").spelled(parameter)
    }
}

/// A domain that the scenario runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainUse {
    /// Its name in the scenario.
    pub name: String,
    /// Where its images come from. Whether they exist is checked when the domain is opened.
    pub source: Source,
    /// How many training samples of each class are used, and how they are drawn; `None` for all.
    pub shots: Option<Shots>,
    /// Sentences that turn a class name into text: at least one, each with one `{}`.
    pub templates: Vec<String>,
    /// What it must contain.
    pub expect: Expectation,
    /// When a file of its images counts as unchanged.
    pub trust: Trust,
}

impl DomainUse {
    /// The path of its entry in the file, `domains.NAME`.
    pub fn key(&self) -> KeyPath {
        KeyPath::top("domains").join(&self.name)
    }

    /// Whether it certainly has images of the other domain, since both come from the same place.
    pub(super) fn has_images_of(&self, other: &DomainUse) -> bool {
        self.name == other.name || self.source == other.source
    }
}

/// A stream that the scenario runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamUse {
    /// Its name: that of its domain, if it is cut from that alone with `stream`.
    pub name: String,
    /// Its domains, in the order in which they arrive; at least one, all different.
    pub domains: Vec<DomainCut>,
    /// What makes classes of two domains one class.
    pub classes: ClassIdentity,
    /// The templates of all its classes; `None` for those of each domain.
    pub templates: Option<Vec<String>>,
    /// Augmentation of training images.
    pub augmentation: Augmentation,
    /// The first digits of the class order's digest, by seed; empty if nothing is expected.
    pub class_orders: Vec<(Seed, String)>,
    /// The path of its mapping in the file: `stream`, `domains.NAME.stream` or `streams.NAME`.
    pub key: KeyPath,
}

/// A domain of a stream, and where the scenario says how it is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainCut {
    /// The domain's name.
    pub domain: String,
    /// How it is cut into tasks.
    pub cut: Cut,
    /// The path in the file of the mapping with `tasks`, or of the domain's name.
    pub key: KeyPath,
}

impl StreamUse {
    /// The stream's spec.
    pub fn spec(&self) -> StreamSpec {
        StreamSpec {
            cuts: (self.domains.iter())
                .map(|domain| domain.cut.clone())
                .collect(),
            classes: self.classes,
            augmentation: self.augmentation,
        }
    }

    /// Whether it is a domain's own stream, rather than a named one.
    pub fn is_of_one_domain(&self) -> bool {
        self.key.segments().first() != KeyPath::top("streams").segments().first()
    }

    /// Whether it has this domain.
    pub fn has(&self, domain: &str) -> bool {
        self.domains.iter().any(|part| part.domain == domain)
    }
}

impl DomainCut {
    /// The path of `tasks` or `task_sizes`, whichever is given.
    pub fn tasks_key(&self) -> KeyPath {
        self.key.join(match self.cut.tasks {
            Tasks::Count(_) | Tasks::Increments { .. } => "tasks",
            Tasks::Sizes(_) => "task_sizes",
        })
    }

    /// The path of the class order.
    pub fn class_order_key(&self) -> KeyPath {
        self.key.join("class_order")
    }
}

/// A strategy with all its parameters set: one row of the leaderboard.
#[derive(Debug, Clone, PartialEq)]
pub struct StrategyRow {
    /// The row's name: the strategy's, followed by its choices from the grid in brackets,
    /// `linear[lr=0.1]`.
    pub name: String,
    /// The strategy's name in the scenario, shared by all rows of its grid.
    pub base: String,
    /// What tables call the row, if not by its name; with the choices from the grid, like the name.
    pub label: Option<String>,
    /// The name under which a plugin offers it.
    pub use_: String,
    /// The plugin's file, if the scenario names one.
    pub plugin: Option<PathBuf>,
    /// Whether it is a class in a Python file. Its parameters are then `file`, `class` and
    /// `parameters`, those of the class.
    pub is_python: bool,
    /// The interpreter, if the scenario names one: an absolute path, or the name of a program.
    pub interpreter: Option<PathBuf>,
    /// The names of the backbones that it builds on, in the order that it expects.
    pub backbones: Vec<String>,
    /// Whether it learns task by task.
    pub regime: Regime,
    /// Its parameters, a JSON object that includes the choices from the grid.
    pub parameters: Value,
    /// Where relative paths among them start: the folder of the file in which they are written.
    pub folder: PathBuf,
    /// Its choices from the grid.
    pub grid: Vec<GridChoice>,
    /// Where the parameters come from, if the scenario says so.
    pub provenance: Option<Provenance>,
    /// How many runs the tuning took, if the scenario says so.
    pub trials: Option<u32>,
}

impl StrategyRow {
    /// What tables call the row.
    pub fn title(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// The path of its entry in the file, `strategies.NAME`.
    pub fn key(&self) -> KeyPath {
        KeyPath::top("strategies").join(&self.base)
    }

    /// The path in the file of a parameter that the plugin calls `optimizer.lr`: below
    /// `parameters`, or the entry that this row takes from the grid. If `parameter` is empty, the
    /// path of the parameters as a whole.
    pub fn parameter_key(&self, parameter: &str) -> KeyPath {
        let mut parameter = parameter;
        if self.is_python {
            let (first, rest) = parameter.split_once('.').unwrap_or((parameter, ""));
            match first {
                "file" | "class" => return self.key().join("python"),
                "interpreter" => return self.key().join("interpreter"),
                "parameters" => parameter = rest,
                _ => {}
            }
        }
        let choice = self.grid.iter().find(|choice| {
            let rest = parameter.strip_prefix(choice.parameter.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        match choice {
            Some(GridChoice {
                parameter, index, ..
            }) => self
                .key()
                .join("grid")
                .join(parameter)
                .index(*index as usize),
            None => self.key().join("parameters").spelled(parameter),
        }
    }
}

impl Scenario {
    /// The domain with this name.
    ///
    /// # Panics
    ///
    /// If there is none; the streams of a scenario only have domains of the scenario.
    pub fn domain(&self, name: &str) -> &DomainUse {
        let mut domains = self.domains.iter();
        let found = domains.find(|domain| domain.name == name);
        found.unwrap_or_else(|| panic!("the scenario has no domain `{name}`"))
    }

    /// The stream that cuts the domain with this name on its own, if there is one.
    pub fn own_stream(&self, domain: &str) -> Option<&StreamUse> {
        let mut own = self
            .streams
            .iter()
            .filter(|stream| stream.is_of_one_domain());
        own.find(|stream| stream.name == domain)
    }

    /// The templates of each domain of a stream.
    pub fn templates_of<'s>(&'s self, stream: &'s StreamUse) -> Vec<&'s [String]> {
        let domains = stream.domains.iter();
        let templates = domains.map(|part| match &stream.templates {
            Some(templates) => &templates[..],
            None => &self.domain(&part.domain).templates[..],
        });
        templates.collect()
    }

    /// The metrics that this scenario chooses to rank by or to show, each with its key.
    pub fn chosen_metrics(&self) -> impl Iterator<Item = (KeyPath, &str)> {
        let rank_by = self
            .rank_by
            .iter()
            .map(|name| (KeyPath::top("rank_by"), name));
        let columns = self.columns.iter().flatten().enumerate();
        let columns = columns.map(|(index, name)| (KeyPath::top("columns").index(index), name));
        rank_by
            .chain(columns)
            .map(|(key, name)| (key, name.as_str()))
    }
}
