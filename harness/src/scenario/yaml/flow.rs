//! A value as a message shows it: on one line, and short.

use super::scalar;
use super::tree::{Mapping, Node, Value};
use saphyr_parser::ScalarStyle;

/// How many entries of a list or mapping a message shows.
const SHOWN: usize = 8;

impl Node {
    /// The value as YAML on one line. Long lists and mappings end in `…`, and deeply nested values
    /// are replaced by it.
    pub fn in_flow(&self) -> String {
        flow(&self.value, 3)
    }
}

/// Text as YAML, in quotes if it needs them inside brackets.
pub fn text_in_flow(text: &str) -> String {
    let plain = scalar::resolve(text, ScalarStyle::Plain, None);
    let is_text = plain.is_ok_and(|value| matches!(value, Value::Text(_)));
    let is_safe = text.trim() == text
        && !text.starts_with(|c| "-?:,[]{}#&*!|>'\"%@`".contains(c))
        && !text.contains([',', '[', ']', '{', '}', '\n', '\t'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':');
    match is_text && is_safe {
        true => text.to_owned(),
        false if text.contains('\\') => format!("'{}'", text.replace('\'', "''")),
        false => format!("{text:?}"),
    }
}

fn flow(value: &Value, depth: usize) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text_in_flow(text),
        Value::Tagged(_) => "…".to_owned(),
        Value::List(items) if items.is_empty() => "[]".to_owned(),
        Value::Mapping(entries) if entries.is_empty() => "{}".to_owned(),
        Value::List(_) | Value::Mapping(_) if depth == 0 => "…".to_owned(),
        Value::List(items) => {
            let items = items.iter().map(|item| flow(&item.value, depth - 1));
            format!("[{}]", shortened(items))
        }
        Value::Mapping(entries) => format!("{{{}}}", shortened(pairs(entries, depth - 1))),
    }
}

fn pairs(entries: &Mapping, depth: usize) -> impl Iterator<Item = String> {
    entries
        .iter()
        .map(move |(key, node)| format!("{}: {}", text_in_flow(key), flow(&node.value, depth)))
}

/// The parts with commas between them, or the first of them and `…`.
pub fn shortened(parts: impl Iterator<Item = String>) -> String {
    let mut parts: Vec<String> = parts.collect();
    if parts.len() > SHOWN {
        parts.truncate(SHOWN);
        parts.push("…".to_owned());
    }
    parts.join(", ")
}
