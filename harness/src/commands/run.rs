//! `clbench run`: plans, computes, gathers and prints.

use super::children::RunReport;
use super::print::print;
use super::resolve::resolve;
use crate::cli::{Engine, RunArgs, ScenarioArgs};
use crate::error::Error;
use crate::metric::PluginMetrics;
use crate::plugin::{Kind, PluginRef, Registry};
use crate::results::{PlanSelection, PlannedCell, RunFolder, RunPlan};
use crate::run::{
    Caches, Child, Event, Executed, Execution, Executor, Gpu, Interrupt, Local, PendingLog, Places,
    Plan, PlanOptions, PlannedContents, Slurm, Watch, Work, available_memory, check_expected,
    memory, run_supervised, unlogged,
};
use crate::scenario::{Device, Limits, Scenario};
use crate::terminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub(super) fn run(args: &RunArgs) -> Result<(), Error> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let (mut scenario, registry) = resolve(&args.scenario)?;
    scenario.limits = args.limits().or(scenario.limits);
    if scenario.limits.memory.is_some() && !memory::is_known() {
        terminal::say("warning: the limit on memory has no effect: this system has no /proc");
    }
    let folder = RunFolder::new(match &args.out {
        Some(out) => out.clone(),
        None => PathBuf::from("results/runs").join(&scenario.name),
    });
    folder.check_scenario(&scenario.name)?;
    let metrics = metrics(&scenario, &registry)?;
    let place = CellsPlace::of(args, &scenario.device)?;
    let plan = Plan::make(
        &scenario,
        &registry,
        &PlanOptions {
            restriction: args.scenario.restriction(),
            save_predictions: args.scenario.save_predictions,
            confusion: args.scenario.confusion,
            device: place.device(&scenario),
            gpu: place.gpu(),
            available_memory: place.available_memory(),
            metrics: &metrics,
        },
        &interrupt,
    )?;
    interrupt.check()?;
    if args.debug_python {
        return debug_python(&plan, place.gpu(), &interrupt);
    }
    let caches = Caches::open(&interrupt)?;
    let contents = PlannedContents::new(caches.content.clone(), &interrupt);
    check_expected(&scenario, &plan, &contents)?;
    let execution = Execution {
        plan: &plan,
        folder: &folder,
        retry_failed: args.retry_failed,
        caches: &caches,
        contents: &contents,
        interrupt: &interrupt,
    };
    let executor = place.executor();
    if args.dry_run {
        return print(&execution.dry_run(executor)?);
    }
    folder.create()?;
    let _presence = folder.enter();
    let name = scenario.name.clone();
    let run_plan = run_plan(&args.scenario, scenario, &plan, metrics);
    let lines = plan.cells.iter().map(|planned| planned.job.line() + "\n");
    let lines = lines.collect::<String>();
    if !folder.join(&name, &run_plan, &lines, &|| !interrupt.requested())? {
        return Err(Error::Interrupted);
    }
    let cells = match execution.run(executor) {
        Ok(Executed::Detached) => return Ok(()),
        Ok(Executed::Ended) => Ok(()),
        // Finished cells deserve a table even if others failed.
        Err(error @ Error::Cells { .. }) => Err(error),
        Err(error) => return Err(error),
    };
    let report = report_in_child(&folder, &run_plan, &interrupt)?;
    print(&report.table)?;
    let folder = folder.path().display();
    match report.others {
        0 => terminal::say(format_args!("results are in {folder}")),
        others => terminal::say(format_args!(
            "results are in {folder}, beside {others} cell{} of other runs; `clbench leaderboard {folder}` shows all",
            if others == 1 { "" } else { "s" }
        )),
    }
    cells
}

/// Where the cells of a run are computed.
enum CellsPlace {
    Here(Local),
    /// Elsewhere: what this machine has does not matter.
    Cluster(Box<dyn Executor>),
}

impl CellsPlace {
    /// The place that the command line names, for a scenario with this device.
    fn of(args: &RunArgs, device: &Device) -> Result<CellsPlace, Error> {
        let usage = |message: String| Err(Error::Usage(message));
        match args.on {
            Engine::Local => {
                let unused = [("--slurm", args.slurm.is_some()), ("--detach", args.detach)];
                if let Some((option, _)) = unused.into_iter().find(|(_, given)| *given) {
                    return usage(format!("`{option}` needs `--on slurm`"));
                }
                Ok(CellsPlace::Here(Local {
                    places: places(args, device)?,
                    fail_fast: args.fail_fast,
                }))
            }
            Engine::Slurm if !args.devices.is_empty() => usage(
                "`--devices` chooses GPUs of this machine; with `--on slurm`, ask for one with \
                 `--slurm \"--gres=gpu:1\"`"
                    .into(),
            ),
            Engine::Slurm if args.debug_python => {
                usage("`--debug-python` needs this terminal; leave out `--on slurm`".into())
            }
            Engine::Slurm => Ok(CellsPlace::Cluster(Box::new(Slurm {
                options: args.slurm.clone().unwrap_or_default(),
                at_a_time: args.jobs,
                fail_fast: args.fail_fast,
                detach: args.detach,
            }))),
        }
    }

    fn executor(&self) -> &dyn Executor {
        match self {
            CellsPlace::Here(local) => local,
            CellsPlace::Cluster(cluster) => &**cluster,
        }
    }

    /// Where plugins check their parameters.
    fn device<'a>(&self, scenario: &'a Scenario) -> &'a str {
        match self {
            CellsPlace::Here(_) => scenario.device.as_str(),
            CellsPlace::Cluster(_) => Device::CPU,
        }
    }

    fn gpu(&self) -> Option<&Gpu> {
        match self {
            CellsPlace::Here(local) => local.places.first(),
            CellsPlace::Cluster(_) => None,
        }
    }

    fn available_memory(&self) -> Option<u64> {
        match self {
            CellsPlace::Here(_) => available_memory(),
            CellsPlace::Cluster(_) => None,
        }
    }
}

/// The places for cells on this machine.
fn places(args: &RunArgs, device: &Device) -> Result<Places, Error> {
    match device.as_str() {
        Device::CPU if args.devices.is_empty() => {
            Ok(Places::anywhere(args.jobs.unwrap_or(NonZeroUsize::MIN)))
        }
        // Whatever number a cell's process sees is its GPU's, so this is for all of them.
        Device::ALL_GPUS if args.jobs.is_none() => Ok(Places::gpus(Gpu::choose(&args.devices)?)),
        _ if args.jobs.is_some() && device.as_str() != Device::CPU => Err(Error::Usage(format!(
            "`-j` is for the CPU, but this scenario has `device: {device}`, where one cell runs on each GPU at a \
             time; choose GPUs with `--devices`, and list one twice to run two cells on it"
        ))),
        _ if !args.devices.is_empty() => Err(Error::Usage(format!(
            "`--devices` needs `device: cuda`, but this scenario has `device: {device}`; add `--set device=cuda`"
        ))),
        _ => Ok(Places::anywhere(NonZeroUsize::MIN)),
    }
}

/// Runs the first cell of a strategy in Python with the terminal. What it computes may depend on
/// what was typed, so it is not kept.
fn debug_python(plan: &Plan, gpu: Option<&Gpu>, interrupt: &Interrupt) -> Result<(), Error> {
    let mut jobs = plan.cells.iter().map(|planned| &planned.job);
    let job = jobs.find(|job| !job.paths.script.sources.is_empty());
    let mut job = job.cloned().ok_or_else(|| {
        Error::Usage(
            "no cell of the run is of a strategy in Python, which `--debug-python` is for".into(),
        )
    })?;
    job.debug = true;
    job.limits = Limits::default();
    let temporary = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    let title = job.cell.title();
    terminal::say(format_args!("debugging {title}; nothing is recorded"));
    let folder = RunFolder::new(temporary.path());
    folder.create()?;
    run_supervised(&job, gpu, &folder, None, &|_| {}, interrupt, &mut |_| {})?;
    terminal::say(format_args!("{title} has ended without an error"));
    Ok(())
}

/// The metrics to compute, each with the plugin that offers it. Those that rank or are shown must
/// be among them.
pub(super) fn metrics(
    scenario: &Scenario,
    registry: &Registry,
) -> Result<Vec<(String, PluginRef)>, Error> {
    let found = PluginMetrics::find(registry, scenario.metrics.as_deref())?;
    for (key, name) in scenario.chosen_metrics() {
        if let Err(error) = registry.find(Kind::Metric, name, None) {
            return Err(scenario.key_error(&key, error.to_string()).into());
        }
    }
    let files = found.iter();
    Ok(files
        .map(|(name, file)| (name.clone(), PluginRef::from(file)))
        .collect())
}

fn run_plan(
    args: &ScenarioArgs,
    scenario: Scenario,
    plan: &Plan,
    metrics: Vec<(String, PluginRef)>,
) -> RunPlan {
    let selection = args.selection();
    let cells = plan.cells.iter().map(|planned| &planned.job.cell);
    RunPlan {
        selection: PlanSelection {
            only: selection.only.into_iter().collect(),
            domains: selection.domains.into_iter().collect(),
            streams: selection.streams.into_iter().collect(),
            seeds: selection.seeds.into_iter().collect(),
            limit: args.limit,
            validation: args.validation,
        },
        description: scenario.description,
        streams: scenario.streams.into_iter().map(|s| s.name).collect(),
        seeds: scenario.seeds,
        metrics,
        rank_by: scenario.rank_by,
        columns: scenario.columns,
        cells: cells.map(PlannedCell::of).collect(),
    }
}

/// Has a child process write the run folder's tables.
fn report_in_child(
    folder: &RunFolder,
    plan: &RunPlan,
    interrupt: &Interrupt,
) -> Result<RunReport, Error> {
    interrupt.check()?;
    let path = folder.report_log();
    let log = PendingLog::create(&path);
    let mut report = None;
    // The child's own standard output is a pipe.
    let width = terminal::width().map(|width| format!("--width={width}"));
    let args: Vec<&str> = ["gather"].into_iter().chain(width.as_deref()).collect();
    let child = Child {
        work: Work::Tables,
        args: &args,
        paths: &[folder.path()],
        input: &serde_json::to_string(plan).expect("plain data"),
        threads: 1,
        gpu: None,
        log: Some(log.log()),
        foreground: false,
        watch: Watch::default(),
    };
    let ended = child.run(interrupt, &mut |event| match event {
        Event::Answer(answer) => report = serde_json::from_value(answer).ok(),
        Event::Warning(warning) => terminal::say(format_args!("warning: {warning}")),
        _ => {}
    });
    if let Err(error) = log.commit() {
        terminal::say(format_args!("warning: {}", unlogged(&path, &error)));
    }
    ended?;
    report.ok_or_else(|| Error::Internal("the report returned no answer".into()))
}
