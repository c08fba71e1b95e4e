//! The identity of a plugin file, on this machine and on any other.

use super::PluginFile;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A plugin file, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginId {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 of the file.
    pub hash: String,
}

/// A plugin file on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginRef {
    /// Its path.
    pub file: PathBuf,
    /// Which file it is.
    pub id: PluginId,
}

impl From<&PluginFile> for PluginRef {
    fn from(file: &PluginFile) -> PluginRef {
        PluginRef {
            file: file
                .path()
                .canonicalize()
                .unwrap_or_else(|_| file.path().to_owned()),
            id: PluginId {
                name: file.manifest().plugin.clone(),
                version: file.manifest().version.clone(),
                hash: file.hash().to_owned(),
            },
        }
    }
}
