//! From the spec to the scenario: defaults filled in, references looked up, everything checked.
//!
//! The checks run in the order in which the keys are documented and stop at the first mistake, so
//! that a file always gives the same message.

mod cut;
mod python;
mod streams;

use self::streams::OwnStream;
use super::error::{Problem, ScenarioError};
use super::resolved::{BackboneUse, Device, DomainUse, Scenario, StrategyRow, StreamUse};
use super::spec;
use super::yaml::{KeyPath, Tree};
use super::{Expectation, Limits};
use super::{grid, parameter_folder};
use crate::domain::{Draw, KeyError, Shots, Source, check_entries};
use crate::id::Seed;
use crate::plugin::PluginFault;
use crate::terminal;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// The template of a domain without `templates`.
const TEMPLATE: &str = "a photo of a {}";

/// No machine has more processors, and libraries start whatever number they are told.
pub(super) const MOST_THREADS: u32 = 1024;

/// Makes a scenario of its spec.
pub(super) fn resolve(spec: spec::Scenario, tree: Tree) -> Result<Scenario, ScenarioError> {
    let resolver = Resolver { tree: &tree };
    super::size::check(&spec, &tree)?;
    let name = resolver.scenario_name(spec.name)?;
    resolver.entries(
        &KeyPath::top("seeds"),
        &spec.seeds,
        "list the seeds, as in `[1992, 1996, 1997]`",
    )?;
    let threads = resolver.threads(spec.threads.unwrap_or(1))?;
    let device = resolver.device(spec.device)?;
    let limits = resolver.limits(spec.limits.unwrap_or_default())?;
    let stream = match spec.stream {
        Some(stream) => Some(resolver.stream(&KeyPath::top("stream"), stream)?),
        None => None,
    };
    let backbones = (spec.backbones.unwrap_or_default().into_iter())
        .map(|(name, backbone)| resolver.backbone(name, backbone.unwrap_or_default()))
        .collect::<Result<Vec<_>, _>>()?;
    if spec.domains.is_empty() {
        return Err(resolver.error(
            &KeyPath::top("domains"),
            Problem::Empty {
                fix: "add at least one domain",
            },
        ));
    }
    let (mut domains, mut streams) = (Vec::new(), Vec::new());
    let named = spec.streams.unwrap_or_default();
    for (name, domain) in spec.domains {
        let is_named = || named.values().any(|stream| stream.has(&name));
        let (domain, stream) =
            resolver.domain(&name, domain, stream.as_ref(), &spec.seeds, &is_named)?;
        domains.push(domain);
        streams.extend(stream);
    }
    resolver.named_streams(&mut streams, named, &domains, &spec.seeds)?;
    resolver.numpy_seeds(&spec.seeds, &streams)?;
    if spec.strategies.is_empty() {
        let fix = "add at least one strategy";
        return Err(resolver.error(&KeyPath::top("strategies"), Problem::Empty { fix }));
    }
    let mut strategies = Vec::new();
    for (name, strategy) in spec.strategies {
        let rows = resolver.strategy(&name, strategy.unwrap_or_default(), &backbones)?;
        strategies.extend(rows);
    }
    resolver.distinct_titles(&strategies)?;
    if let Some(metrics) = &spec.metrics {
        let fix = "list metrics, or remove the key to report all";
        resolver.entries(&KeyPath::top("metrics"), metrics, fix)?;
    }
    if let Some(columns) = &spec.columns {
        let fix = "list metrics, or remove the key for the default columns";
        resolver.entries(&KeyPath::top("columns"), columns, fix)?;
    }
    let scenario = Scenario {
        name,
        file: tree.file().to_owned(),
        description: spec.description,
        seeds: spec.seeds.into_iter().map(Seed).collect(),
        threads,
        device,
        checkpoint: spec.checkpoint.unwrap_or_default(),
        limits,
        backbones,
        domains,
        streams,
        strategies,
        metrics: spec.metrics,
        rank_by: spec.rank_by,
        columns: spec.columns,
        tree,
    };
    if let Some(metrics) = &scenario.metrics {
        for (key, name) in scenario.chosen_metrics() {
            if !metrics.iter().any(|metric| metric == name) {
                let name = name.to_owned();
                return Err(scenario.tree.error(&key, Problem::NotInMetrics { name }));
            }
        }
    }
    Ok(scenario)
}

pub(super) struct Resolver<'a> {
    pub(super) tree: &'a Tree,
}

impl Resolver<'_> {
    fn error(&self, key: &KeyPath, problem: Problem) -> ScenarioError {
        self.tree.error(key, problem)
    }

    fn limits(&self, limits: Limits) -> Result<Limits, ScenarioError> {
        if let Some(Err(message)) = limits.memory.map(Limits::check_memory) {
            let key = KeyPath::top("limits").join("memory");
            return Err(self.error(&key, Problem::Later(message)));
        }
        Ok(limits)
    }

    /// The name given, or that of the file, of which other files only change parts.
    fn scenario_name(&self, given: Option<String>) -> Result<String, ScenarioError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        let good = |name: &str| !name.is_empty() && name.chars().all(allowed);
        match given {
            Some(name) if good(&name) => Ok(name),
            Some(name) => {
                let allowed = "lowercase letters, digits, `-` and `_`";
                Err(self.error(&KeyPath::top("name"), Problem::BadName { name, allowed }))
            }
            None => {
                let stem = self.tree.base().file_stem().unwrap_or_default();
                let name = stem.to_string_lossy().into_owned();
                if good(&name) {
                    Ok(name)
                } else {
                    let problem = Problem::BadFileName { name };
                    let base = self.tree.base();
                    Err(ScenarioError::new(base, None, KeyPath::root(), problem))
                }
            }
        }
    }

    /// Checks the name of a domain, backbone or strategy, which is used in file names and on the
    /// command line.
    fn entry_name(&self, key: &KeyPath, name: &str) -> Result<(), ScenarioError> {
        let good = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
        if good {
            return Ok(());
        }
        let allowed = "letters, digits, `.`, `_`, `+` and `-`, beginning with a letter or a digit";
        Err(self.error(
            key,
            Problem::BadName {
                name: name.to_owned(),
                allowed,
            },
        ))
    }

    fn threads(&self, value: u32) -> Result<NonZeroU32, ScenarioError> {
        let key = KeyPath::top("threads");
        if value > MOST_THREADS {
            let (found, most) = (value.into(), MOST_THREADS.into());
            return Err(self.error(&key, Problem::TooLarge { found, most }));
        }
        self.at_least_one(&key, value)
    }

    fn at_least_one(&self, key: &KeyPath, value: u32) -> Result<NonZeroU32, ScenarioError> {
        NonZeroU32::new(value).ok_or_else(|| self.error(key, Problem::Zero))
    }

    /// Checks that a list has entries, all different.
    fn entries<T: std::fmt::Display>(
        &self,
        key: &KeyPath,
        entries: &[T],
        fix: &'static str,
    ) -> Result<(), ScenarioError> {
        check_entries(entries, fix).map_err(|error| self.value_error(key, error))
    }

    /// A mistake in the value of this key.
    fn value_error(&self, key: &KeyPath, error: KeyError) -> ScenarioError {
        self.error(&key.spelled(&error.key), Problem::Later(error.problem))
    }

    fn device(&self, written: Option<String>) -> Result<Device, ScenarioError> {
        let device = written.unwrap_or_else(|| Device::CPU.to_owned());
        let numbered = |number: &str| {
            number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse::<u32>().is_ok()
        };
        let known = matches!(device.as_str(), "cpu" | "cuda")
            || device.strip_prefix("cuda:").is_some_and(numbered);
        if known {
            Ok(Device(device))
        } else {
            Err(self.error(&KeyPath::top("device"), Problem::Device { found: device }))
        }
    }

    fn backbone(
        &self,
        name: String,
        written: spec::Backbone,
    ) -> Result<BackboneUse, ScenarioError> {
        let key = KeyPath::top("backbones").join(&name);
        self.entry_name(&key, &name)?;
        Ok(BackboneUse {
            use_: self.use_(&key, written.use_, &name)?,
            plugin: self.plugin(&key.join("plugin"), written.plugin)?,
            parameters: Value::Object(written.parameters.unwrap_or_default()),
            folder: parameter_folder::find(self.tree, &key)?,
            name,
        })
    }

    /// A domain, and the stream over it alone if it has one. `is_named` tells whether a named
    /// stream has it.
    fn domain(
        &self,
        name: &str,
        written: spec::Domain,
        scenario_stream: Option<&OwnStream>,
        seeds: &[u64],
        is_named: &dyn Fn() -> bool,
    ) -> Result<(DomainUse, Option<StreamUse>), ScenarioError> {
        let key = KeyPath::top("domains").join(name);
        self.entry_name(&key, name)?;
        if name == "overall" {
            return Err(self.error(&key, Problem::ReservedName));
        }
        let spec::Domain {
            source,
            keys: written,
        } = written;
        let source = self.source(&key, source)?;
        let shots = self.shots(&key, written.shots, written.draw)?;
        let templates = written
            .templates
            .unwrap_or_else(|| vec![TEMPLATE.to_owned()]);
        let fix = "list templates, or remove the key for the default, `a photo of a {}`";
        self.templates(&key.join("templates"), &templates, fix)?;
        let own = match written.stream {
            Some(stream) => Some(self.stream(&key.join("stream"), stream)?),
            None => scenario_stream.cloned(),
        };
        if own.is_none() && !is_named() {
            return Err(self.error(&key, Problem::NoStream));
        }
        let expect_key = key.join("expect");
        let mut written_expect = written.expect.unwrap_or_default();
        let class_orders = written_expect.class_orders.take();
        if class_orders.is_some() && own.is_none() {
            let key = expect_key.join("class_orders");
            return Err(self.error(&key, Problem::ClassOrdersOfNoStream));
        }
        let class_orders = self.class_orders(&expect_key, class_orders, seeds)?;
        let expect = self.expectation(&expect_key, written_expect)?;
        let stream = own.map(|own| self.stream_of_domain(name, &own, class_orders));
        let domain = DomainUse {
            name: name.to_owned(),
            source,
            shots,
            templates,
            expect,
            trust: written.trust.unwrap_or_default(),
        };
        Ok((domain, stream))
    }

    fn templates(
        &self,
        key: &KeyPath,
        templates: &[String],
        fix: &'static str,
    ) -> Result<(), ScenarioError> {
        self.entries(key, templates, fix)?;
        for (index, template) in templates.iter().enumerate() {
            let times = template.matches("{}").count();
            if times != 1 {
                let problem = Problem::Template {
                    template: template.clone(),
                    times,
                };
                return Err(self.error(&key.index(index), problem));
            }
        }
        Ok(())
    }

    /// The shots of the domain at `key`.
    fn shots(
        &self,
        key: &KeyPath,
        per_class: Option<u32>,
        draw: Option<Draw>,
    ) -> Result<Option<Shots>, ScenarioError> {
        let Some(per_class) = per_class else {
            let problem = "there is nothing to draw without `shots`; add `shots: 16`, say, or \
                           remove `draw`";
            return match draw {
                None => Ok(None),
                Some(_) => Err(self.error(&key.join("draw"), Problem::Later(problem.to_owned()))),
            };
        };
        Ok(Some(Shots {
            per_class: self.at_least_one(&key.join("shots"), per_class)?,
            draw: draw.unwrap_or_default(),
        }))
    }

    /// The source of the domain at `key`: its values checked, its paths joined to the scenario's
    /// folder.
    fn source(&self, key: &KeyPath, mut source: Source) -> Result<Source, ScenarioError> {
        source
            .check()
            .map_err(|error| self.value_error(key, error))?;
        source.change_paths(|part, path| {
            // It was read from text, so nothing is lost.
            let written = path.to_string_lossy().into_owned();
            self.written_path(&key.spelled(part), written)
        })?;
        Ok(source)
    }

    fn expectation(
        &self,
        key: &KeyPath,
        written: spec::Expect,
    ) -> Result<Expectation, ScenarioError> {
        let split = written
            .split
            .map(|split| self.hash(key.join("split"), split));
        let content = written
            .content
            .map(|content| self.hash(key.join("content"), content));
        Ok(Expectation {
            train: written.train,
            test: written.test,
            split: split.transpose()?,
            content: content.transpose()?,
            shared: written.shared.unwrap_or_default(),
        })
    }

    /// The expected class orders of a stream, by seed. `key` is that of its `expect`.
    fn class_orders(
        &self,
        key: &KeyPath,
        written: Option<Vec<String>>,
        seeds: &[u64],
    ) -> Result<Vec<(Seed, String)>, ScenarioError> {
        let key = key.join("class_orders");
        let orders = written.unwrap_or_default();
        if !orders.is_empty() && orders.len() != seeds.len() {
            let (found, seeds) = (orders.len(), seeds.len());
            return Err(self.error(&key, Problem::ClassOrders { found, seeds }));
        }
        (seeds.iter().zip(orders).enumerate())
            .map(|(index, (&seed, digest))| Ok((Seed(seed), self.hash(key.index(index), digest)?)))
            .collect()
    }

    /// The first digits of a hash.
    fn hash(&self, key: KeyPath, hash: String) -> Result<String, ScenarioError> {
        let digits = hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match digits && (12..=64).contains(&hash.len()) {
            true => Ok(hash),
            false => Err(self.error(&key, Problem::Hash { found: hash })),
        }
    }

    /// The rows of one strategy.
    fn strategy(
        &self,
        name: &str,
        written: spec::Strategy,
        declared: &[BackboneUse],
    ) -> Result<Vec<StrategyRow>, ScenarioError> {
        let key = KeyPath::top("strategies").join(name);
        self.entry_name(&key, name)?;
        let python = self.python(&key, &written)?;
        let use_ = match &python {
            Some(_) => python::USE.to_owned(),
            None => self.use_(&key, written.use_, name)?,
        };
        let label = self.label(&key.join("label"), written.label)?;
        let interpreter = self.interpreter(&key, written.interpreter, python.is_some())?;
        let plugin = self.plugin(&key.join("plugin"), written.plugin)?;
        let backbones =
            self.strategy_backbones(&key, written.backbone, written.backbones, declared)?;
        if let Some(trials) = written.trials {
            let key = key.join("trials");
            self.at_least_one(&key, trials)?;
            if written.provenance != Some(spec::Provenance::Tuned) {
                return Err(self.error(&key, Problem::TrialsWithoutTuned));
            }
        }
        if written.grid.as_ref().is_some_and(|grid| grid.is_empty()) {
            let fix = "add parameters to vary, or remove the key";
            return Err(self.error(&key.join("grid"), Problem::Empty { fix }));
        }
        let parameters = written.parameters.unwrap_or_default();
        let grid = written.grid.unwrap_or_default();
        let combinations = grid::expand(parameters, &grid, self.tree, &key)?;
        let folder = match &python {
            Some(class) => class.folder.clone(),
            None => parameter_folder::find(self.tree, &key)?,
        };

        let mut names = HashSet::new();
        let mut rows = Vec::with_capacity(combinations.len());
        for combination in combinations {
            // A name has no brackets, so only rows of the same grid can have the same name.
            let row = format!("{name}{}", combination.suffix());
            if !names.insert(row.clone()) {
                return Err(self.error(&key.join("grid"), Problem::DuplicateRow { row }));
            }
            let suffix = match combination.suffix() {
                none if none.is_empty() => none,
                choices => format!(" {choices}"),
            };
            rows.push(StrategyRow {
                name: row,
                base: name.to_owned(),
                label: label.as_ref().map(|label| format!("{label}{suffix}")),
                use_: use_.clone(),
                plugin: plugin.clone(),
                backbones: backbones.clone(),
                regime: written.regime.unwrap_or(spec::Regime::Sequential),
                parameters: match &python {
                    Some(class) => class.parameters(combination.parameters),
                    None => Value::Object(combination.parameters),
                },
                is_python: python.is_some(),
                interpreter: interpreter.clone(),
                folder: folder.clone(),
                grid: combination.choices,
                provenance: written.provenance,
                trials: written.trials,
            });
        }
        Ok(rows)
    }

    /// What tables call a row.
    fn label(
        &self,
        key: &KeyPath,
        written: Option<String>,
    ) -> Result<Option<String>, ScenarioError> {
        let Some(label) = written else {
            return Ok(None);
        };
        if label.trim().is_empty() {
            let fix = "write what tables call the row, or remove the key for its name";
            return Err(self.error(key, Problem::Empty { fix }));
        }
        if let Some(found) = label.chars().find(|&letter| terminal::is_control(letter)) {
            let found = in_words(found);
            return Err(self.error(key, Problem::ControlInLabel { found }));
        }
        Ok(Some(label.trim().to_owned()))
    }

    /// Checks that tables call no two rows the same.
    fn distinct_titles(&self, rows: &[StrategyRow]) -> Result<(), ScenarioError> {
        let mut row_of: HashMap<&str, &StrategyRow> = HashMap::new();
        for row in rows {
            let Some(other) = row_of.insert(row.title(), row) else {
                continue;
            };
            // Names are distinct, so one of the two has a label.
            let labelled = if row.label.is_some() { row } else { other };
            return Err(self.error(
                &labelled.key().join("label"),
                Problem::DuplicateLabel {
                    label: row.title().to_owned(),
                    row: other.name.clone(),
                    other: row.name.clone(),
                },
            ));
        }
        Ok(())
    }

    /// The backbones that a strategy names. The default is the scenario's only backbone, or none.
    fn strategy_backbones(
        &self,
        key: &KeyPath,
        one: Option<String>,
        several: Option<Vec<String>>,
        declared: &[BackboneUse],
    ) -> Result<Vec<String>, ScenarioError> {
        let known = || {
            declared
                .iter()
                .map(|backbone| backbone.name.clone())
                .collect::<Vec<_>>()
        };
        let named = match (one, several) {
            (Some(_), Some(_)) => return Err(self.error(key, Problem::BackbonesTwice)),
            (Some(name), None) => vec![(key.join("backbone"), name)],
            (None, Some(names)) => {
                let key = key.join("backbones");
                if !names.is_empty() {
                    self.entries(&key, &names, "")?;
                }
                let keys = (0..).map(|index| key.index(index));
                keys.zip(names).collect()
            }
            (None, None) if declared.len() > 1 => {
                return Err(self.error(key, Problem::WhichBackbone { known: known() }));
            }
            (None, None) => return Ok(known()),
        };
        let mut names = Vec::with_capacity(named.len());
        for (key, name) in named {
            if !declared.iter().any(|backbone| backbone.name == name) {
                let problem = if declared.is_empty() {
                    Problem::NoBackbones { name }
                } else {
                    Problem::UnknownName {
                        what: "backbone",
                        name,
                        known: known(),
                    }
                };
                return Err(self.error(&key, problem));
            }
            names.push(name);
        }
        Ok(names)
    }

    /// The name under which a plugin offers something: the one given, or the entry's own.
    fn use_(
        &self,
        key: &KeyPath,
        given: Option<String>,
        own: &str,
    ) -> Result<String, ScenarioError> {
        match given {
            Some(name) if name.is_empty() => {
                let fix = "write the name that the plugin offers, or remove the key";
                Err(self.error(&key.join("use"), Problem::Empty { fix }))
            }
            Some(name) => Ok(name),
            None => Ok(own.to_owned()),
        }
    }

    /// The path of a plugin's file, if one is given. A folder is refused: most likely it is the
    /// crate that the plugin is built from.
    fn plugin(
        &self,
        key: &KeyPath,
        written: Option<String>,
    ) -> Result<Option<PathBuf>, ScenarioError> {
        let Some(written) = written else {
            return Ok(None);
        };
        let path = self.written_path(key, written.clone())?;
        match PluginFault::of_folder(&path, Path::new(&written)) {
            Some(fault) => Err(self.error(key, Problem::Later(fault.to_string()))),
            None => Ok(Some(path)),
        }
    }

    /// A path as the scenario writes it: below the home folder, absolute, or relative to the file in
    /// which it is written.
    pub(super) fn written_path(
        &self,
        key: &KeyPath,
        path: String,
    ) -> Result<PathBuf, ScenarioError> {
        if path.is_empty() {
            return Err(self.error(
                key,
                Problem::Empty {
                    fix: "write a path",
                },
            ));
        }
        if let Some(found) = path.chars().find(|letter| letter.is_control()) {
            let found = in_words(found);
            return Err(self.error(key, Problem::EscapeInPath { found }));
        }
        let path = Path::new(&path);
        if let Ok(below_home) = path.strip_prefix("~") {
            let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
            let home = home.ok_or_else(|| {
                self.error(
                    key,
                    Problem::NoHome {
                        path: path.display().to_string(),
                    },
                )
            })?;
            return Ok(home.join(below_home));
        }
        let folder = self.tree.file_of(key).parent().unwrap_or(Path::new(""));
        Ok(folder.join(path))
    }
}

/// A control character in words.
fn in_words(found: char) -> &'static str {
    match found {
        '\n' => "a line break",
        '\t' => "a tab",
        _ => "a control character",
    }
}
