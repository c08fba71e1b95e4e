//! `clbench validate`: whether a scenario would run, as far as that can be known without computing
//! anything.
//!
//! It checks what `run` checks before its first cell. But images, weights, plugins and the device
//! may come later, or be on another machine. What needs them is set aside and listed, and the rest
//! is checked.

use super::print::print;
use super::run::metrics;
use crate::cli::ValidateArgs;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::plugin::{Kind, PluginError, PluginFault, PluginRef, Registry};
use crate::run::check::{Check, Missing, Refusal};
use crate::run::parameters::{check_backbone, check_strategy};
use crate::run::{Interrupt, MemoryNeed, available_memory, memory_warnings};
use crate::scenario::{Device, Scenario, StreamUse};
use crate::stream::open::{CutStream, OpenedDomain, Restriction, cut, open};
use crate::stream::repeated_names::{RepeatedName, repeated_names};
use crate::stream::warnings::warnings;
use crate::suggest::list;
use crate::terminal::{self, on_one_line};
use std::fmt::Write;
use std::mem;

pub(super) fn validate(args: &ValidateArgs) -> Result<(), Error> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let scenario = Scenario::load(&args.scenario, &args.with, &args.set)?;
    let registry = Registry::discover(&args.plugins.search_path())?;
    let mut part = Part {
        scenario: scenario.clone(),
        domains: Vec::new(),
        metrics: Vec::new(),
        unchecked: Vec::new(),
        memory_needs: Vec::new(),
    };
    let (opened, classes) = part.open_domains(&scenario)?;
    part.find_plugins(&scenario, &registry)?;
    part.ask_plugins(&registry, &interrupt)?;

    let memory = memory_warnings(
        &part.memory_needs,
        scenario.limits.memory,
        available_memory(),
    );
    let unchecked = part.unchecked;
    let (streams, strategies, seeds) = (
        scenario.streams.len(),
        scenario.strategies.len(),
        scenario.seeds.len(),
    );
    let mut text = format!(
        "{} is valid{}: {} × {} × {} = {}\n",
        args.scenario.display(),
        match unchecked.is_empty() {
            true => "",
            false => " as far as it could be checked",
        },
        counted(streams, "stream"),
        counted(strategies, "strategy row"),
        counted(seeds, "seed"),
        counted(streams * strategies * seeds, "cell")
    );
    text += &opened;
    if !unchecked.is_empty() {
        text += "not checked:\n";
    }
    for Unchecked { what, .. } in &unchecked {
        let _ = writeln!(text, "  {what}");
    }
    print(&text)?;
    // Without running a plugin, nothing tells whether a strategy reads class names.
    for warning in warnings(&scenario, &classes, |row| !row.backbones.is_empty()) {
        terminal::say(format_args!("warning: {warning}"));
    }
    for warning in memory {
        terminal::say(format_args!("warning: {warning}"));
    }
    match unchecked.first() {
        Some(&Unchecked { code, .. }) if args.strict => Err(Error::Unchecked {
            count: unchecked.len(),
            code,
        }),
        _ => Ok(()),
    }
}

/// The class names of a domain; `None` if it could not be opened.
type ClassNames = Option<Vec<String>>;

/// Something that could not be checked.
#[derive(Debug, PartialEq, Eq)]
struct Unchecked {
    /// What, and why.
    what: String,
    /// The exit code of a run that fails for it.
    code: ExitCode,
}

/// The part of a scenario that can be checked.
struct Part {
    scenario: Scenario,
    /// The part's domains.
    domains: Vec<OpenedDomain>,
    metrics: Vec<(String, PluginRef)>,
    /// What is not in the part.
    unchecked: Vec<Unchecked>,
    /// The memory that what is in the part expects to need.
    memory_needs: Vec<MemoryNeed>,
}

impl Part {
    fn leave_out(&mut self, unchecked: Unchecked) {
        // The rows of a grid share a plugin.
        if !self.unchecked.contains(&unchecked) {
            self.unchecked.push(unchecked);
        }
    }

    /// Opens the domains whose images are there, and cuts the streams over these. Returns a
    /// description of both, and the class names of each of the scenario's domains.
    fn open_domains(&mut self, whole: &Scenario) -> Result<(String, Vec<ClassNames>), Error> {
        let (mut text, mut classes) = (String::new(), Vec::new());
        self.scenario.domains.clear();
        for domain in &whole.domains {
            if let Some(path) = domain.source.root().filter(|path| !path.exists()) {
                let (name, path) = (&domain.name, path.display());
                self.leave_out(Unchecked {
                    what: format!("domain `{name}`: its images are missing: {path}"),
                    code: ExitCode::Data,
                });
                classes.push(None);
                continue;
            }
            let opened = open(whole, domain, Restriction::default())?;
            let summary = &opened.summary;
            classes.push(Some(summary.classes.clone()));
            let _ = writeln!(
                text,
                "  domain {}: {} classes, {} train, {} test, split {}",
                domain.name,
                summary.classes.len(),
                summary.n_train,
                summary.n_test,
                &summary.split_hash.as_str()[..12]
            );
            let _ = writeln!(text, "    {}", class_names(&summary.classes));
            self.scenario.domains.push(domain.clone());
            self.domains.push(opened);
        }
        let (opened, kept) = (&self.domains, &self.scenario.domains);
        self.scenario.streams.retain(|stream| {
            let mut parts = stream.domains.iter();
            parts.all(|part| kept.iter().any(|domain| domain.name == part.domain))
        });
        for stream in &self.scenario.streams {
            let cut = cut(whole, stream, opened, Restriction::default())?;
            if !stream.is_of_one_domain() {
                text += &described(whole, stream, &cut);
            }
        }
        Ok((text, classes))
    }

    /// Finds the plugins that are built, and checks parameters against their schemas.
    fn find_plugins(&mut self, whole: &Scenario, registry: &Registry) -> Result<(), Error> {
        let mut absent = Vec::new();
        for backbone in &whole.backbones {
            let named = backbone.plugin.as_deref();
            match registry.find(Kind::Backbone, &backbone.use_, named) {
                Ok(file) => check_backbone(whole, backbone, &file)?,
                Err(error) if not_built(&error, registry) => {
                    self.leave_out(not_built_line(Kind::Backbone, &backbone.name));
                    absent.push(&backbone.name);
                }
                Err(error) => return Err(error.into()),
            }
        }
        for row in &whole.strategies {
            match registry.find(Kind::Strategy, &row.use_, row.plugin.as_deref()) {
                Ok(file) => check_strategy(whole, row, &file)?,
                Err(error) if not_built(&error, registry) => {
                    self.leave_out(not_built_line(Kind::Strategy, &row.base));
                    self.without_row(&row.name);
                }
                Err(error) => return Err(error.into()),
            }
        }
        for name in absent {
            self.without_backbone(name);
        }
        match registry.files().is_empty() {
            true => self.leave_out(Unchecked {
                what: "metrics: no plugin is built".into(),
                code: ExitCode::Plugin,
            }),
            false => self.metrics = metrics(whole, registry)?,
        }
        Ok(())
    }

    /// Lets the plugins check what is left: on the CPU, and then on the scenario's device.
    fn ask_plugins(&mut self, registry: &Registry, interrupt: &Interrupt) -> Result<(), Error> {
        if self.scenario.streams.is_empty() && !self.scenario.strategies.is_empty() {
            self.leave_out(Unchecked {
                what:
                    "strategies: they are checked on a stream, and the images of none are all there"
                        .into(),
                code: ExitCode::Data,
            });
        }
        while let Some(Missing { kind, name, why }) = self.missing(registry, interrupt)? {
            self.leave_out(Unchecked {
                what: format!("{kind} `{name}`: {why}"),
                code: ExitCode::Data,
            });
            match kind {
                Kind::Backbone => self.without_backbone(&name),
                _ => self.without_row(&name),
            }
        }
        let device = self.scenario.device.clone();
        if device.as_str() == Device::CPU {
            return Ok(());
        }
        let streams = self.streams()?;
        let check = Check::of(&self.scenario, registry, &streams, &self.metrics)?;
        let refused = check.run(device.as_str(), None, interrupt);
        interrupt.check()?;
        if let Err(Refusal { error, .. }) = refused {
            self.leave_out(Unchecked {
                what: format!("device `{device}`: {error}"),
                code: error.exit_code(),
            });
        }
        Ok(())
    }

    fn streams(&self) -> Result<Vec<CutStream<'_>>, Error> {
        let streams = self.scenario.streams.iter();
        let whole = Restriction::default();
        streams
            .map(|stream| cut(&self.scenario, stream, &self.domains, whole))
            .collect()
    }

    /// A backbone or strategy whose files are missing, if there is one, with the reason.
    fn missing(
        &mut self,
        registry: &Registry,
        interrupt: &Interrupt,
    ) -> Result<Option<Missing>, Error> {
        let streams = self.streams()?;
        let check = Check::of(&self.scenario, registry, &streams, &self.metrics)?;
        match check.run(Device::CPU, None, interrupt) {
            Ok(checked) => {
                let needs = check.memory_needs(&checked);
                drop(streams);
                self.memory_needs = needs;
                Ok(None)
            }
            Err(Refusal {
                missing: Some(missing),
                ..
            }) => Ok(Some(*missing)),
            Err(refusal) => Err(refusal.with_log()),
        }
    }

    fn without_row(&mut self, name: &str) {
        self.scenario.strategies.retain(|row| row.name != name);
    }

    /// Leaves out a backbone, and the strategies that use it.
    fn without_backbone(&mut self, name: &str) {
        self.scenario.backbones.retain(|kept| kept.name != name);
        let rows = mem::take(&mut self.scenario.strategies);
        let (without, kept): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|row| row.backbones.iter().any(|backbone| backbone == name));
        self.scenario.strategies = kept;
        let mut names: Vec<&str> = without.iter().map(|row| &*row.base).collect();
        names.dedup();
        let (noun, their) = match names.len() {
            0 => return,
            1 => ("strategy", "its"),
            _ => ("strategies", "their"),
        };
        self.leave_out(Unchecked {
            what: format!(
                "{noun} {}: {their} backbone `{name}` was not checked",
                list(names)
            ),
            code: ExitCode::Plugin,
        });
    }
}

fn not_built_line(kind: Kind, name: &str) -> Unchecked {
    Unchecked {
        what: format!("{kind} `{name}`: its plugin is not built"),
        code: ExitCode::Plugin,
    }
}

fn not_built(error: &PluginError, registry: &Registry) -> bool {
    match error {
        PluginError::File { fault, .. } => matches!(fault, PluginFault::Missing),
        PluginError::Unknown { .. } => registry.files().is_empty(),
        _ => false,
    }
}

/// A named stream, and the class names that stand in several of its domains.
fn described(scenario: &Scenario, stream: &StreamUse, cut: &CutStream<'_>) -> String {
    let CutStream { domains, of_seed } = cut;
    let (tasks, classes) = (of_seed[0].n_tasks(), of_seed[0].n_classes());
    let mut text = format!(
        "  stream {}: {}, {}, {} ({})\n",
        stream.name,
        counted(domains.len(), "domain"),
        counted(tasks, "task"),
        counted(classes, "class"),
        stream.classes
    );
    let names: Vec<&[String]> = (domains.iter())
        .map(|domain| &domain.summary.classes[..])
        .collect();
    let repeated = repeated_names(&names, &scenario.templates_of(stream), stream.classes);
    if !repeated.is_empty() {
        let of_name = |name: &RepeatedName| {
            let domains = name.domains.iter();
            let domains: Vec<&str> = domains
                .map(|&index| &*stream.domains[index].domain)
                .collect();
            format!("{} ({})", name.name, domains.join(", "))
        };
        let shown: Vec<String> = repeated.iter().map(of_name).collect();
        let _ = writeln!(
            text,
            "    {} in several domains: {}",
            counted(repeated.len(), "name"),
            class_names(&shown)
        );
    }
    text
}

/// All of them, or as many as help to see whether they are the right ones.
fn class_names(classes: &[String]) -> String {
    const SHOWN: usize = 20;
    let more = match classes.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(", … and {more} more"),
    };
    let shown: Vec<_> = classes
        .iter()
        .take(SHOWN)
        .map(|name| on_one_line(name))
        .collect();
    shown.join(", ") + &more
}

fn counted(n: usize, what: &str) -> String {
    let plural = match what {
        _ if n == 1 => "",
        "class" => "es",
        _ => "s",
    };
    format!("{n} {what}{plural}")
}
