//! `clbench schema`: the JSON Schema of scenarios, with the parameters of the plugins found.

use super::print::print_data;
use crate::cli::PluginArgs;
use crate::error::Error;
use crate::plugin::{Kind, Registry};
use crate::scenario::{OfferedParameters, schema as scenario_schema};

pub(super) fn schema(plugins: &PluginArgs) -> Result<(), Error> {
    let registry = Registry::discover(&plugins.search_path())?;
    let offered = |kind| {
        let parameters = registry.offers(kind).filter_map(|(_, offer)| {
            let schema = serde_json::from_str(offer.parameters.as_ref()?.as_str()).ok()?;
            Some((offer.name.clone(), schema))
        });
        parameters.collect()
    };
    print_data(&scenario_schema(&OfferedParameters {
        backbones: offered(Kind::Backbone),
        strategies: offered(Kind::Strategy),
    }))
}
