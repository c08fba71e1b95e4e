//! The manifest: what a plugin file says of itself before any of its code has run.
//!
//! [`export_plugin!`](crate::export_plugin) writes it as JSON into a section of the file, where it survives stripping.
//! A host reads it, decides, and only then loads the file.

use serde::{Deserialize, Deserializer, Serialize};

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
    #[serde(default, deserialize_with = "offers")]
    pub backbones: Vec<Offer>,
    /// The strategies that it offers.
    #[serde(default, deserialize_with = "offers")]
    pub strategies: Vec<Offer>,
    /// The metrics that it offers.
    #[serde(default, deserialize_with = "offers")]
    pub metrics: Vec<Offer>,
}

/// Something that a plugin offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The name in a scenario.
    pub name: String,
    /// One line for people.
    pub summary: String,
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

/// A list as the macro writes it, closed by a `null`.
fn offers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Offer>, D::Error> {
    let offers = Vec::<Option<Offer>>::deserialize(deserializer)?;
    Ok(offers.into_iter().flatten().collect())
}
