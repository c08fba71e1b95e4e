//! The check before the first cell: a separate process creates every backbone, runs every
//! strategy's own check, and creates the strategies and metrics. So a wrong parameter ends a run at
//! once, and a plugin that crashes does no harm.

use super::host::host;
use super::opened::Plugins;
use super::outputs::outputs_read;
use super::{Events, Fault, Interrupt};
use crate::error::Error;
use crate::plugin::PluginRef;
use harness_abi::BackboneHandle;
use harness_abi::backbone::{BackboneInfo, BackboneSetting};
use harness_abi::{Host, Outline, Setting, SourceFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// What to check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The device to compute on.
    pub device: String,
    /// Threads per operation.
    pub threads: u32,
    /// Backbones to create.
    pub backbones: Vec<BackboneCheck>,
    /// Strategies to check.
    pub strategies: Vec<StrategyCheck>,
    /// Metrics to create.
    pub metrics: Vec<MetricCheck>,
}

/// A backbone to create.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackboneCheck {
    /// Its name in the scenario.
    pub name: String,
    /// Its name in the plugin.
    pub use_: String,
    /// The plugin.
    pub plugin: PluginRef,
    /// Its parameters.
    pub parameters: Value,
    /// Where relative paths among them start, as an absolute path.
    pub folder: PathBuf,
}

/// A strategy to check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategyCheck {
    /// The name of its row.
    pub row: String,
    /// Its name in the plugin.
    pub use_: String,
    /// The plugin.
    pub plugin: PluginRef,
    /// Its parameters.
    pub parameters: Value,
    /// Where relative paths among them start, as an absolute path.
    pub folder: PathBuf,
    /// Its backbones, as indices into the request's.
    pub backbones: Vec<usize>,
    /// How many tasks it will learn.
    pub tasks: u32,
    /// How many classes the stream has.
    pub classes: u32,
    /// How many training samples it has.
    pub samples: u64,
    /// How many of them the largest task has, whatever the seed.
    pub task_samples: u64,
    /// The seed that it is created with.
    pub seed: u64,
}

/// A metric to create.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricCheck {
    /// Its name.
    pub name: String,
    /// The plugin.
    pub plugin: PluginRef,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Everything is valid.
    Good {
        /// The backbones' infos, in the request's order.
        backbones: Vec<BackboneInfo>,
        /// For each strategy, and each of its backbones, the outputs that it reads in addition to
        /// the embedding.
        outputs: Vec<Vec<Vec<String>>>,
        /// For each strategy, the memory that it expects to need.
        memory: Vec<Option<u64>>,
        /// For each strategy, its own sources, if it is a script.
        sources: Vec<Vec<SourceFile>>,
    },
    /// Something is wrong.
    Bad {
        /// The name in the scenario of the backbone, the strategy's row or the metric at fault.
        name: String,
        /// What is wrong.
        fault: Fault,
    },
}

impl Answer {
    /// Whether it is about everything in the request, and nothing else. The process that answers
    /// has plugins in it, which can write an answer of their own.
    pub(super) fn fits(&self, request: &Request) -> bool {
        match self {
            Answer::Bad { .. } => true,
            Answer::Good {
                backbones,
                outputs,
                memory,
                sources,
            } => {
                let strategies = &request.strategies;
                backbones.len() == request.backbones.len()
                    && outputs.len() == strategies.len()
                    && memory.len() == strategies.len()
                    && sources.len() == strategies.len()
                    && outputs
                        .iter()
                        .zip(strategies)
                        .all(|(outputs, strategy)| outputs.len() == strategy.backbones.len())
            }
        }
    }
}

/// Checks a request. Call this in a separate process.
pub fn probe(request: &Request, events: &Arc<Events>, interrupt: &Interrupt) -> Answer {
    let host: Host = host(events.clone(), interrupt.clone(), Arc::default());
    let mut plugins = Plugins::on(&request.device);
    let mut handles: Vec<BackboneHandle> = Vec::new();
    for check in &request.backbones {
        events.stage(stage("backbone", &check.name, &check.plugin));
        let setting = BackboneSetting {
            device: request.device.clone(),
            threads: request.threads,
            folder: check.folder.clone(),
            host: host.clone(),
        };
        let made = plugins
            .load(&check.plugin)
            .and_then(|plugin| Ok(plugin.backbone(&check.use_, &check.parameters, &setting)?));
        match made {
            Ok(handle) => handles.push(handle),
            Err(error) => return bad(&check.name, &error),
        }
    }
    let (mut outputs, mut memory, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for check in &request.strategies {
        events.stage(stage("strategy", &check.row, &check.plugin));
        let outline = Outline {
            tasks: check.tasks,
            classes: check.classes,
            samples: check.samples,
            task_samples: check.task_samples,
            device: request.device.clone(),
            folder: check.folder.clone(),
            backbones: check
                .backbones
                .iter()
                .map(|&backbone| handles[backbone].info().clone())
                .collect(),
        };
        let setting = Setting {
            seed: check.seed,
            tasks: check.tasks,
            classes: check.classes,
            device: request.device.clone(),
            threads: request.threads,
            folder: check.folder.clone(),
            backbones: check
                .backbones
                .iter()
                .map(|&backbone| handles[backbone].clone())
                .collect(),
            host: host.clone(),
        };
        let made = plugins.load(&check.plugin).and_then(|plugin| {
            let declared = plugin.check(&check.use_, &check.parameters, &outline)?;
            let backbones: Vec<_> = check
                .backbones
                .iter()
                .map(|&backbone| &*request.backbones[backbone].name)
                .zip(&outline.backbones)
                .collect();
            let outputs = outputs_read(&check.row, &declared.reads, &backbones)?;
            plugin.strategy(&check.use_, &check.parameters, &setting)?;
            Ok((outputs, declared))
        });
        match made {
            Ok((read, declared)) => {
                outputs.push(read);
                memory.push(declared.memory_bytes);
                sources.push(declared.sources);
            }
            Err(error) => return bad(&check.row, &error),
        }
    }
    for check in &request.metrics {
        events.stage(stage("metric", &check.name, &check.plugin));
        let made = plugins
            .load(&check.plugin)
            .and_then(|plugin| Ok(plugin.metric(&check.name)?));
        if let Err(error) = made {
            return bad(&check.name, &error);
        }
    }
    Answer::Good {
        outputs,
        memory,
        sources,
        backbones: handles.iter().map(|handle| handle.info().clone()).collect(),
    }
}

/// The stage. If a plugin crashes the process, it is the last event, so it names the file.
fn stage(kind: &str, name: &str, plugin: &PluginRef) -> String {
    format!(
        "checking {kind} `{name}` of plugin {}",
        plugin.file.display()
    )
}

fn bad(name: &str, error: &Error) -> Answer {
    Answer::Bad {
        name: name.to_owned(),
        fault: Fault::from(error),
    }
}
