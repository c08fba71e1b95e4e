//! `clbench ls KIND NAME`: one thing that a scenario can use, with its parameters.

use crate::domain::source::SourceInfo;
use crate::plugin::{Parameter, ParameterSchema, PluginFile};
use harness_abi::manifest::Offer;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::fmt::Write;

/// The width that descriptions are wrapped to.
const WIDTH: usize = 100;

/// What a plugin offers under a name.
pub(super) fn offer(file: &PluginFile, offer: &Offer) -> String {
    let manifest = file.manifest();
    let mut text = format!(
        "{}: {}\n{} {}, {}\n",
        offer.name,
        offer.summary,
        manifest.plugin,
        manifest.version,
        file.path().display()
    );
    match ParameterSchema::of(offer).map(|schema| schema.parameters()) {
        None => {}
        Some(parameters) if parameters.is_empty() => text += "\nIt has no parameters.\n",
        Some(parameters) => {
            text += "\nparameters:\n";
            for parameter in &parameters {
                describe(&mut text, parameter);
            }
        }
    }
    text
}

/// A source of images, with its keys.
pub(super) fn source(source: &SourceInfo) -> String {
    let mut generator = SchemaSettings::draft07()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    let schema = (source.schema)(&mut generator);
    let mut text = format!("{}: {}\nbuilt in\n", source.name, source.summary);
    if source.keys.is_empty() {
        text += "\nIt has no keys.\n";
        return text;
    }
    text += "\nkeys:\n";
    for key in source.keys {
        let description = schema
            .get("properties")
            .and_then(|properties| description(&properties[key]));
        let _ = writeln!(text, "  {key}");
        wrap(&mut text, 6, description.unwrap_or_default());
    }
    text
}

/// A key's own description, or that of its type.
fn description(schema: &Value) -> Option<&str> {
    let types = schema["anyOf"].as_array().into_iter().flatten();
    let mut descriptions = std::iter::once(schema)
        .chain(types)
        .map(|schema| &schema["description"]);
    descriptions.find_map(Value::as_str)
}

fn describe(text: &mut String, parameter: &Parameter) {
    let Parameter {
        path,
        values,
        choices,
        required,
        is_set,
        description,
        ..
    } = parameter;
    let _ = write!(text, "  {path}");
    if !is_set {
        let _ = write!(text, "  ({values}");
        match parameter.default_text() {
            Some(default) => {
                let _ = write!(text, ", default {default}");
            }
            None if *required => text.push_str(", required"),
            None => {}
        }
        text.push(')');
    }
    text.push('\n');
    wrap(text, 6, description);
    for choice in choices {
        let _ = writeln!(text, "      {}", choice.name);
        wrap(text, 10, &choice.description);
    }
}

/// Paragraphs, indented and wrapped.
fn wrap(text: &mut String, indent: usize, paragraphs: &str) {
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&indent)
        .subsequent_indent(&indent)
        .break_words(false);
    for paragraph in paragraphs.split("\n\n").filter(|text| !text.is_empty()) {
        // A key's description may have the line breaks of its doc comment.
        let paragraph = paragraph.replace('\n', " ");
        let _ = writeln!(text, "{}", textwrap::fill(&paragraph, &options));
    }
}
