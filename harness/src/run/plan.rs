//! The plan: every cell of a scenario, in the order in which tables list them.

use super::check::{Check, Checked, Refusal};
use super::job::{JOB_FORMAT, ScriptPaths};
use super::probe::BackboneCheck;
use super::{Gpu, Interrupt, Job, Paths, PluginPaths, memory_warnings};
use crate::error::Error;
use crate::plugin::{PluginRef, Registry};
use crate::results::{Cell, CellBackbone, CellDomain, CellStrategy, CellStream, by_module};
use crate::scenario::Scenario;
use crate::stream::open::{CutStream, Restriction, cut, open};
use crate::stream::warnings::warnings;
use crate::terminal;
use harness_abi::backbone::BackboneInfo;
use std::path::Path;

/// All cells of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// By stream, then strategy, then seed, in the scenario's order.
    pub cells: Vec<Planned>,
}

/// How to plan.
#[derive(Debug, Clone, Copy)]
pub struct PlanOptions<'a> {
    /// Which part of the data.
    pub restriction: Restriction,
    /// Whether cells save their predictions.
    pub save_predictions: bool,
    /// Whether records have the confusion matrix after the last task.
    pub confusion: bool,
    /// The device on which plugins check their parameters; cells keep the scenario's.
    pub device: &'a str,
    /// The only GPU that plugins see when they do so; `None` for those that this process sees.
    pub gpu: Option<&'a Gpu>,
    /// The memory, in bytes, that a cell can get where it runs; `None` if that is not known.
    pub available_memory: Option<u64>,
    /// Metrics that must load.
    pub metrics: &'a [(String, PluginRef)],
}

/// A job, and what its plugins answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The cell and where its files are.
    pub job: Job,
    /// What to store of each of its backbones before it runs. It is not part of the cell, whose
    /// process asks the plugins again. If they were not asked, this is empty, and the process
    /// computes what it needs.
    pub features: Vec<PlannedFeatures>,
}

/// What a cell reads of a backbone.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedFeatures {
    /// What the backbone says of itself.
    pub info: BackboneInfo,
    /// The outputs that the strategy reads in addition to the embedding.
    pub outputs: Vec<String>,
}

impl Plan {
    /// Plans a scenario: opens its domains, cuts its streams, finds its plugins, and lets the plugins check their
    /// parameters.
    ///
    /// # Errors
    ///
    /// If a domain, a plugin or a parameter is invalid.
    pub fn make(
        scenario: &Scenario,
        registry: &Registry,
        options: &PlanOptions<'_>,
        interrupt: &Interrupt,
    ) -> Result<Plan, Error> {
        let &PlanOptions {
            restriction,
            save_predictions,
            confusion,
            ..
        } = options;
        let domains = scenario
            .domains
            .iter()
            .map(|domain| open(scenario, domain, restriction))
            .collect::<Result<Vec<_>, _>>()?;
        let streams = scenario
            .streams
            .iter()
            .map(|stream| cut(scenario, stream, &domains, restriction))
            .collect::<Result<Vec<_>, _>>()?;
        let check = Check::of(scenario, registry, &streams, options.metrics)?;
        let checked = check.run(options.device, options.gpu, interrupt);
        let checked = checked.map_err(Refusal::with_log)?;
        let (needs, limit) = (check.memory_needs(&checked), scenario.limits.memory);
        for warning in memory_warnings(&needs, limit, options.available_memory) {
            terminal::say(format_args!("warning: {warning}"));
        }
        let Checked {
            backbones,
            outputs,
            sources,
            ..
        } = checked;
        let Check { request, rows, .. } = check;
        let classes = domains
            .iter()
            .map(|domain| Some(domain.summary.classes.clone()));
        let encodes_text = |name: &String| {
            let mut checked = request.backbones.iter().zip(&backbones);
            checked.any(|(check, info)| check.name == *name && info.text.is_some())
        };
        for warning in warnings(scenario, &classes.collect::<Vec<_>>(), |row| {
            row.backbones.iter().any(encodes_text)
        }) {
            terminal::say(format_args!("warning: {warning}"));
        }

        let mut cells = Vec::new();
        for ((stream, CutStream { domains, .. }), rows) in
            scenario.streams.iter().zip(&streams).zip(rows)
        {
            let templates = scenario.templates_of(stream);
            let of_cell = domains
                .iter()
                .zip(&templates)
                .map(|(opened, templates)| CellDomain {
                    name: opened.name.clone(),
                    split_hash: opened.summary.split_hash.as_str().to_owned(),
                    templates: templates.to_vec(),
                    shots: scenario.domain(&opened.name).shots,
                });
            let cell_stream = CellStream {
                name: stream.name.clone(),
                domains: of_cell.collect(),
                spec: stream.spec(),
                limit: restriction.limit,
                validation: restriction.validation,
            };
            for (row, number) in scenario.strategies.iter().zip(rows) {
                let check = &request.strategies[number];
                for &seed in &scenario.seeds {
                    let mut cell = Cell {
                        id: String::new(),
                        scenario: scenario.name.clone(),
                        stream: cell_stream.clone(),
                        backbones: check
                            .backbones
                            .iter()
                            .map(|&index| {
                                cell_backbone(&request.backbones[index], &backbones[index])
                            })
                            .collect(),
                        strategy: CellStrategy {
                            row: row.name.clone(),
                            label: row.label.clone(),
                            use_: row.use_.clone(),
                            plugin: check.plugin.id.clone(),
                            sources: by_module(&sources[number]),
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
                            sources: domains.iter().map(|opened| opened.source.clone()).collect(),
                            trust: (domains.iter())
                                .map(|opened| scenario.domain(&opened.name).trust)
                                .collect(),
                            backbones: files
                                .map(|&index| {
                                    let check = &request.backbones[index];
                                    plugin_paths(&check.plugin, &check.folder)
                                })
                                .collect(),
                            strategy: plugin_paths(&check.plugin, &check.folder),
                            script: ScriptPaths {
                                interpreter: row.interpreter.clone(),
                                sources: sources[number].clone(),
                            },
                        },
                        save_predictions,
                        confusion,
                        debug: false,
                        checkpoint: scenario.checkpoint,
                        limits: scenario.limits,
                    };
                    let infos = check
                        .backbones
                        .iter()
                        .map(|&index| backbones[index].clone());
                    let features = infos
                        .zip(outputs[number].clone())
                        .map(|(info, outputs)| PlannedFeatures { info, outputs });
                    cells.push(Planned {
                        job,
                        features: features.collect(),
                    });
                }
            }
        }
        Ok(Plan { cells })
    }
}

fn plugin_paths(plugin: &PluginRef, folder: &Path) -> PluginPaths {
    PluginPaths {
        plugin: plugin.file.clone(),
        folder: folder.to_owned(),
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
