//! `clbench run`: plans, computes, gathers and prints.

use super::print::print;
use super::resolve::resolve;
use crate::cli::RunArgs;
use crate::error::Error;
use crate::metric::PluginMetrics;
use crate::plugin::{Kind, PluginRef, Registry};
use crate::results::{RUN_FORMAT, RunFile, RunFolder};
use crate::run::{Child, Event, Interrupt, Plan, execute};
use crate::scenario::Scenario;
use crate::terminal;
use std::fs::File;
use std::path::PathBuf;

pub(super) fn run(args: &RunArgs) -> Result<(), Error> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let (scenario, registry) = resolve(&args.scenario)?;
    let metrics = metrics(&scenario, &registry)?;
    let plan = Plan::make(
        &scenario,
        &registry,
        args.scenario.restriction(),
        args.scenario.save_predictions,
        &interrupt,
    )?;
    interrupt.check()?;
    let folder = RunFolder::new(match &args.out {
        Some(out) => out.clone(),
        None => PathBuf::from("results/runs").join(&scenario.name),
    });
    folder.create()?;
    let lines = plan.cells.iter().map(|planned| planned.job.line() + "\n");
    folder.write_plan(
        &run_file(scenario, &plan, metrics),
        &lines.collect::<String>(),
    )?;
    let cells = execute(&plan, &folder, args.jobs, &interrupt);
    match cells {
        // Finished cells deserve a table even if others failed.
        Ok(()) | Err(Error::Cells { .. }) => {
            if let Some(leaderboard) = report_in_child(&folder, &interrupt)? {
                print(&leaderboard)?;
            }
            terminal::say(format_args!("results are in {}", folder.path().display()));
            cells
        }
        other => other,
    }
}

/// The metrics to compute, each with the plugin that offers it. Those that rank or are shown must
/// be among them.
fn metrics(scenario: &Scenario, registry: &Registry) -> Result<Vec<(String, PluginRef)>, Error> {
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

fn run_file(scenario: Scenario, plan: &Plan, metrics: Vec<(String, PluginRef)>) -> RunFile {
    let cells = plan.cells.iter();
    RunFile {
        format: RUN_FORMAT,
        scenario: scenario.name,
        description: scenario.description,
        domains: scenario.domains.into_iter().map(|d| d.name).collect(),
        seeds: scenario.seeds,
        strategies: scenario.strategies.into_iter().map(|s| s.name).collect(),
        metrics,
        rank_by: scenario.rank_by,
        columns: scenario.columns,
        cells: cells.map(|planned| planned.job.cell.id.clone()).collect(),
    }
}

/// Has a child process write the run folder's tables. Returns the leaderboard, if there are
/// records.
fn report_in_child(folder: &RunFolder, interrupt: &Interrupt) -> Result<Option<String>, Error> {
    interrupt.check()?;
    let path = folder.report_log();
    let log = File::create(&path).map_err(Error::file(&path))?;
    let mut table = None;
    let child = Child {
        args: &["report"],
        paths: &[folder.path()],
        input: "",
        threads: 1,
        log,
    };
    let ended = child.run(interrupt, &mut |event| {
        if let Event::Answer(answer) = event {
            table = answer.as_str().map(str::to_owned);
        }
    });
    ended.map_err(|error| error.with_log(&path))?;
    Ok(table)
}
