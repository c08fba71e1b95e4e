//! What the arguments of `run` and `plan` mean.

use crate::cli::ScenarioArgs;
use crate::error::Error;
use crate::plugin::Registry;
use crate::scenario::Scenario;

/// The scenario as the arguments select it, and the plugins that were found.
pub(super) fn resolve(args: &ScenarioArgs) -> Result<(Scenario, Registry), Error> {
    let scenario = Scenario::load(&args.scenario, &args.set)?.select(&args.selection())?;
    let registry = Registry::discover(&args.plugins.search_path())?;
    Ok((scenario, registry))
}
