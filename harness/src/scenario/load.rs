//! From a file to a scenario, and from a key back to its line.

use super::error::{Problem, ScenarioError, Warning};
use super::guide::guide;
use super::overrides::{self, SetOverride};
use super::resolve::resolve;
use super::resolved::Scenario;
use super::size::LARGEST_FILE;
use super::yaml::{KeyPath, Origin, Place, Tree, Value};
use crate::regular_file;
use crate::suggest::closest;
use crate::text::{NotText, text};
use std::fs::File;
use std::io;
use std::path::Path;

impl Scenario {
    /// Reads a scenario file and applies overrides to it.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or it or an override has a mistake.
    pub fn load(file: &Path, sets: &[SetOverride]) -> Result<Self, ScenarioError> {
        let fail = |problem| ScenarioError::new(file, None, KeyPath::root(), problem);
        let bytes = read(file).map_err(|error| {
            fail(match error.kind() {
                io::ErrorKind::NotFound => Problem::NoFile {
                    neighbour: neighbour(file),
                },
                _ => Problem::Unreadable {
                    reason: error.to_string(),
                },
            })
        })?;
        let text = text(&bytes).map_err(|error| {
            let origin = Origin::File(Place {
                line: error.line() as u32,
                column: 1,
                width: 1,
            });
            let problem = match error {
                NotText::Utf16 => Problem::Utf16,
                NotText::Invalid { .. } => Problem::NotUtf8,
            };
            ScenarioError::new(file, Some(origin), KeyPath::root(), problem)
        })?;
        Self::parse(text, file, sets)
    }

    /// Reads a scenario from its text. Paths in it are relative to the file, which need not exist.
    ///
    /// # Errors
    ///
    /// If the text or an override has a mistake.
    pub fn parse(text: &str, file: &Path, sets: &[SetOverride]) -> Result<Self, ScenarioError> {
        let mut tree = Tree::parse(file, text)?;
        if tree.root().value == Value::Null {
            return Err(tree.error(&KeyPath::root(), Problem::EmptyFile));
        }
        overrides::apply(&mut tree, sets)?;
        // Checked first, since a file of another format may have keys that are unknown here.
        if let Some(format) = tree.root().get("format")
            && format.value != Value::Number(1.into())
        {
            let found = format.in_words();
            return Err(tree.error(&KeyPath::top("format"), Problem::UnknownFormat { found }));
        }
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
        Warning::new(self.tree.file(), origin, key.clone(), message.into())
    }

    /// Where this key was written, or else the closest key around it.
    pub fn origin(&self, key: &KeyPath) -> Option<&Origin> {
        self.tree.origin(key)
    }
}

/// The bytes of a scenario file. What a shell hands over, as in `clbench run <(generate)`, is a
/// stream, and is read as one; any other path must lead to a regular file.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let handed_over = ["/dev/stdin", "/dev/fd", "/proc/self/fd"];
    if handed_over.iter().any(|path| file.starts_with(path)) {
        return regular_file::read_at_most(File::open(file)?, LARGEST_FILE);
    }
    regular_file::read(file, LARGEST_FILE)
}

/// The scenario file in the same folder whose name is closest to the missing one's.
fn neighbour(file: &Path) -> Option<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let listed = if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    };
    let mut names: Vec<String> = std::fs::read_dir(listed)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
        .collect();
    names.sort();
    let wanted = file.file_name()?.to_str()?;
    let found = closest(wanted, names.iter().map(String::as_str))?;
    Some(folder.join(found).display().to_string())
}
