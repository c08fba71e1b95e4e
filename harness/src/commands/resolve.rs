//! Resolving the arguments of `run` and `plan`.

use crate::cli::ScenarioArgs;
use crate::error::Error;
use crate::plugin::Registry;
use crate::scenario::Scenario;

/// The selected part of the scenario, and the plugins that were found.
pub(super) fn resolve(args: &ScenarioArgs) -> Result<(Scenario, Registry), Error> {
    let scenario = Scenario::load(&args.scenario, &args.with, &args.set)?;
    let scenario = scenario.select(&args.selection())?;
    let registry = Registry::discover(&args.plugins.search_path())?;
    Ok((scenario, registry))
}
