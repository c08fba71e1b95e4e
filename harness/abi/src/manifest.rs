//! The manifest: what a plugin file says of itself before any of its code has run.
//!
//! [`export_plugin!`](crate::export_plugin) writes it as JSON into a section of the file, where it
//! survives stripping. A host reads it, decides, and only then loads the file.

use crate::parameters::schema::Schema;
use crate::parameters::text::Text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The section that holds the manifest.
pub const SECTION: &str = ".clbench";

/// What the file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the boundary that it was built for; see [`ABI_VERSION`](crate::ABI_VERSION).
    pub abi: u32,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The runtime library that it needs, such as `libtorch 2.11.0`.
    pub runtime: Option<String>,
    /// The backbones that it offers.
    #[serde(default)]
    pub backbones: Vec<Offer>,
    /// The strategies that it offers.
    #[serde(default)]
    pub strategies: Vec<Offer>,
    /// The metrics that it offers.
    #[serde(default)]
    pub metrics: Vec<Offer>,
}

/// Something that a plugin offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The name in a scenario.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// The JSON Schema of its parameters; see [`crate::parameters::schema`]. A metric has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<JsonText>,
}

/// JSON as it was written, with its keys in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText(String);

impl JsonText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(JsonText(raw.get().to_owned()))
    }
}

impl Manifest {
    /// Reads the section's bytes.
    ///
    /// # Errors
    ///
    /// If they are not a manifest of any version.
    pub fn parse(section: &[u8]) -> Result<Manifest, serde_json::Error> {
        serde_json::from_slice(section)
    }
}

/// A manifest as [`export_plugin!`](crate::export_plugin) puts it together.
#[doc(hidden)]
#[allow(missing_docs)]
pub struct Draft {
    pub plugin: &'static str,
    pub version: &'static str,
    pub runtime: Option<&'static str>,
    pub backbones: &'static [DraftOffer],
    pub strategies: &'static [DraftOffer],
    pub metrics: &'static [DraftOffer],
}

/// An offer of a [`Draft`].
#[doc(hidden)]
#[allow(missing_docs)]
pub struct DraftOffer {
    pub name: &'static str,
    pub summary: &'static str,
    pub parameters: Option<&'static Schema>,
}

impl Draft {
    /// The manifest's JSON.
    #[doc(hidden)]
    pub const fn write<const N: usize>(&self) -> Text<N> {
        let mut out = Text::EMPTY
            .push("{\"abi\":")
            .number(crate::ABI_VERSION as usize)
            .push(",\"plugin\":")
            .quoted(self.plugin)
            .push(",\"version\":")
            .quoted(self.version)
            .push(",\"runtime\":");
        out = match self.runtime {
            Some(runtime) => out.quoted(runtime),
            None => out.push("null"),
        };
        out = offers(out.push(",\"backbones\":"), self.backbones);
        out = offers(out.push(",\"strategies\":"), self.strategies);
        offers(out.push(",\"metrics\":"), self.metrics).push("}")
    }
}

const fn offers<const N: usize>(out: Text<N>, offers: &[DraftOffer]) -> Text<N> {
    let mut out = out.push("[");
    let mut i = 0;
    while i < offers.len() {
        let DraftOffer {
            name,
            summary,
            parameters,
        } = &offers[i];
        out = out
            .push(if i == 0 { "{\"name\":" } else { ",{\"name\":" })
            .quoted(name)
            .push(",\"summary\":")
            .quoted(summary);
        if let Some(schema) = parameters {
            out = schema.write(out.push(",\"parameters\":"));
        }
        out = out.push("}");
        i += 1;
    }
    out.push("]")
}
