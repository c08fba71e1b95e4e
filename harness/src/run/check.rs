//! The check of a scenario's plugins before anything runs: parameters against the schemas in the
//! plugins' manifests, and then by the plugins' own code, in a process of its own.

use super::child::{Child, Work};
use super::parameters::{check_backbone, check_strategy};
use super::probe::{Answer, BackboneCheck, MetricCheck, Request, StrategyCheck};
use super::protocol::learned_tasks;
use super::script::Start;
use super::{Event, Fault, Gpu, Interrupt, Log, MemoryNeed, Watch, silent};
use crate::error::{Ending, Error};
use crate::exit_code::ExitCode;
use crate::plugin::{Kind, PluginRef, Registry, provide_libtorch};
use crate::scenario::{Device, Regime, Scenario};
use crate::stream::open::{CutStream, largest_task};
use crate::terminal;
use harness_abi::SourceFile;
use harness_abi::backbone::BackboneInfo;
use std::path::{Path, PathBuf};

/// What to ask a scenario's plugins.
#[derive(Debug, Clone)]
pub struct Check<'a> {
    scenario: &'a Scenario,
    /// The question.
    pub(super) request: Request,
    /// For each stream and each row, the index of its check among the request's strategies. A row
    /// that has the same number of tasks and classes on two streams is checked once.
    pub(super) rows: Vec<Vec<usize>>,
    /// Whether a plugin needs libtorch.
    on_libtorch: bool,
}

/// What the plugins answered.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The backbones' infos.
    pub(super) backbones: Vec<BackboneInfo>,
    /// For each checked strategy and each of its backbones, the outputs that it reads.
    pub(super) outputs: Vec<Vec<Vec<String>>>,
    /// For each checked strategy, the memory that it expects to need.
    memory: Vec<Option<u64>>,
    /// For each checked strategy, its own sources, if it is a script.
    pub(super) sources: Vec<Vec<SourceFile>>,
}

impl Check<'_> {
    /// Finds the plugins of a scenario and checks its parameters against their schemas. `streams`
    /// are the scenario's.
    ///
    /// # Errors
    ///
    /// If a plugin is missing, or a parameter is invalid.
    pub fn of<'a>(
        scenario: &'a Scenario,
        registry: &Registry,
        streams: &[CutStream<'_>],
        metrics: &[(String, PluginRef)],
    ) -> Result<Check<'a>, Error> {
        let used = |name: &str| {
            let mut rows = scenario.strategies.iter();
            rows.any(|row| row.backbones.iter().any(|backbone| backbone == name))
        };
        let (mut backbones, mut on_libtorch) = (Vec::new(), false);
        for backbone in scenario.backbones.iter().filter(|b| used(&b.name)) {
            let file = registry.find(Kind::Backbone, &backbone.use_, backbone.plugin.as_deref())?;
            check_backbone(scenario, backbone, &file)?;
            on_libtorch |= file.manifest().runtime.is_some();
            backbones.push(BackboneCheck {
                name: backbone.name.clone(),
                use_: backbone.use_.clone(),
                plugin: PluginRef::from(&file),
                parameters: backbone.parameters.clone(),
                folder: absolute(&backbone.folder)?,
            });
        }
        let mut strategies: Vec<StrategyCheck> = Vec::new();
        let mut rows = vec![Vec::new(); streams.len()];
        for row in &scenario.strategies {
            let file = registry.find(Kind::Strategy, &row.use_, row.plugin.as_deref())?;
            check_strategy(scenario, row, &file)?;
            on_libtorch |= file.manifest().runtime.is_some();
            let folder = absolute(&row.folder)?;
            // Checks of other rows have other names.
            let first = strategies.len();
            for (CutStream { domains, of_seed }, rows) in streams.iter().zip(&mut rows) {
                let seed = scenario.seeds[0];
                let stream = &of_seed[0];
                let domains = domains.iter();
                let samples = domains
                    .clone()
                    .map(|opened| opened.summary.n_train as u64)
                    .sum();
                let of_class: Vec<&[u64]> =
                    domains.map(|opened| &opened.train_of_class[..]).collect();
                let largest = of_seed.iter().map(|stream| largest_task(&of_class, stream));
                let check = StrategyCheck {
                    row: row.name.clone(),
                    use_: row.use_.clone(),
                    plugin: PluginRef::from(&file),
                    parameters: Start {
                        interpreter: row.interpreter.as_deref(),
                        ..Start::default()
                    }
                    .with(&row.parameters),
                    folder: folder.clone(),
                    backbones: row
                        .backbones
                        .iter()
                        .map(|name| {
                            let position = backbones.iter().position(|check| check.name == *name);
                            position.expect("a resolved scenario names backbones that it has")
                        })
                        .collect(),
                    tasks: learned_tasks(row.regime, stream),
                    classes: stream.n_classes() as u32,
                    samples,
                    task_samples: match row.regime {
                        Regime::Sequential => largest.max().unwrap_or_default(),
                        Regime::Joint => samples,
                    },
                    seed: seed.0,
                };
                let of_row = strategies[first..].iter();
                let known = of_row.clone().position(|known| *known == check);
                let number = first + known.unwrap_or(of_row.len());
                if number == strategies.len() {
                    strategies.push(check);
                }
                rows.push(number);
            }
        }
        let metrics = metrics.iter().map(|(name, plugin)| MetricCheck {
            name: name.clone(),
            plugin: plugin.clone(),
        });
        let request = Request {
            device: scenario.device.as_str().to_owned(),
            threads: scenario.threads.get(),
            backbones,
            strategies,
            metrics: metrics.collect(),
        };
        Ok(Check {
            scenario,
            request,
            rows,
            on_libtorch,
        })
    }

    /// The memory that the cells expect to need on the CPU. On another device, what strategies say
    /// is not about the machine's memory.
    pub fn memory_needs(&self, checked: &Checked) -> Vec<MemoryNeed> {
        if self.scenario.device.as_str() != Device::CPU {
            return Vec::new();
        }
        let mut needs = Vec::new();
        for (stream, rows) in self.scenario.streams.iter().zip(&self.rows) {
            for (row, &number) in self.scenario.strategies.iter().zip(rows) {
                if let Some(bytes) = checked.memory[number] {
                    needs.push(MemoryNeed {
                        row: row.name.clone(),
                        stream: stream.name.clone(),
                        bytes,
                    });
                }
            }
        }
        needs
    }

    /// Lets the plugins check their parameters on a device, in a child process, which sees the
    /// given GPU only, if there is one. This is the first time that plugins run, so libtorch is
    /// fetched here.
    ///
    /// # Errors
    ///
    /// What the first plugin at fault reports.
    pub fn run(
        &self,
        device: &str,
        gpu: Option<&Gpu>,
        interrupt: &Interrupt,
    ) -> Result<Checked, Refusal> {
        let request = Request {
            device: device.to_owned(),
            ..self.request.clone()
        };
        // Shown only if something goes wrong, and then before the error.
        let log = Log::in_memory();
        if self.on_libtorch
            && let Err(error) = provide_libtorch(&|| interrupt.requested())
        {
            let error = interrupt.check().err().unwrap_or_else(|| error.into());
            return Err(Refusal {
                error: Box::new(error),
                missing: None,
                log,
            });
        }
        let input = serde_json::to_string(&request).expect("plain data");
        let mut answer = None;
        let tell = |length| terminal::say(silent(Work::Check, length));
        let child = Child {
            work: Work::Check,
            args: &["probe"],
            paths: &[],
            input: &input,
            threads: request.threads,
            gpu,
            log: Some(&log),
            foreground: false,
            watch: Watch {
                silent: Some(&tell),
                ..Watch::default()
            },
        };
        let ended = child.run(interrupt, &mut |event| match event {
            Event::Answer(value) => answer = serde_json::from_value(value).ok(),
            Event::Warning(warning) => terminal::say(format_args!("warning: {warning}")),
            _ => {}
        });
        let (error, missing) = match (ended, answer) {
            (Ok(()), Some(answer)) if !answer.fits(&request) => (
                by_plugin("a plugin falsified the answer of the check"),
                None,
            ),
            (
                Ok(()),
                Some(Answer::Good {
                    backbones,
                    outputs,
                    memory,
                    sources,
                }),
            ) => {
                return Ok(Checked {
                    backbones,
                    outputs,
                    memory,
                    sources,
                });
            }
            (Ok(()), Some(Answer::Bad { name, fault })) => {
                let missing = fault.missing.clone().map(|(kind, why)| {
                    let name = name.clone();
                    Box::new(Missing { kind, name, why })
                });
                (at_its_key(self.scenario, &name, fault), missing)
            }
            (Ok(()), None) => (
                by_plugin("a plugin ended the check before it was complete"),
                None,
            ),
            (Err(error), _) => (error.with_log(None), None),
        };
        Err(Refusal {
            error: Box::new(error),
            missing,
            log,
        })
    }
}

/// Why a plugin does not accept a scenario.
#[derive(Debug)]
pub struct Refusal {
    /// What the user reads.
    pub error: Box<Error>,
    /// What is not there, if that is why.
    pub missing: Option<Box<Missing>>,
    /// What the plugins printed.
    log: Log,
}

/// A backbone or strategy whose files do not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Which of the two.
    pub kind: Kind,
    /// Its name, or its row's, in the scenario.
    pub name: String,
    /// The plugin's own message.
    pub why: String,
}

impl Refusal {
    /// The error, after what the plugins printed has been shown.
    #[must_use]
    pub fn with_log(self) -> Error {
        // Plugins write to it, so it may be anything.
        let text = self.log.text();
        if !text.is_empty() {
            terminal::say(String::from_utf8_lossy(&text).trim_end());
        }
        *self.error
    }
}

/// The error about a plugin that sent something in the name of the process.
fn by_plugin(what: &str) -> Error {
    Error::Child {
        message: format!("{what}; this is a bug in the plugin, report it to its author"),
        code: ExitCode::Plugin,
        ending: Ending::Reported,
        log: None,
    }
}

/// A folder of the scenario as an absolute path: a cell may run in another working directory. It is
/// passed on as JSON, which is UTF-8.
fn absolute(folder: &Path) -> Result<PathBuf, Error> {
    let folder = match folder == Path::new("") {
        true => Path::new("."),
        false => folder,
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
