//! The values that a preset's description lists are those that it has.

use crate::{coda_prompt, dual_prompt, l2p};
use harness_abi::ParameterSet;
use harness_abi::parameters::parse;
use harness_abi::parameters::schema::{Key, Schema, Variant};
use serde_json::{Value, json};

/// The presets of a parameter set: each name with the values that its description lists.
fn listed<P: ParameterSet>() -> Vec<(&'static str, Value)> {
    let Schema::Set(keys) = P::SCHEMA else {
        panic!("parameters are a set");
    };
    let preset = |key: &&Key| key.name == "preset";
    let Schema::Choice { variants, .. } = keys.iter().find(preset).unwrap().schema else {
        panic!("a preset is a choice");
    };
    let values = |variant: &Variant| {
        let (_, rest) = variant.description.split_once("`{ ").unwrap();
        let (values, _) = rest.split_once(" }`").unwrap();
        (
            variant.name,
            serde_yaml::from_str(&format!("{{ {values} }}")).unwrap(),
        )
    };
    variants.iter().map(values).collect()
}

/// Every preset equals every other one with all listed values changed, so nothing is missing from a
/// list and nothing in it is wrong.
fn compare<P: ParameterSet, S: PartialEq + std::fmt::Debug>(settings: impl Fn(P) -> S) {
    let presets = listed::<P>();
    for (name, values) in &presets {
        for (base, _) in &presets {
            let mut changed = values.clone();
            changed["preset"] = json!(base);
            let parsed = |json: &Value| settings(parse(json.to_string().as_bytes()).unwrap());
            assert_eq!(
                parsed(&changed),
                parsed(&json!({ "preset": name })),
                "{name} from {base}"
            );
        }
    }
}

#[test]
fn the_listed_values_of_a_preset_are_its_own() {
    // A head's initial values cannot be set.
    let head = crate::head::Init::Zeros;
    compare(|p: l2p::Parameters| l2p::Settings {
        head,
        ..p.settings()
    });
    compare(|p: dual_prompt::Parameters| dual_prompt::Settings {
        head,
        ..p.settings()
    });
    compare(|p: coda_prompt::Parameters| coda_prompt::Settings {
        head,
        ..p.settings()
    });
}
