//! `clbench run`: plans, computes, gathers and prints.

use super::children::RunReport;
use super::print::print;
use super::resolve::resolve;
use crate::cli::{RunArgs, ScenarioArgs};
use crate::error::Error;
use crate::metric::PluginMetrics;
use crate::plugin::{Kind, PluginRef, Registry};
use crate::results::{PlanSelection, PlannedCell, RunFolder, RunPlan};
use crate::run::{
    Caches, Child, Event, ExecuteOptions, Interrupt, PendingLog, Plan, PlanOptions,
    PlannedContents, Watch, Work, check_expected, execute, memory, run_supervised, unlogged,
};
use crate::scenario::{Limits, Scenario};
use crate::terminal;
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
    let plan = Plan::make(
        &scenario,
        &registry,
        &PlanOptions {
            restriction: args.scenario.restriction(),
            save_predictions: args.scenario.save_predictions,
            confusion: args.scenario.confusion,
            device: scenario.device.as_str(),
            metrics: &metrics,
        },
        &interrupt,
    )?;
    interrupt.check()?;
    if args.debug_python {
        return debug_python(&plan, &interrupt);
    }
    let caches = Caches::open(&interrupt)?;
    let contents = PlannedContents::new(caches.content.clone(), &interrupt);
    check_expected(&scenario, &plan, &contents)?;
    folder.create()?;
    let _presence = folder.enter();
    let name = scenario.name.clone();
    let run_plan = run_plan(&args.scenario, scenario, &plan, metrics);
    let lines = plan.cells.iter().map(|planned| planned.job.line() + "\n");
    let lines = lines.collect::<String>();
    if !folder.join(&name, &run_plan, &lines, &|| !interrupt.requested())? {
        return Err(Error::Interrupted);
    }
    let options = ExecuteOptions {
        at_a_time: args.jobs,
        retry_failed: args.retry_failed,
        fail_fast: args.fail_fast,
    };
    let cells = execute(&plan, &folder, options, &caches, &contents, &interrupt);
    match cells {
        // Finished cells deserve a table even if others failed.
        Ok(()) | Err(Error::Cells { .. }) => {
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
        other => other,
    }
}

/// Runs the first cell of a strategy in Python with the terminal. What it computes may depend on
/// what was typed, so it is not kept.
fn debug_python(plan: &Plan, interrupt: &Interrupt) -> Result<(), Error> {
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
    run_supervised(&job, &folder, None, &|_| {}, interrupt, &mut |_| {})?;
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
