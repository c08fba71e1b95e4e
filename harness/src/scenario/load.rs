//! From a file to a scenario, and from a key back to its line.

use super::error::{Problem, ScenarioError, Warning};
use super::extends;
use super::file::{check_format, parse, read};
use super::guide::guide;
use super::overrides::{self, SetOverride};
use super::resolve::resolve;
use super::resolved::Scenario;
use super::yaml::{KeyPath, Origin, Tree};
use std::path::{Path, PathBuf};

impl Scenario {
    /// Reads a scenario file and the files that it extends, adds other files to it (`--with`), and
    /// applies overrides (`--set`).
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or it or an override has a mistake.
    pub fn load(
        file: &Path,
        with: &[PathBuf],
        sets: &[SetOverride],
    ) -> Result<Self, ScenarioError> {
        let fail = |problem| ScenarioError::new(file, None, KeyPath::root(), problem);
        Self::from_tree(read(0, file, &fail)?, with, sets)
    }

    /// Reads a scenario from its text. Paths in it are relative to the file, which need not exist.
    ///
    /// # Errors
    ///
    /// If the text or an override has a mistake.
    pub fn parse(text: &str, file: &Path, sets: &[SetOverride]) -> Result<Self, ScenarioError> {
        Self::from_tree(parse(0, file, text)?, &[], sets)
    }

    fn from_tree(
        tree: Tree,
        with: &[PathBuf],
        sets: &[SetOverride],
    ) -> Result<Self, ScenarioError> {
        let mut tree = extends::gather(tree, with)?;
        overrides::apply(&mut tree, sets)?;
        check_format(&tree)?;
        extends::check_gathered(&tree)?;
        let spec = serde_path_to_error::deserialize(tree.root()).map_err(|error| {
            let key = error.path().into();
            let problem = guide(&tree, &key, error.into_inner());
            tree.error(&key, problem)
        })?;
        resolve(spec, tree)
    }

    /// An error about a key of this scenario that only a later stage can find: a path that does not
    /// exist, more tasks than the domain has classes, a parameter that the plugin refuses.
    pub fn key_error(&self, key: &KeyPath, message: impl Into<String>) -> ScenarioError {
        self.tree.error(key, Problem::Later(message.into()))
    }

    /// A warning about a key of this scenario.
    pub fn key_warning(&self, key: &KeyPath, message: impl Into<String>) -> Warning {
        let origin = self.tree.origin(key).cloned();
        Warning::new(self.tree.file_of(key), origin, key.clone(), message.into())
    }

    /// Where this key was written, or else the closest key around it.
    pub fn origin(&self, key: &KeyPath) -> Option<&Origin> {
        self.tree.origin(key)
    }
}
