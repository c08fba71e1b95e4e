//! What a scalar means.
//!
//! The rules are those of `serde_yaml` (YAML 1.2's core schema, near enough): `yes` and `012` are
//! text, `0x1F` is a number. Its own [`Number`] reads numbers, and a test compares the rest.

use super::tree::Value;
use crate::scenario::error::{Problem, in_words};
use saphyr_parser::ScalarStyle;
use serde::de::Unexpected;
use serde_yaml::Number;

/// The prefix of YAML's own tags, `!!str` and its like.
const CORE: &str = "tag:yaml.org,2002:";

/// The value of a scalar. A tag such as `!!int` overrides what the text looks like. A tag that is
/// not YAML's own is kept, and refused by whoever reads the value.
pub(super) fn resolve(text: &str, style: ScalarStyle, tag: Option<&str>) -> Result<Value, Problem> {
    let wrong = |expected: &str| Problem::WrongType {
        expected: expected.to_owned(),
        found: in_words(Unexpected::Str(text)),
    };
    let Some(tag) = tag else {
        return match style {
            ScalarStyle::Plain => plain(text),
            _ => Ok(Value::Text(text.into())),
        };
    };
    if tag.starts_with('!') {
        return Ok(Value::Tagged(tag.into()));
    }
    match tag.strip_prefix(CORE) {
        Some("null") if text.is_empty() || is_null(text) => Ok(Value::Null),
        Some("null") => Err(wrong("nothing")),
        Some("bool") => boolean(text)
            .map(Value::Bool)
            .ok_or_else(|| wrong("`true` or `false`")),
        Some("int") => match text.parse::<Number>() {
            Ok(number) if !number.is_f64() => Ok(Value::Number(number)),
            _ => Err(wrong("a whole number")),
        },
        Some("float") => float(text)
            .map(Value::Number)
            .ok_or_else(|| wrong("a number")),
        _ => Ok(Value::Text(text.into())),
    }
}

/// The value of a scalar without quotes.
fn plain(text: &str) -> Result<Value, Problem> {
    if text.is_empty() || is_null(text) {
        return Ok(Value::Null);
    }
    if let Some(value) = boolean(text) {
        return Ok(Value::Bool(value));
    }
    // Every number begins with one of these, and most text does not.
    if text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        match text.parse() {
            Ok(number) => return Ok(Value::Number(number)),
            Err(_) if is_integer(text) => {
                return Err(Problem::TooManyDigits {
                    found: text.to_owned(),
                });
            }
            Err(_) => {}
        }
    }
    Ok(Value::Text(text.into()))
}

fn is_null(text: &str) -> bool {
    matches!(text, "null" | "Null" | "NULL" | "~")
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn float(text: &str) -> Option<Number> {
    let number = text.parse::<Number>().ok().filter(Number::is_f64);
    number.or_else(|| {
        let value: f64 = text.parse().ok()?;
        value.is_finite().then(|| value.into())
    })
}

/// Whether this is an integer of any size.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0o") => (&digits[2..], 8),
        Some("0b") => (&digits[2..], 2),
        // `012` is text.
        _ if digits.starts_with('0') => return false,
        _ => (digits, 10),
    };
    !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix))
}
