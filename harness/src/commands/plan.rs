//! `clbench plan`: lists the cells of a scenario.

use super::print::{print, print_data};
use super::resolve::resolve;
use crate::cli::ScenarioArgs;
use crate::error::Error;
use crate::run::{FeatureJob, Interrupt, Plan, PlanOptions, available_memory};
use crate::scenario::Device;

pub(super) fn plan(args: &ScenarioArgs, json: bool, features: bool) -> Result<(), Error> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let (scenario, registry) = resolve(args)?;
    let plan = Plan::make(
        &scenario,
        &registry,
        &PlanOptions {
            restriction: args.restriction(),
            save_predictions: args.save_predictions,
            confusion: args.confusion,
            // So that it works where the scenario's device is missing.
            device: Device::CPU,
            gpu: None,
            available_memory: available_memory(),
            metrics: &[],
        },
        &interrupt,
    )?;
    if features {
        let jobs = FeatureJob::all(&plan.cells.iter().collect::<Vec<_>>());
        let lines = jobs.iter().map(|job| job.line() + "\n");
        return print_data(&lines.collect::<String>());
    }
    let jobs = || plan.cells.iter().map(|planned| &planned.job);
    let width = jobs().map(|job| job.cell.id.len()).max();
    let width = width.unwrap_or_default();
    let lines = jobs().map(|job| match json {
        true => job.line() + "\n",
        false => format!("{:<width$}  {}\n", job.cell.id, job.cell.title()),
    });
    let text = lines.collect::<String>();
    match json {
        true => print_data(&text),
        false => print(&text),
    }
}
