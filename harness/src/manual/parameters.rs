//! The parameters of a strategy or a backbone as a table.

use super::markdown::table;
use super::types::{choices, code, description, is_required, json_type, properties, type_of};
use serde_json::Value;

/// The parameters that a JSON Schema describes, one line each: key, value, default, meaning. Keys
/// of nested objects are joined by dots, as in `vae.epochs`.
///
/// The schema has its objects inline, as those of plugin manifests have; choices are a `oneOf` of
/// constants with a description each.
pub fn parameters(schema: &Value) -> String {
    let mut rows = Vec::new();
    collect(schema, "", &mut rows);
    match rows.is_empty() {
        true => "There are no parameters.\n".to_owned(),
        false => table(["parameter", "value", "default", "meaning"], &rows),
    }
}

fn collect(schema: &Value, prefix: &str, rows: &mut Vec<[String; 4]>) {
    for (key, value) in properties(schema) {
        let path = format!("{prefix}{key}");
        if value.get("properties").is_some() {
            collect(value, &format!("{path}."), rows);
            continue;
        }
        rows.push([
            format!("`{path}`"),
            words(value),
            default(schema, key, value),
            meaning(value),
        ]);
    }
}

/// The value in words; a choice's values are in its meaning.
fn words(schema: &Value) -> String {
    match choices(schema) {
        Some(choices) => {
            let names: Vec<String> = choices.into_iter().map(|(name, _)| name).collect();
            names.join(", ")
        }
        None => type_of(schema),
    }
}

fn default(object: &Value, key: &str, value: &Value) -> String {
    match value.get("default") {
        Some(Value::Null) | None if is_required(object, key) => "required".to_owned(),
        Some(Value::Null) | None => "–".to_owned(),
        Some(default) => match (default, json_type(value)) {
            (Value::Number(number), Some("number")) => format!("`{}`", shortest(number)),
            _ => code(default),
        },
    }
}

/// A number as people write it: `2e-4` and not `0.0002`.
fn shortest(number: &serde_json::Number) -> String {
    let Some(value) = number.as_f64() else {
        return number.to_string();
    };
    let (plain, scientific) = (format!("{value}"), format!("{value:e}"));
    match scientific.len() < plain.len() {
        true => scientific,
        false => plain,
    }
}

fn meaning(schema: &Value) -> String {
    let mut text = description(schema).to_owned();
    for (name, meaning) in choices(schema).unwrap_or_default() {
        if !meaning.is_empty() {
            text += &format!(" {name}: {meaning}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn nested_parameters_are_dotted_and_choices_explained() {
        let schema = json!({
            "type": "object",
            "properties": {
                "generator": {
                    "description": "Kind of generator.",
                    "default": "vae",
                    "oneOf": [
                        {"const": "vae", "description": "A variational autoencoder."},
                        {"const": "gaussian", "description": "A diagonal Gaussian."},
                    ],
                },
                "layers": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1},
                    "default": [1, 2],
                },
                "momentum": {"type": ["number", "null"], "default": null},
                "path": {"type": "string", "description": "The folder a|b."},
                "vae": {
                    "type": "object",
                    "description": "The autoencoders.",
                    "properties": {
                        "epochs": {"type": "integer", "default": 500, "minimum": 1},
                        "lr": {
                            "type": "number",
                            "description": "Learning rate of\nAdam.",
                            "default": 0.0002,
                            "exclusiveMinimum": 0,
                        },
                    },
                },
            },
            "required": ["path"],
        });
        expect![[r#"
            | parameter | value | default | meaning |
            | --- | --- | --- | --- |
            | `generator` | `vae`, `gaussian` | `vae` | Kind of generator. `vae`: A variational autoencoder. `gaussian`: A diagonal Gaussian. |
            | `layers` | list of integer ≥ 1 | `[1, 2]` |  |
            | `momentum` | number | – |  |
            | `path` | text | required | The folder a\|b. |
            | `vae.epochs` | integer ≥ 1 | `500` |  |
            | `vae.lr` | number > 0 | `2e-4` | Learning rate of Adam. |
        "#]]
        .assert_eq(&parameters(&schema));
        assert_eq!(
            parameters(&json!({"type": "object"})),
            "There are no parameters.\n"
        );
    }
}
