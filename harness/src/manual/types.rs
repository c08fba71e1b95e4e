//! What a JSON Schema says of a value, in a few words.

use super::markdown::{anchor, heading};
use serde_json::{Map, Value};

/// What a value may be, such as `integer ≥ 1` or a link to the section of a definition.
pub(super) fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        let title = heading(name);
        return format!("[{}](#{})", title.to_lowercase(), anchor(&title));
    }
    if let Some(value) = schema.get("const") {
        return code(value);
    }
    if let Some(values) = schema["enum"].as_array() {
        return alternatives(values.iter().map(code).collect());
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(schemas) = schema[word].as_array()
            && !schemas.iter().all(only_requires)
        {
            let schemas = schemas.iter().filter(|schema| !is_null(schema));
            return alternatives(schemas.map(type_of).collect());
        }
    }
    if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
        return type_of(only);
    }
    match json_type(schema) {
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some(number @ ("integer" | "number")) => format!("{number}{}", range(schema)),
        Some("array") => list(schema),
        Some("object") => match &schema["additionalProperties"] {
            Value::Object(of) if !of.is_empty() => {
                format!("mapping of names to {}", type_of(&of.clone().into()))
            }
            _ => "mapping".to_owned(),
        },
        _ => "any value".to_owned(),
    }
}

/// The type itself, where the value may be absent too.
pub(super) fn json_type(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(name) => Some(name),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|&name| name != "null"),
        _ => None,
    }
}

/// The choices of a schema that lists constants, each with its description.
pub(super) fn choices(schema: &Value) -> Option<Vec<(String, &str)>> {
    let choice = |schema: &'_ Value| Some(code(schema.get("const")?));
    let schemas = schema["oneOf"].as_array()?;
    schemas
        .iter()
        .map(|schema| Some((choice(schema)?, description(schema))))
        .collect()
}

/// What a schema says of itself; empty if it says nothing.
pub(super) fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or("")
}

/// The properties of an object, in the schema's order.
pub(super) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(Map::iter)
}

/// Whether the object must have that property.
pub(super) fn is_required(schema: &Value, key: &str) -> bool {
    let required = schema["required"].as_array();
    required.is_some_and(|keys| keys.iter().any(|name| name == key))
}

/// A value as YAML writes it, set as code.
pub(super) fn code(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "`\"\"`".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("`[{}]`", items.join(", "))
        }
        other => format!("`{other}`"),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(schema: &Value) -> String {
    let length = schema["minItems"].as_u64();
    let length = length.filter(|_| schema["minItems"] == schema["maxItems"]);
    match (&schema["items"], length) {
        (Value::Null, _) => "list".to_owned(),
        (items, None) => format!("list of {}", type_of(items)),
        (items, Some(length)) => format!("list of {length} × {}", type_of(items)),
    }
}

fn range(schema: &Value) -> String {
    let bound = |key: &str, sign: &str| {
        let number = schema.get(key).filter(|number| number.is_number())?;
        Some(format!("{sign} {number}"))
    };
    let bounds = [
        bound("minimum", "≥"),
        bound("exclusiveMinimum", ">"),
        bound("maximum", "≤"),
        bound("exclusiveMaximum", "<"),
    ];
    let bounds: Vec<String> = bounds.into_iter().flatten().collect();
    match bounds.is_empty() {
        true => String::new(),
        false => format!(" {}", bounds.join(", ")),
    }
}

fn alternatives(mut words: Vec<String>) -> String {
    words.dedup();
    match words.pop() {
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
        None => "nothing".to_owned(),
    }
}

fn is_null(schema: &Value) -> bool {
    schema["type"] == "null"
}

/// Whether a schema merely says which keys go together.
fn only_requires(schema: &Value) -> bool {
    schema
        .as_object()
        .is_some_and(|keys| keys.keys().all(|key| key == "required"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_type_is_named_in_a_few_words() {
        for (schema, words) in [
            (json!({"type": ["string", "null"]}), "text"),
            (json!({"type": "integer", "minimum": 1}), "integer ≥ 1"),
            (
                json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
                "number ≥ 0, < 1",
            ),
            (
                json!({"type": "array", "items": {"type": "integer"}}),
                "list of integer",
            ),
            (
                json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
                "list of 2 × number",
            ),
            (
                json!({"anyOf": [{"$ref": "#/definitions/ClassOrder"}, {"type": "null"}]}),
                "[class order](#class-order)",
            ),
            (
                json!({"oneOf": [{"const": "a"}, {"const": "b"}, {"type": "integer"}]}),
                "`a`, `b` or integer",
            ),
            (
                json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
                "mapping",
            ),
        ] {
            assert_eq!(type_of(&schema), words);
        }
    }
}
