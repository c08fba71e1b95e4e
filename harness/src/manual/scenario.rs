//! All keys of a scenario, from its JSON Schema.

use super::markdown::{heading, table};
use super::types::{choices, description, is_required, json_type, properties, type_of};
use crate::scenario;
use serde_json::Value;

/// The key of a domain that decides which others there are.
const SOURCE: &str = "source";
/// The parts that a reader looks for first; the others follow by name.
const FIRST: [&str; 4] = ["Domain", "Stream", "Backbone", "Strategy"];

/// Every key of a scenario: a section for the file, then one for each part of it.
pub fn scenario() -> String {
    let schema = scenario::keys();
    let mut text = String::from("## The file\n");
    body(&schema, &mut text);
    let definitions = schema["definitions"].as_object();
    let mut definitions: Vec<_> = definitions.into_iter().flatten().collect();
    let place = |name: &str| FIRST.iter().position(|&first| first == name);
    definitions.sort_by_key(|(name, _)| (place(name).unwrap_or(FIRST.len()), name.as_str()));
    for (name, definition) in definitions {
        text += &format!("\n## {}\n", heading(name));
        match definition["allOf"].as_array() {
            Some(sources) if definition["properties"].get(SOURCE).is_some() => {
                domain(definition, sources, &mut text);
            }
            _ => body(definition, &mut text),
        }
    }
    text
}

/// A description, and the table of what it describes.
fn body(schema: &Value, text: &mut String) {
    paragraph(description(schema), text);
    if let Some(choices) = choices(schema) {
        let rows: Vec<_> = choices
            .into_iter()
            .map(|(value, meaning)| [value, meaning.to_owned()])
            .collect();
        *text += &format!("\n{}", table(["value", "meaning"], &rows));
        return;
    }
    if schema.get("properties").is_some() {
        *text += &format!("\n{}", keys(schema, |_| true));
        return;
    }
    *text += &format!("\nValue: {}.\n", type_of(schema));
    let forms = schema["oneOf"].as_array().into_iter().flatten();
    for form in forms.filter(|form| form.get("properties").is_some()) {
        *text += &format!("\n{}", keys(form, |_| true));
    }
}

/// The keys of every domain, then those of each source.
fn domain(schema: &Value, sources: &[Value], text: &mut String) {
    paragraph(description(schema), text);
    let of_a_source = |key: &str| {
        sources.iter().any(|rule| {
            let keys = rule["then"]["properties"].as_object();
            keys.is_some_and(|keys| keys.contains_key(key))
        })
    };
    *text += &format!("\n{}", keys(schema, |key| !of_a_source(key)));
    let known = choices(&schema["properties"][SOURCE]).unwrap_or_default();
    for rule in sources {
        let name = rule["if"]["properties"][SOURCE]["const"].as_str();
        let name = format!("`{}`", name.unwrap_or_default());
        *text += &format!("\n### Source {name}\n");
        let found = known.iter().find(|(known, _)| *known == name);
        paragraph(found.map_or("", |(_, summary)| summary), text);
        let allowed = |key: &str| rule["then"]["properties"][key] != Value::Bool(false);
        let rows = keys(&rule["then"], allowed);
        if rows.lines().count() > 2 {
            *text += &format!("\n{rows}");
        }
    }
}

/// The table of an object's keys.
fn keys(schema: &Value, wanted: impl Fn(&str) -> bool) -> String {
    let rows: Vec<_> = properties(schema)
        .filter(|(key, _)| wanted(key))
        .map(|(key, value)| {
            let mut meaning = description(value).to_owned();
            if is_required(schema, key) {
                meaning = format!("**Required.** {meaning}");
            }
            if let Some(default) = value.get("default") {
                meaning += &format!(" Default: `{default}`.");
            }
            [format!("`{key}`"), words(key, value), meaning]
        })
        .collect();
    table(["key", "value", "meaning"], &rows)
}

fn words(key: &str, value: &Value) -> String {
    match key {
        SOURCE => "one of the sources below".to_owned(),
        // Which keys there are is the plugin's business.
        "parameters" if json_type(value) == Some("object") => "mapping".to_owned(),
        _ => type_of(value),
    }
}

fn paragraph(sentence: &str, text: &mut String) {
    if !sentence.is_empty() {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        *text += &format!("\n{}\n", words.join(" "));
    }
}
