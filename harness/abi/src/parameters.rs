//! Parameters: a scenario's YAML, as JSON, into an author's own type, with the path of the key in every error.
//!
//! Give the type `#[derive(Deserialize)]` and `#[serde(deny_unknown_fields, default)]`; what serde finds wrong then
//! reaches the user as "parameter `optimiser.lr`: …", a misspelt key with the one that was meant.

use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use std::fmt::Display;

/// For a plugin that takes no parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// Reads parameters out of JSON.
///
/// # Errors
///
/// With the path of the key that is unknown, missing, or of the wrong type.
pub fn parse<P: DeserializeOwned>(json: &[u8]) -> Result<P> {
    let json = if json.is_empty() { b"{}" } else { json };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => String::new(),
            path => path,
        };
        let message = error.inner().to_string();
        // serde_json appends a position in the JSON, which the user never sees.
        let message = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(message, _)| message);
        match unknown_key(message) {
            Some((unknown, known)) => {
                // The path of an unknown key ends in the key.
                let path = if path.is_empty() {
                    unknown.into()
                } else {
                    path
                };
                Error::parameter(path, describe_unknown(unknown, &known))
            }
            None => Error::parameter(path, message),
        }
    })
}

/// Checks a value whose type is right but which may be out of range: `require("lr", lr > 0.0, "above 0", lr)?`.
///
/// # Errors
///
/// [`Error::parameter`] at `path`, if it is not `good`: "must be `must`, got `got`".
pub fn require(path: &str, good: bool, must: &str, got: impl Display) -> Result<()> {
    match good {
        true => Ok(()),
        false => Err(Error::parameter(path, format!("must be {must}, got {got}"))),
    }
}

/// Taken from serde's "unknown field `x`, expected one of `a`, `b`" or "… expected `a`" or "there are no fields".
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (unknown, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((unknown, known))
}

fn describe_unknown(unknown: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(unknown.len()) / 4)
        .min();
    match (nearest, known) {
        (Some((_, name)), _) => format!("no such parameter; did you mean `{name}`?"),
        (None, []) => "no such parameter; there are none to set".into(),
        (None, known) => format!("no such parameter; there are `{}`", known.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Parameters {
        #[allow(dead_code)]
        epochs: u32,
        #[allow(dead_code)]
        optimiser: Optimiser,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Optimiser {
        #[allow(dead_code)]
        lr: f64,
        #[allow(dead_code)]
        momentum: f64,
    }

    impl Default for Parameters {
        fn default() -> Self {
            Parameters {
                epochs: 1,
                optimiser: Optimiser::default(),
            }
        }
    }

    impl Default for Optimiser {
        fn default() -> Self {
            Optimiser {
                lr: 0.1,
                momentum: 0.9,
            }
        }
    }

    #[test]
    fn every_error_names_the_key() {
        let message = |json: &str| {
            parse::<Parameters>(json.as_bytes())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message(r#"{"optimiser": {"momentun": 1}}"#),
            "parameter `optimiser.momentun`: no such parameter; did you mean `momentum`?"
        );
        assert_eq!(
            message(r#"{"colour": 1}"#),
            "parameter `colour`: no such parameter; there are `epochs`, `optimiser`"
        );
        assert_eq!(
            message(r#"{"optimiser": {"lr": "fast"}}"#),
            "parameter `optimiser.lr`: invalid type: string \"fast\", expected f64"
        );
        assert_eq!(
            message(r#"{"epochs": -3}"#),
            "parameter `epochs`: invalid value: integer `-3`, expected u32"
        );
        assert_eq!(
            parse::<NoParameters>(br#"{"lr": 1}"#)
                .unwrap_err()
                .to_string(),
            "parameter `lr`: no such parameter; there are none to set"
        );
    }
}
