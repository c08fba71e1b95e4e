//! A parameter set's JSON Schema: what parameters are called, what they may be, what they are if
//! they are not set.
//!
//! A plugin's manifest carries the schema, so a scenario is checked and parameters are listed
//! without running the plugin. What [`harness_abi::parameters::schema`] writes is read here; other
//! keywords are ignored, so that a plugin made by other means can say more.

use crate::suggest;
use harness_abi::manifest::Offer;
use harness_abi::parameters::schema::Range;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use std::fmt;

/// What the values of a parameter set may be.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ParameterSchema {
    description: String,
    #[serde(rename = "type")]
    kind: Option<Kind>,
    default: Option<Value>,
    minimum: Option<Number>,
    exclusive_minimum: Option<Number>,
    maximum: Option<Number>,
    exclusive_maximum: Option<Number>,
    one_of: Vec<Choice>,
    items: Option<Box<ParameterSchema>>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    properties: Option<IndexMap<String, ParameterSchema>>,
    required: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
    #[serde(other)]
    Other,
}

/// One of the names that a parameter can take.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Choice {
    /// The name.
    #[serde(rename = "const")]
    pub name: String,
    /// What it means.
    #[serde(default)]
    pub description: String,
}

/// A parameter as a reference lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its path, such as `vae.epochs`.
    pub path: String,
    /// What it may be: "integer, at least 1".
    pub values: String,
    /// The names that it can take, if it is a choice.
    pub choices: Vec<Choice>,
    /// Its value if it is not set. `None` if it must be set, if the description says what happens
    /// without it, or for a set of parameters.
    pub default: Option<Value>,
    /// Whether it must be set.
    pub required: bool,
    /// Whether it is a set of parameters, which follow.
    pub is_set: bool,
    /// What it does.
    pub description: String,
}

impl Parameter {
    /// The default as people write it: `2e-4` rather than `0.0002`.
    pub fn default_text(&self) -> Option<String> {
        Some(match self.default.as_ref()? {
            Value::String(text) => text.clone(),
            Value::Number(number) if number.is_f64() => {
                let value = number.as_f64().unwrap_or_default();
                let (plain, scientific) = (format!("{value}"), format!("{value:e}"));
                match scientific.len() < plain.len() {
                    true => scientific,
                    false => plain,
                }
            }
            other => other.to_string(),
        })
    }
}

/// A value that a schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidParameter {
    /// The parameter's path, such as `vae.epochs`; empty for the parameters as a whole.
    pub path: String,
    /// What is wrong with it, without the path.
    pub message: String,
}

impl ParameterSchema {
    /// Reads the schema of a strategy or a backbone. `None` if there is none that can be read: the
    /// parameters are then checked when the plugin is loaded.
    pub fn of(offer: &Offer) -> Option<ParameterSchema> {
        let schema = offer.parameters.as_ref()?;
        ParameterSchema::parse(schema.as_str())
    }

    fn parse(json: &str) -> Option<ParameterSchema> {
        let schema: ParameterSchema = serde_json::from_str(json).ok()?;
        schema.properties.is_some().then_some(schema)
    }

    /// Checks a parameter set.
    ///
    /// # Errors
    ///
    /// For the first parameter that is unknown, missing, of the wrong type or out of range.
    pub fn check(&self, parameters: &Value) -> Result<(), InvalidParameter> {
        self.check_at("", parameters)
    }

    /// All parameters, a set followed by what is in it.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        self.list_at("", &mut all);
        all
    }

    fn check_at(&self, path: &str, value: &Value) -> Result<(), InvalidParameter> {
        let invalid = |message: String| {
            Err(InvalidParameter {
                path: path.to_owned(),
                message,
            })
        };
        // A key without a value is a key that is not set.
        if value.is_null() && self.default.is_none() && !path.is_empty() {
            return Ok(());
        }
        if !self.one_of.is_empty() {
            let names = || self.one_of.iter().map(|choice| choice.name.as_str());
            return match value.as_str() {
                Some(name) if names().any(|known| known == name) => Ok(()),
                Some(name) => invalid(format!(
                    "`{name}` is not allowed{}",
                    suggest::hint(name, names())
                )),
                None => invalid(format!(
                    "must be one of {}, got {value}",
                    suggest::list(names())
                )),
            };
        }
        let (is_right, expected) = match self.kind {
            Some(Kind::Boolean) => (value.is_boolean(), "`true` or `false`"),
            Some(Kind::Integer) => (value.is_i64() || value.is_u64(), "a whole number"),
            Some(Kind::Number) => (value.is_number(), "a number"),
            Some(Kind::String) => (value.is_string(), "a string"),
            Some(Kind::Array) => (value.is_array(), "a list"),
            Some(Kind::Object) => (value.is_object(), "a mapping"),
            Some(Kind::Other) | None => (true, ""),
        };
        if !is_right {
            return invalid(format!("must be {expected}, got {value}"));
        }
        match value {
            Value::Number(number)
                if !number
                    .as_f64()
                    .is_none_or(|number| self.range().contains(number)) =>
            {
                invalid(format!("must be {}, got {value}", self.range()))
            }
            Value::Array(items) => {
                self.check_length(path, items.len())?;
                let Some(schema) = &self.items else {
                    return Ok(());
                };
                let mut items = items.iter().enumerate();
                items.try_for_each(|(i, item)| schema.check_at(&format!("{path}[{i}]"), item))
            }
            Value::Object(values) => self.check_set(path, values),
            _ => Ok(()),
        }
    }

    fn check_length(&self, path: &str, length: usize) -> Result<(), InvalidParameter> {
        let short = self.min_items.is_some_and(|least| length < least);
        let long = self.max_items.is_some_and(|most| length > most);
        if !(short || long) {
            return Ok(());
        }
        let expected = match (self.min_items, self.max_items) {
            (Some(least), Some(most)) if least == most => format!("{least}"),
            (Some(least), _) if short => format!("at least {least}"),
            (_, most) => format!("at most {}", most.unwrap_or_default()),
        };
        Err(InvalidParameter {
            path: path.to_owned(),
            message: format!("must be a list of {expected}, got {length}"),
        })
    }

    fn check_set(&self, path: &str, values: &Map<String, Value>) -> Result<(), InvalidParameter> {
        let Some(properties) = &self.properties else {
            return Ok(());
        };
        for (key, value) in values {
            let path = below(path, key);
            let Some(schema) = properties.get(key) else {
                let known: Vec<_> = properties.keys().map(String::as_str).collect();
                let message = harness_abi::parameters::unknown_parameter(key, &known);
                return Err(InvalidParameter { path, message });
            };
            schema.check_at(&path, value)?;
        }
        match self.required.iter().find(|key| !values.contains_key(*key)) {
            Some(missing) => Err(InvalidParameter {
                path: path.to_owned(),
                message: format!("the parameter `{missing}` is missing; it has no default"),
            }),
            None => Ok(()),
        }
    }

    fn range(&self) -> Range<&Number> {
        Range {
            at_least: self.minimum.as_ref(),
            above: self.exclusive_minimum.as_ref(),
            at_most: self.maximum.as_ref(),
            below: self.exclusive_maximum.as_ref(),
        }
    }

    fn list_at(&self, path: &str, all: &mut Vec<Parameter>) {
        for (key, schema) in self.properties.iter().flatten() {
            let path = below(path, key);
            let is_set = schema.properties.is_some();
            all.push(Parameter {
                path: path.clone(),
                values: schema.to_string(),
                choices: schema.one_of.clone(),
                default: schema.default.clone(),
                required: self.required.contains(key),
                is_set,
                description: schema.description.clone(),
            });
            schema.list_at(&path, all);
        }
    }
}

/// What values it allows: "integer, at least 1", "list of 2 numbers".
impl fmt::Display for ParameterSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.one_of.is_empty() {
            return f.write_str("choice");
        }
        match (self.kind, &self.items) {
            (Some(Kind::Boolean), _) => f.write_str("boolean")?,
            (Some(Kind::Integer), _) => f.write_str("integer")?,
            (Some(Kind::Number), _) => f.write_str("number")?,
            (Some(Kind::String), _) => f.write_str("string")?,
            (Some(Kind::Object), _) => f.write_str("set of parameters")?,
            (Some(Kind::Array), Some(items)) => {
                let items = items.kind_name();
                match (self.min_items, self.max_items) {
                    (Some(least), Some(most)) if least == most => {
                        write!(f, "list of {least} {items}s")?;
                    }
                    _ => write!(f, "list of {items}s")?,
                }
            }
            (Some(Kind::Array), None) => f.write_str("list")?,
            (Some(Kind::Other) | None, _) => f.write_str("any value")?,
        }
        match self.range().to_string() {
            // A count says that it is not negative by being one.
            range
                if range.is_empty()
                    || range == "at least 0" && self.kind == Some(Kind::Integer) =>
            {
                Ok(())
            }
            range => write!(f, ", {range}"),
        }
    }
}

impl ParameterSchema {
    fn kind_name(&self) -> &'static str {
        match self.kind {
            Some(Kind::Boolean) => "boolean",
            Some(Kind::Integer) => "integer",
            Some(Kind::Number) => "number",
            Some(Kind::String) => "string",
            Some(Kind::Array) => "list",
            Some(Kind::Object) => "mapping",
            Some(Kind::Other) | None => "value",
        }
    }
}

fn below(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> ParameterSchema {
        let schema = r#"{
            "type": "object",
            "properties": {
                "epochs": {
                    "description": "Passes.", "type": "integer", "minimum": 1, "default": 5
                },
                "template": {"description": "A text.", "type": "string"},
                "colour": {"description": "Colour.", "type": "boolean", "default": false},
                "layers": {
                    "description": "Layers.", "type": "array",
                    "items": {"type": "integer", "minimum": 0}
                },
                "range": {
                    "description": "Bounds.", "type": "array", "items": {"type": "number"},
                    "minItems": 2, "maxItems": 2
                },
                "training": {
                    "description": "How it is trained.",
                    "type": "object",
                    "properties": {
                        "momentum": {
                            "description": "μ.", "type": "number", "minimum": 0,
                            "exclusiveMaximum": 1, "default": 0.9
                        },
                        "optimiser": {
                            "description": "Which.",
                            "oneOf": [
                                {"const": "sgd", "description": "Plain."},
                                {"const": "adam", "description": "Adaptive."}
                            ],
                            "default": "sgd"
                        }
                    },
                    "additionalProperties": false
                },
                "rate": {"description": "Needed.", "type": "number", "exclusiveMinimum": 0}
            },
            "required": ["rate"],
            "additionalProperties": false
        }"#;
        ParameterSchema::parse(schema).unwrap()
    }

    #[test]
    fn the_first_invalid_parameter_is_reported_with_its_path() {
        for (parameters, path, message) in [
            (json!({"epochs": 0}), "epochs", "must be at least 1, got 0"),
            (
                json!({"epochs": 1.5}),
                "epochs",
                "must be a whole number, got 1.5",
            ),
            (
                json!({"template": 3}),
                "template",
                "must be a string, got 3",
            ),
            (
                json!({"colour": "yes"}),
                "colour",
                "must be `true` or `false`, got \"yes\"",
            ),
            (
                json!({"epochs": null}),
                "epochs",
                "must be a whole number, got null",
            ),
            (json!({"layers": 3}), "layers", "must be a list, got 3"),
            (
                json!({"layers": [1, -1]}),
                "layers[1]",
                "must be at least 0, got -1",
            ),
            (json!({"range": [1]}), "range", "must be a list of 2, got 1"),
            (
                json!({"training": 3}),
                "training",
                "must be a mapping, got 3",
            ),
            (
                json!({"training": {"momentum": 1}}),
                "training.momentum",
                "must be at least 0 and below 1, got 1",
            ),
            (
                json!({"training": {"momentun": 1}}),
                "training.momentun",
                "no such parameter; did you mean `momentum`?",
            ),
            (
                json!({"training": {"optimiser": "adm"}}),
                "training.optimiser",
                "`adm` is not allowed; did you mean `adam`?",
            ),
            (
                json!({"training": {"optimiser": 3}}),
                "training.optimiser",
                "must be one of `sgd`, `adam`, got 3",
            ),
            (
                json!({}),
                "",
                "the parameter `rate` is missing; it has no default",
            ),
        ] {
            let error = schema().check(&parameters).unwrap_err();
            assert_eq!(
                (error.path.as_str(), error.message.as_str()),
                (path, message)
            );
        }
        let good = json!({
            "rate": 1, "epochs": 3, "template": null, "layers": [], "range": [-1, 0.5],
            "training": {"optimiser": "adam", "momentum": 0}
        });
        assert_eq!(schema().check(&good), Ok(()));
    }

    #[test]
    fn parameters_are_listed_with_their_values() {
        let listed = schema().parameters();
        let lines: Vec<_> = listed
            .iter()
            .map(|p| format!("{}: {} ({:?})", p.path, p.values, p.default))
            .collect();
        let default = |value: &Value| format!("{:?}", Some(value));
        assert_eq!(
            lines,
            [
                format!("epochs: integer, at least 1 ({})", default(&json!(5))),
                "template: string (None)".into(),
                format!("colour: boolean ({})", default(&json!(false))),
                "layers: list of integers (None)".into(),
                "range: list of 2 numbers (None)".into(),
                "training: set of parameters (None)".into(),
                format!(
                    "training.momentum: number, at least 0 and below 1 ({})",
                    default(&json!(0.9))
                ),
                format!("training.optimiser: choice ({})", default(&json!("sgd"))),
                "rate: number, above 0 (None)".into(),
            ]
        );
        assert!(listed[8].required && listed[5].is_set && listed[7].choices.len() == 2);
    }

    #[test]
    fn without_properties_there_is_nothing_to_check() {
        assert_eq!(ParameterSchema::parse(r#"{"$comment": "any"}"#), None);
        assert_eq!(ParameterSchema::parse("3"), None);
    }
}
