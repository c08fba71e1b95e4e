//! The JSON Schema of a scenario, which editors use to complete and check one while it is written.

use super::spec;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The parameters of what plugins offer: the name in a scenario, and the JSON Schema of the set.
#[derive(Debug, Clone, Default)]
pub struct OfferedParameters {
    /// Of backbones.
    pub backbones: Vec<(String, Value)>,
    /// Of strategies.
    pub strategies: Vec<(String, Value)>,
}

/// The schema of whole scenarios, without the parameters of plugins.
///
/// It is draft 7, which every YAML language server reads.
pub fn keys() -> Value {
    let schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<spec::Scenario>();
    schema.to_value()
}

/// The schema of scenario files, as pretty JSON that ends in a line break.
pub fn schema(offered: &OfferedParameters) -> String {
    let mut schema = keys();
    offer(&mut schema, "backbones", "Backbone", &offered.backbones);
    offer(&mut schema, "strategies", "Strategy", &offered.strategies);
    allow_parts(&mut schema);
    let mut json =
        serde_json::to_string_pretty(&schema).expect("a schema is a JSON value with text keys");
    json.push('\n');
    json
}

/// Ties `parameters` to what an entry uses: its `use`, or else its own name.
fn offer(schema: &mut Value, section: &str, entry: &str, offers: &[(String, Value)]) {
    if offers.is_empty() {
        return;
    }
    let mut by_use = Vec::new();
    let mut by_name = json!({});
    for (name, parameters) in offers {
        let definition = format!("{entry} parameters: {name}");
        // A key without a value is a key that is not set.
        let parameters_of = json!({
            "properties": {
                "parameters": {
                    "anyOf": [
                        { "$ref": format!("#/definitions/{definition}") },
                        { "type": "null" },
                    ],
                },
            },
        });
        by_use.push(json!({
            "if": { "required": ["use"], "properties": { "use": { "const": name } } },
            "then": parameters_of,
        }));
        by_name[name] = json!({
            "if": { "type": "object", "not": { "required": ["use"] } },
            "then": parameters_of,
        });
        schema["definitions"][definition] = parameters.clone();
    }
    schema["definitions"][entry]["allOf"] = Value::Array(by_use);
    // Beside `additionalProperties`, `properties` would take these names out of it.
    schema["properties"][section]["allOf"] = json!([{ "properties": by_name }]);
}

/// Requires keys of whole scenarios only: what a file with `extends` leaves out is in its base.
fn allow_parts(schema: &mut Value) {
    let mut required_of = |part: &str| {
        let part = match part {
            "" => &mut *schema,
            part => &mut schema["definitions"][part],
        };
        let part = part.as_object_mut().expect("a schema is an object");
        let words = ["required", "oneOf", "anyOf"].into_iter();
        let required: Map<_, _> = words.filter_map(|word| part.remove_entry(word)).collect();
        Value::Object(required)
    };
    let parts = ["", "Domain", "Stream", "NamedStream"];
    let [mut whole, mut domain, stream, named_stream] = parts.map(&mut required_of);
    // `stream:` with nothing after it is a key that is not set.
    let stream = json!({ "if": { "type": "object" }, "then": stream });
    domain["properties"] = json!({ "stream": stream });
    whole["properties"] = json!({
        "stream": stream,
        "domains": { "additionalProperties": domain },
        "streams": { "additionalProperties": named_stream },
    });
    schema["if"] = json!({ "not": { "required": ["extends"] } });
    schema["then"] = whole;
}
