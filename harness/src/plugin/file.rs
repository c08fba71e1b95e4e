//! A plugin file that passed the preflight.

use super::preflight::preflight;
use super::{Kind, PluginError, PluginFault, PluginRef};
use crate::regular_file;
use harness_abi::manifest::{Manifest, Offer};
use std::path::{Path, PathBuf};

/// The largest plugin file, in bytes.
const LARGEST: u64 = 4 << 30;

/// A plugin file and its manifest. None of its code has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFile {
    path: PathBuf,
    hash: String,
    manifest: Manifest,
}

impl PluginFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// [`PluginError::File`] with what is wrong.
    pub fn open(path: &Path) -> Result<PluginFile, PluginError> {
        if let Some(fault) = PluginFault::of_folder(path, path) {
            return Err(fault.of(path));
        }
        // It is passed on as JSON, which is UTF-8.
        let whole = path.canonicalize();
        if whole.is_ok_and(|whole| whole.to_str().is_none()) {
            return Err(PluginFault::NotUnicode.of(path));
        }
        let bytes = regular_file::read(path, LARGEST)
            .map_err(|error| PluginFault::unreadable(error).of(path))?;
        let manifest = preflight(&bytes).map_err(|fault| fault.of(path))?;
        Ok(PluginFile {
            path: path.to_owned(),
            hash: blake3::hash(&bytes).to_hex().to_string(),
            manifest,
        })
    }

    /// Reads and checks a file again, which must not have changed since a run was planned with it.
    ///
    /// # Errors
    ///
    /// [`PluginError::File`] with what is wrong, such as [`PluginFault::Changed`].
    pub fn open_planned(planned: &PluginRef) -> Result<PluginFile, PluginError> {
        let file = PluginFile::open(&planned.file)?;
        match file.hash() == planned.id.hash {
            true => Ok(file),
            false => Err(PluginFault::Changed.of(&planned.file)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// BLAKE3 of its bytes, in hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it offers of a kind.
    pub fn offers(&self, kind: Kind) -> &[Offer] {
        match kind {
            Kind::Backbone => &self.manifest.backbones,
            Kind::Strategy => &self.manifest.strategies,
            Kind::Metric => &self.manifest.metrics,
        }
    }

    /// What it offers under a name.
    pub fn offer(&self, kind: Kind, name: &str) -> Option<&Offer> {
        self.offers(kind).iter().find(|offer| offer.name == name)
    }
}
