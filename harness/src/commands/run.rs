//! `clbench run`: plan, compute, gather, print.

use super::{print, resolve};
use crate::atomic;
use crate::cli::RunArgs;
use crate::error::Error;
use crate::id::Seed;
use crate::metric::PluginMetrics;
use crate::run::{Interrupt, Plan, PluginRef, execute, report_in_child};
use crate::scenario::Scenario;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// What a run folder says of the run that it belongs to: `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunFile {
    pub format: u32,
    pub scenario: String,
    pub description: Option<String>,
    pub domains: Vec<String>,
    pub seeds: Vec<Seed>,
    pub strategies: Vec<String>,
    pub metrics: Vec<(String, PluginRef)>,
    /// The cells' ids, in the order of the tables.
    pub cells: Vec<String>,
}

impl RunFile {
    pub(super) const NAME: &str = "run.json";

    /// The run file of a folder, where there is one.
    pub(super) fn read(dir: &Path) -> Result<Option<RunFile>, Error> {
        let path = dir.join(Self::NAME);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                Error::Usage(format!(
                    "{} cannot be read ({error}); delete it, or run the scenario again",
                    path.display()
                ))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(&path)(error)),
        }
    }
}

pub(super) fn run(args: &RunArgs) -> Result<(), Error> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let (scenario, registry) = resolve(&args.scenario)?;
    let metrics = PluginMetrics::find(&registry, scenario.metrics.as_deref())?;
    let plan = Plan::make(
        &scenario,
        &registry,
        args.scenario.restriction(),
        args.scenario.save_predictions,
        &interrupt,
    )?;
    interrupt.check()?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => PathBuf::from("results/runs").join(&scenario.name),
    };
    fs::create_dir_all(&out).map_err(Error::file(&out))?;
    let metrics: Vec<_> = metrics
        .iter()
        .map(|(name, file)| (name.clone(), PluginRef::from(file)))
        .collect();
    write_plan(&out, &scenario, &plan, metrics)?;
    let cells = execute(&plan, &out, args.jobs, &interrupt);
    match cells {
        // What is there is worth a table, even if some cells failed.
        Ok(()) | Err(Error::Cells { .. }) => {
            if let Some(leaderboard) = report_in_child(&out, &interrupt)? {
                print(&leaderboard)?;
            }
            eprintln!("results are in {}", out.display());
            cells
        }
        other => other,
    }
}

/// Leaves the resolved scenario beside the results: `run.json`, and the cells as `plan --json` prints them.
fn write_plan(
    out: &Path,
    scenario: &Scenario,
    plan: &Plan,
    metrics: Vec<(String, PluginRef)>,
) -> Result<(), Error> {
    let run_file = RunFile {
        format: 1,
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        domains: scenario.domains.iter().map(|d| d.name.clone()).collect(),
        seeds: scenario.seeds.clone(),
        strategies: scenario.strategies.iter().map(|s| s.name.clone()).collect(),
        metrics,
        cells: plan.cells.iter().map(|p| p.cell.id.clone()).collect(),
    };
    let json = serde_json::to_string_pretty(&run_file).expect("plain data") + "\n";
    let write = |name: &str, text: &str| {
        let path = out.join(name);
        atomic::write(&path, text.as_bytes()).map_err(Error::file(&path))
    };
    write(RunFile::NAME, &json)?;
    let lines: String = plan
        .cells
        .iter()
        .map(|planned| serde_json::to_string(&planned.cell).expect("plain data") + "\n")
        .collect();
    write("plan.jsonl", &lines)
}
