//! Which plugin offers which name.

use super::discover::Found;
use super::{Kind, PluginError, PluginFile, SearchPath};
use crate::suggest;
use harness_abi::manifest::Offer;
use std::path::{Path, PathBuf};

/// The plugin files that were found, and those that a scenario names.
#[derive(Debug, Default)]
pub struct Registry {
    found: Found,
    folders: Vec<PathBuf>,
}

impl Registry {
    /// Searches.
    ///
    /// # Errors
    ///
    /// If a folder cannot be read, or a file in a folder that the user named is damaged.
    pub fn discover(search: &SearchPath) -> Result<Registry, PluginError> {
        Ok(Registry {
            found: search.plugin_files()?,
            folders: search.folders().map(Path::to_owned).collect(),
        })
    }

    /// The files that were found, in order.
    pub fn files(&self) -> &[PluginFile] {
        &self.found.files
    }

    /// What the found files offer of a kind, in order of files.
    pub fn offers(&self, kind: Kind) -> impl Iterator<Item = (&PluginFile, &Offer)> {
        self.files()
            .iter()
            .flat_map(move |file| file.offers(kind).iter().map(move |offer| (file, offer)))
    }

    /// The file that offers a name: the one that the scenario names, else the one that was found.
    ///
    /// # Errors
    ///
    /// If the named file is not a plugin or does not offer the name; if no file or two files offer
    /// it.
    pub fn find(
        &self,
        kind: Kind,
        name: &str,
        named: Option<&Path>,
    ) -> Result<PluginFile, PluginError> {
        if let Some(path) = named {
            let file = PluginFile::open(path)?;
            let names: Vec<_> = file.offers(kind).iter().map(|o| o.name.as_str()).collect();
            return if names.contains(&name) {
                Ok(file)
            } else {
                Err(PluginError::NotOffered {
                    path: path.to_owned(),
                    kind,
                    name: name.to_owned(),
                    hint: suggest::hint(name, names),
                })
            };
        }
        let mut offering = self.offers(kind).filter(|(_, offer)| offer.name == name);
        match (offering.next(), offering.next()) {
            (Some((file, _)), None) => Ok(file.clone()),
            (Some((first, _)), Some((second, _))) => Err(PluginError::Ambiguous {
                kind,
                name: name.to_owned(),
                first: first.path().to_owned(),
                second: second.path().to_owned(),
            }),
            (None, _) => {
                let names: Vec<_> = self.offers(kind).map(|(_, o)| o.name.as_str()).collect();
                Err(PluginError::Unknown {
                    kind,
                    name: name.to_owned(),
                    hint: format!(
                        "{} (searched {}{})",
                        suggest::hint(name, names),
                        self.searched(),
                        self.passed_over()
                    ),
                })
            }
        }
    }

    /// The missing plugin may be one of these.
    fn passed_over(&self) -> String {
        let errors = self.found.passed_over.iter();
        errors.map(|error| format!("; ignored: {error}")).collect()
    }

    fn searched(&self) -> String {
        let folders: Vec<_> = self
            .folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        folders.join(", ")
    }
}
