//! The plan: every cell of a scenario, in the order in which tables list them.

use super::child::Child;
use super::job::JOB_FORMAT;
use super::parameters::{check_backbone, check_strategy};
use super::probe::{Answer, BackboneCheck, Request, StrategyCheck};
use super::protocol::learned_tasks;
use super::{Event, Fault, Interrupt, Job, Paths};
use crate::error::Error;
use crate::plugin::{Kind, PluginRef, Registry};
use crate::results::{Cell, CellBackbone, CellDomain, CellStrategy, CellStream};
use crate::scenario::Scenario;
use crate::stream::Stream;
use crate::stream::open::{OpenedDomain, Restriction, open, stream_error};
use crate::stream::warnings::warnings;
use crate::terminal;
use harness_abi::backbone::BackboneInfo;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

/// How much of the log of a failed check is shown, in bytes.
const LONGEST_LOG: u64 = 1 << 20;

/// All cells of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// By domain, then strategy, then seed, in the scenario's order.
    pub cells: Vec<Planned>,
}

/// A job, and the outputs that its strategy reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The cell and where its files are.
    pub job: Job,
    /// For each of its backbones, the outputs that its strategy reads in addition to the embedding.
    /// They are not part of the cell: its process asks the strategy again.
    pub outputs: Vec<Vec<String>>,
}

impl Plan {
    /// Plans a scenario: opens its domains, finds its plugins, and lets the plugins check their
    /// parameters.
    ///
    /// # Errors
    ///
    /// If a domain, a plugin or a parameter is invalid.
    pub fn make(
        scenario: &Scenario,
        registry: &Registry,
        restriction: Restriction,
        save_predictions: bool,
        interrupt: &Interrupt,
    ) -> Result<Plan, Error> {
        let folder = folder(scenario)?;
        let domains = scenario
            .domains
            .iter()
            .map(|domain| open(scenario, domain, restriction))
            .collect::<Result<Vec<_>, _>>()?;
        let (request, checks) = request(scenario, &folder, registry, &domains)?;
        let (infos, outputs) = checked(scenario, &request, interrupt)?;
        let classes = domains
            .iter()
            .map(|domain| Some(domain.summary.classes.len()));
        for warning in warnings(scenario, &classes.collect::<Vec<_>>()) {
            terminal::say(format_args!("warning: {warning}"));
        }

        let mut cells = Vec::new();
        for ((domain, opened), checks) in scenario.domains.iter().zip(&domains).zip(checks) {
            for (row, number) in scenario.strategies.iter().zip(checks) {
                let check = &request.strategies[number];
                for &seed in &scenario.seeds {
                    let mut cell = Cell {
                        id: String::new(),
                        scenario: scenario.name.clone(),
                        stream: CellStream {
                            name: domain.name.clone(),
                            domains: vec![CellDomain {
                                name: domain.name.clone(),
                                split_hash: opened.summary.split_hash.as_str().to_owned(),
                                templates: domain.templates.clone(),
                            }],
                            spec: domain.stream.spec.clone(),
                            limit: restriction.limit,
                            validation: restriction.validation,
                        },
                        backbones: check
                            .backbones
                            .iter()
                            .map(|&index| cell_backbone(&request.backbones[index], &infos[index]))
                            .collect(),
                        strategy: CellStrategy {
                            row: row.name.clone(),
                            label: None,
                            use_: row.use_.clone(),
                            plugin: check.plugin.id.clone(),
                            regime: row.regime,
                            parameters: row.parameters.clone(),
                            provenance: row.provenance,
                            trials: row.trials,
                        },
                        seed,
                        threads: scenario.threads.get(),
                        device: scenario.device.as_str().to_owned(),
                    };
                    cell.id = cell.proper_id();
                    let files = check.backbones.iter();
                    let job = Job {
                        format: JOB_FORMAT,
                        cell,
                        paths: Paths {
                            folder: folder.clone(),
                            sources: vec![opened.source.clone()],
                            backbones: files
                                .map(|&index| request.backbones[index].plugin.file.clone())
                                .collect(),
                            strategy: check.plugin.file.clone(),
                        },
                        save_predictions,
                    };
                    cells.push(Planned {
                        job,
                        outputs: outputs[number].clone(),
                    });
                }
            }
        }
        Ok(Plan { cells })
    }
}

/// The scenario's folder as an absolute path: a cell may run in another working directory. It is
/// passed on as JSON, which is UTF-8.
fn folder(scenario: &Scenario) -> Result<PathBuf, Error> {
    let folder = match scenario.file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    match folder.to_str() {
        Some(_) => Ok(folder),
        None => Err(Error::Usage(format!(
            "the path of the scenario's folder is not valid UTF-8: {}; rename the folder, or move the scenario to another",
            folder.display()
        ))),
    }
}

fn cell_backbone(check: &BackboneCheck, info: &BackboneInfo) -> CellBackbone {
    CellBackbone {
        name: check.name.clone(),
        use_: check.use_.clone(),
        plugin: check.plugin.id.clone(),
        parameters: check.parameters.clone(),
        fingerprint: info.fingerprint.clone(),
        dtype: info.dtype.clone(),
    }
}

/// What to check; and for each domain, the index of each row's check among the request's
/// strategies. A row that has the same number of tasks and classes on two domains is checked once.
fn request(
    scenario: &Scenario,
    folder: &Path,
    registry: &Registry,
    domains: &[OpenedDomain],
) -> Result<(Request, Vec<Vec<usize>>), Error> {
    let used = |name: &str| {
        scenario
            .strategies
            .iter()
            .any(|row| row.backbones.iter().any(|backbone| backbone == name))
    };
    let mut backbones = Vec::new();
    for backbone in scenario.backbones.iter().filter(|b| used(&b.name)) {
        let file = registry.find(Kind::Backbone, &backbone.use_, backbone.plugin.as_deref())?;
        check_backbone(scenario, backbone, &file)?;
        backbones.push(BackboneCheck {
            name: backbone.name.clone(),
            use_: backbone.use_.clone(),
            plugin: PluginRef::from(&file),
            parameters: backbone.parameters.clone(),
        });
    }
    let mut strategies: Vec<StrategyCheck> = Vec::new();
    let mut checks = vec![Vec::new(); domains.len()];
    for row in &scenario.strategies {
        let file = registry.find(Kind::Strategy, &row.use_, row.plugin.as_deref())?;
        check_strategy(scenario, row, &file)?;
        for ((domain, opened), checks) in scenario.domains.iter().zip(domains).zip(&mut checks) {
            let seed = scenario.seeds[0];
            let classes = opened.summary.classes.len();
            let stream = Stream::new(&domain.stream.spec, classes, seed)
                .map_err(|error| stream_error(scenario, domain, &error))?;
            let check = StrategyCheck {
                row: row.name.clone(),
                use_: row.use_.clone(),
                plugin: PluginRef::from(&file),
                parameters: row.parameters.clone(),
                backbones: row
                    .backbones
                    .iter()
                    .map(|name| {
                        let position = backbones.iter().position(|check| check.name == *name);
                        position.expect("a resolved scenario names backbones that it has")
                    })
                    .collect(),
                tasks: learned_tasks(row.regime, &stream),
                classes: classes as u32,
                seed: seed.0,
            };
            let known = strategies.iter().position(|known| *known == check);
            checks.push(known.unwrap_or_else(|| {
                strategies.push(check);
                strategies.len() - 1
            }));
        }
    }
    let request = Request {
        device: scenario.device.as_str().to_owned(),
        threads: scenario.threads.get(),
        folder: folder.to_owned(),
        backbones,
        strategies,
    };
    Ok((request, checks))
}

/// The backbones' infos, and for each checked strategy and each of its backbones, the outputs that
/// it reads.
type Found = (Vec<BackboneInfo>, Vec<Vec<Vec<String>>>);

/// Checks the plugins' parameters in a child process.
fn checked(scenario: &Scenario, request: &Request, interrupt: &Interrupt) -> Result<Found, Error> {
    let internal =
        |error: std::io::Error| Error::Internal(format!("the log of a child process: {error}"));
    // Shown only if something goes wrong.
    let mut log = tempfile::tempfile().map_err(internal)?;
    let input = serde_json::to_string(request).expect("plain data");
    let mut answer = None;
    let child = Child {
        args: &["probe"],
        paths: &[],
        input: &input,
        threads: request.threads,
        log: log.try_clone().map_err(internal)?,
    };
    let ended = child.run(interrupt, &mut |event| match event {
        Event::Answer(value) => answer = serde_json::from_value(value).ok(),
        Event::Warning(warning) => terminal::say(format_args!("warning: {warning}")),
        _ => {}
    });
    let error = match (ended, answer) {
        (Ok(()), Some(Answer::Good { backbones, outputs })) => return Ok((backbones, outputs)),
        (Ok(()), Some(Answer::Bad { name, fault })) => at_its_key(scenario, &name, fault),
        (Ok(()), None) => Error::Internal("the check returned no answer".into()),
        (Err(error), _) => error,
    };
    log.rewind().map_err(internal)?;
    // Plugins write to it, so it may be anything.
    let mut text = Vec::new();
    log.take(LONGEST_LOG)
        .read_to_end(&mut text)
        .map_err(internal)?;
    if !text.is_empty() {
        terminal::say(String::from_utf8_lossy(&text).trim_end());
    }
    Err(error)
}

/// The error about a parameter, at its place in the scenario.
fn at_its_key(scenario: &Scenario, name: &str, fault: Fault) -> Error {
    let Some((kind, path, message)) = &fault.parameter else {
        return fault.into();
    };
    let key = match kind {
        Kind::Strategy => {
            let mut rows = scenario.strategies.iter();
            rows.find(|row| row.name == name)
                .map(|row| row.parameter_key(path))
        }
        _ => {
            let mut backbones = scenario.backbones.iter();
            backbones
                .find(|backbone| backbone.name == name)
                .map(|backbone| backbone.parameter_key(path))
        }
    };
    match key {
        Some(key) => scenario.key_error(&key, message.clone()).into(),
        None => fault.into(),
    }
}
