//! `clbench plan`: the cells of a scenario.

use super::{print, resolve};
use crate::cli::ScenarioArgs;
use crate::error::Error;
use crate::run::{Interrupt, Plan};

pub(super) fn plan(args: &ScenarioArgs, json: bool) -> Result<(), Error> {
    let interrupt = Interrupt::on_ctrl_c()?;
    let (scenario, registry) = resolve(args)?;
    let plan = Plan::make(
        &scenario,
        &registry,
        args.restriction(),
        args.save_predictions,
        &interrupt,
    )?;
    let cells = || plan.cells.iter().map(|planned| &planned.cell);
    let width = cells().map(|cell| cell.id.len()).max();
    let width = width.unwrap_or_default();
    let lines = cells().map(|cell| match json {
        true => serde_json::to_string(cell).expect("plain data") + "\n",
        false => format!("{:<width$}  {}\n", cell.id, cell.title()),
    });
    print(&lines.collect::<String>())
}
