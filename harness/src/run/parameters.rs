//! A scenario's parameters against the schemas in the plugins' manifests: what can be checked
//! without running a plugin.

use crate::plugin::{InvalidParameter, Kind, ParameterSchema, PluginFile};
use crate::scenario::{BackboneUse, KeyPath, Scenario, ScenarioError, StrategyRow};
use serde_json::Value;

/// Checks a backbone's parameters.
///
/// # Errors
///
/// For the first parameter that the plugin's schema does not allow, at its line in the scenario.
pub fn check_backbone(
    scenario: &Scenario,
    backbone: &BackboneUse,
    file: &PluginFile,
) -> Result<(), ScenarioError> {
    check(file, Kind::Backbone, &backbone.use_, &backbone.parameters)
        .map_err(|invalid| at_its_key(scenario, backbone.parameter_key(&invalid.path), invalid))
}

/// Checks a strategy's parameters.
///
/// # Errors
///
/// For the first parameter that the plugin's schema does not allow, at its line in the scenario.
pub fn check_strategy(
    scenario: &Scenario,
    row: &StrategyRow,
    file: &PluginFile,
) -> Result<(), ScenarioError> {
    check(file, Kind::Strategy, &row.use_, &row.parameters)
        .map_err(|invalid| at_its_key(scenario, row.parameter_key(&invalid.path), invalid))
}

fn check(
    file: &PluginFile,
    kind: Kind,
    name: &str,
    parameters: &Value,
) -> Result<(), InvalidParameter> {
    let offer = file.offer(kind, name);
    let schema = offer.and_then(ParameterSchema::of);
    match schema {
        Some(schema) => schema.check(parameters),
        // The plugin checks them itself when it is loaded.
        None => Ok(()),
    }
}

fn at_its_key(scenario: &Scenario, key: KeyPath, invalid: InvalidParameter) -> ScenarioError {
    scenario.key_error(&key, invalid.message)
}
