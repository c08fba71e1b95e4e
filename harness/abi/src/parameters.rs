//! Parameters: a scenario's YAML, as JSON, into an author's own type.
//!
//! A parameter set is a struct that derives [`ParameterSet`](macro@crate::ParameterSet) beside
//! serde's `Deserialize`. Each field is one parameter, defined in one place:
//!
//! ```
//! use harness_abi::{Choice, ParameterSet};
//! use serde::Deserialize;
//!
//! /// What a scenario can set.
//! #[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
//! #[serde(deny_unknown_fields, default)]
//! pub struct Parameters {
//!     /// Passes over a task's samples.
//!     #[parameter(default = 20, at_least = 1)]
//!     pub epochs: u32,
//!     /// η, the learning rate.
//!     #[parameter(default = 0.01, above = 0)]
//!     pub lr: f64,
//!     /// μ, the momentum.
//!     #[parameter(default = 0.9, at_least = 0, below = 1)]
//!     pub momentum: f64,
//!     /// How steps follow from gradients.
//!     #[parameter(default = Optimiser::Sgd)]
//!     pub optimiser: Optimiser,
//!     /// The norm to which gradients are clipped. Not set: they are not clipped.
//!     #[parameter(above = 0)]
//!     pub clip_norm: Option<f64>,
//! }
//!
//! /// How steps follow from gradients.
//! #[derive(Debug, Clone, Copy, PartialEq, Deserialize, Choice)]
//! #[serde(rename_all = "kebab-case")]
//! pub enum Optimiser {
//!     /// Stochastic gradient descent with momentum.
//!     Sgd,
//!     /// Adam (arXiv 1412.6980).
//!     Adam,
//! }
//!
//! assert_eq!(Parameters::default().epochs, 20);
//! let parsed = |json: &str| harness_abi::parameters::parse::<Parameters>(json.as_bytes());
//! assert_eq!(parsed(r#"{"optimiser": "adam"}"#).unwrap().optimiser, Optimiser::Adam);
//! assert_eq!(
//!     parsed(r#"{"lr": 0}"#).unwrap_err().to_string(),
//!     "parameter `lr`: must be above 0, got 0"
//! );
//! ```
//!
//! The derive makes `Default` from the defaults, and checks the ranges before the author's own code
//! sees a value: what is left to [`Strategy::check`](crate::Strategy::check) are conditions between
//! parameters. It also makes the [`schema`] in the plugin's manifest, from which
//! `clbench ls strategies NAME`, editors and `clbench validate` know the parameters without running
//! the plugin. Doc comments are the descriptions that users read, so they are required.
//!
//! A default is written out: a number, a string, a boolean, a list of these, or a variant of an
//! enum that derives [`Choice`](macro@crate::Choice). A field whose type is a set itself has that
//! set's defaults, an `Option` is `None`, and an enum with a variant marked `#[default]` needs no
//! other default. `#[parameter(required)]` marks a key that has none.
//!
//! What users could not look up, or what serde would read differently, does not compile: a
//! parameter without a doc comment or a default, and a struct that ignores unknown keys.
//!
//! ```compile_fail
//! #[derive(serde::Deserialize, harness_abi::ParameterSet)]
//! #[serde(deny_unknown_fields, default)]
//! struct Parameters {
//!     /// Passes over a task's samples.
//!     epochs: u32, // error: say its default: `#[parameter(default = …)]`
//! }
//! ```
//!
//! ```compile_fail
//! #[derive(serde::Deserialize, harness_abi::ParameterSet)]
//! #[serde(default)] // error: add `#[serde(deny_unknown_fields)]`
//! struct Parameters {
//!     /// Passes over a task's samples.
//!     #[parameter(default = 1)]
//!     epochs: u32,
//! }
//! ```

pub mod schema;
#[doc(hidden)]
pub mod text;

use crate::error::{Error, Result};
use schema::{Range, Schema};
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::path::PathBuf;

/// For a plugin that takes no parameters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, crate::ParameterSet,
)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// A type that a parameter can have; derived, or one of the plain types below.
pub trait Parameter {
    /// What its values may be.
    const SCHEMA: Schema;

    /// Checks the ranges of the parameters inside it; `path` is its own.
    ///
    /// # Errors
    ///
    /// [`Error::parameter`] for the first value that is out of range.
    fn check_ranges(&self, path: &Path<'_>) -> Result<()> {
        let _ = path;
        Ok(())
    }

    /// Checks the value itself, if it is a number.
    ///
    /// # Errors
    ///
    /// [`Error::parameter`] if it is out of range.
    fn check_range(&self, range: &Range, path: &Path<'_>) -> Result<()> {
        let _ = (range, path);
        Ok(())
    }
}

/// What a scenario can set of a strategy or a backbone: the bound of
/// [`Strategy::Parameters`](crate::Strategy::Parameters) and
/// [`Backbone::Parameters`](crate::Backbone::Parameters). Every type that can be deserialised and
/// derives [`ParameterSet`](macro@crate::ParameterSet) is one.
pub trait ParameterSet: Parameter + DeserializeOwned {}

impl<P: Parameter + DeserializeOwned> ParameterSet for P {}

/// Where a parameter is: `optimiser.lr`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    key: &'a str,
}

impl<'a> Path<'a> {
    /// A key below this path.
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path {
            parent: Some(self),
            key,
        }
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(parent) = self.parent
            && parent.parent.is_some()
        {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.key)
    }
}

macro_rules! numbers {
    ($($schema:ident: $($number:ty),*;)*) => {$($(
        impl Parameter for $number {
            const SCHEMA: Schema = Schema::$schema;

            fn check_range(&self, range: &Range, path: &Path<'_>) -> Result<()> {
                check_number(*self as f64, self, range, path)
            }
        }
    )*)*};
}

numbers! {
    Unsigned: u8, u16, u32, u64, usize;
    Integer: i32, i64;
    Number: f32, f64;
}

impl Parameter for bool {
    const SCHEMA: Schema = Schema::Boolean;
}

impl Parameter for String {
    const SCHEMA: Schema = Schema::String;
}

impl Parameter for PathBuf {
    const SCHEMA: Schema = Schema::String;
}

impl Parameter for serde_json::Value {
    const SCHEMA: Schema = Schema::Any;
}

impl<P: Parameter> Parameter for Option<P> {
    const SCHEMA: Schema = Schema::Optional(&P::SCHEMA);

    fn check_ranges(&self, path: &Path<'_>) -> Result<()> {
        self.as_ref()
            .map_or(Ok(()), |value| value.check_ranges(path))
    }

    fn check_range(&self, range: &Range, path: &Path<'_>) -> Result<()> {
        self.as_ref()
            .map_or(Ok(()), |value| value.check_range(range, path))
    }
}

impl<P: Parameter> Parameter for Vec<P> {
    const SCHEMA: Schema = Schema::List {
        items: &P::SCHEMA,
        length: None,
    };

    fn check_ranges(&self, path: &Path<'_>) -> Result<()> {
        self.iter().try_for_each(|value| value.check_ranges(path))
    }
}

impl<P: Parameter, const N: usize> Parameter for [P; N] {
    const SCHEMA: Schema = Schema::List {
        items: &P::SCHEMA,
        length: Some(N),
    };

    fn check_ranges(&self, path: &Path<'_>) -> Result<()> {
        self.iter().try_for_each(|value| value.check_ranges(path))
    }
}

fn check_number(number: f64, shown: &dyn Display, range: &Range, path: &Path<'_>) -> Result<()> {
    if range.is_open() {
        return Ok(());
    }
    let good = number.is_finite() && range.contains(number);
    require(&path.to_string(), good, &range.to_string(), shown)
}

/// Reads parameters from JSON and checks their ranges.
///
/// # Errors
///
/// [`Error::parameter`] with the path of the key that is unknown, missing, of the wrong type or out
/// of range.
pub fn parse<P: ParameterSet>(json: &[u8]) -> Result<P> {
    let parameters: P = deserialize(json)?;
    parameters.check_ranges(&Path::default())?;
    Ok(parameters)
}

/// Reads a type that has no schema, such as the options of a differentiable call, from JSON.
///
/// # Errors
///
/// As for [`parse`], ranges aside.
pub fn deserialize<P: DeserializeOwned>(json: &[u8]) -> Result<P> {
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
                Error::parameter(path, unknown_parameter(unknown, &known))
            }
            None => Error::parameter(path, message),
        }
    })
}

/// Checks a value whose type is right but which may be out of range: `require("lr", lr > 0.0,
/// "above 0", lr)?`.
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

/// Taken from serde's "unknown field `x`, expected one of `a`, `b`" or "… expected `a`" or "there
/// are no fields".
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (unknown, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).collect();
    Some((unknown, known))
}

/// What is wrong with a key that does not exist, with the key that was probably meant.
pub fn unknown_parameter(unknown: &str, known: &[&str]) -> String {
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
    use crate::{Choice, ParameterSet};
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize, ParameterSet)]
    #[serde(deny_unknown_fields, default)]
    struct Parameters {
        /// Passes over
        /// the data.
        ///
        /// A "second" paragraph.
        #[parameter(default = 1, at_least = 1)]
        epochs: u32,
        /// The optimiser.
        optimiser: Optimiser,
        /// Layers, from 0.
        #[parameter(default = [1, 2])]
        layers: Vec<u32>,
        /// Bounds.
        #[parameter(default = [-1.0, 1.0])]
        bounds: [f64; 2],
        /// Clipping.
        #[parameter(above = 0)]
        clip: Option<f64>,
        /// Seeds below 8.
        #[parameter(default = 0, below = 8)]
        fold: u32,
        /// Words.
        #[parameter(default = "a \"photo\" of a {}")]
        template: String,
    }

    #[derive(Debug, PartialEq, Deserialize, ParameterSet)]
    #[serde(deny_unknown_fields, default)]
    struct Optimiser {
        /// η.
        #[parameter(default = 1e-1, above = 0)]
        lr: f64,
        /// μ.
        #[parameter(default = 0.9, at_least = 0, below = 1)]
        momentum: f64,
        /// Which.
        #[parameter(default = Kind::StochasticGradient)]
        kind: Kind,
        /// Its schedule.
        schedule: Schedule,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Deserialize, Choice)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        /// The first.
        StochasticGradient,
        /// The second.
        #[serde(rename = "ADAM")]
        Adam,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize, Choice)]
    #[serde(rename_all = "lowercase")]
    enum Schedule {
        /// The same rate in every epoch.
        #[default]
        Constant,
    }

    /// The schema of a type, written as the macro writes it.
    fn schema<P: Parameter>() -> serde_json::Value {
        let text = P::SCHEMA.write(text::Text::<4096>::EMPTY);
        let length = text.length();
        assert_eq!(P::SCHEMA.write(text::Text::<0>::EMPTY).length(), length);
        let padded = (length..4096).fold(text, |text, _| text.push(" "));
        serde_json::from_slice(&padded.bytes()).unwrap()
    }

    #[test]
    fn the_schema_says_what_the_type_says() {
        assert_eq!(
            schema::<Parameters>(),
            json!({
                "type": "object",
                "properties": {
                    "epochs": {
                        "description": "Passes over the data.\n\nA \"second\" paragraph.",
                        "type": "integer", "minimum": 1, "default": 1
                    },
                    "optimiser": {
                        "description": "The optimiser.",
                        "type": "object",
                        "properties": {
                            "lr": {
                                "description": "η.", "type": "number", "exclusiveMinimum": 0,
                                "default": 0.1
                            },
                            "momentum": {
                                "description": "μ.", "type": "number", "minimum": 0,
                                "exclusiveMaximum": 1, "default": 0.9
                            },
                            "kind": {
                                "description": "Which.",
                                "oneOf": [
                                    {"const": "stochastic-gradient", "description": "The first."},
                                    {"const": "ADAM", "description": "The second."}
                                ],
                                "default": "stochastic-gradient"
                            },
                            "schedule": {
                                "description": "Its schedule.",
                                "oneOf": [{
                                    "const": "constant",
                                    "description": "The same rate in every epoch."
                                }],
                                "default": "constant"
                            }
                        },
                        "additionalProperties": false
                    },
                    "layers": {
                        "description": "Layers, from 0.", "type": "array",
                        "items": {"type": "integer", "minimum": 0}, "default": [1, 2]
                    },
                    "bounds": {
                        "description": "Bounds.", "type": "array", "items": {"type": "number"},
                        "minItems": 2, "maxItems": 2, "default": [-1.0, 1.0]
                    },
                    "clip": {"description": "Clipping.", "type": "number", "exclusiveMinimum": 0},
                    "fold": {
                        "description": "Seeds below 8.", "type": "integer", "minimum": 0,
                        "exclusiveMaximum": 8, "default": 0
                    },
                    "template": {
                        "description": "Words.", "type": "string",
                        "default": "a \"photo\" of a {}"
                    }
                },
                "additionalProperties": false
            })
        );
        assert_eq!(
            schema::<NoParameters>(),
            json!({"type": "object", "properties": {}, "additionalProperties": false})
        );
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let defaults = parse::<Parameters>(b"").unwrap();
        assert_eq!(defaults, Parameters::default());
        assert_eq!(
            (
                defaults.epochs,
                &defaults.layers[..],
                defaults.bounds,
                defaults.clip
            ),
            (1, &[1, 2][..], [-1.0, 1.0], None)
        );
        assert_eq!(defaults.template, "a \"photo\" of a {}");
        let Optimiser {
            lr,
            momentum,
            kind,
            schedule,
        } = defaults.optimiser;
        assert_eq!((lr, momentum), (0.1, 0.9));
        assert_eq!(
            (kind, schedule),
            (Kind::StochasticGradient, Schedule::Constant)
        );
    }

    #[test]
    fn a_value_out_of_range_is_named_by_its_path() {
        for (json, expected) in [
            (r#"{"epochs": 0}"#, "`epochs`: must be at least 1, got 0"),
            (r#"{"fold": 8}"#, "`fold`: must be below 8, got 8"),
            (r#"{"clip": 0}"#, "`clip`: must be above 0, got 0"),
            (
                r#"{"optimiser": {"momentum": 1}}"#,
                "`optimiser.momentum`: must be at least 0 and below 1, got 1",
            ),
            (
                r#"{"optimiser": {"lr": -0.5}}"#,
                "`optimiser.lr`: must be above 0, got -0.5",
            ),
        ] {
            let error = parse::<Parameters>(json.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), format!("parameter {expected}"));
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
            "parameter `colour`: no such parameter; there are `epochs`, `optimiser`, `layers`, `bounds`, `clip`, `fold`, `template`"
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
