//! Strategies that are classes in Python files.

use super::Resolver;
use crate::scenario::error::{Problem, ScenarioError};
use crate::scenario::spec;
use crate::scenario::yaml::KeyPath;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The name under which a plugin offers all of them.
pub(super) const USE: &str = "python";

/// A class in a file.
pub(super) struct PythonClass {
    file: String,
    class: String,
    /// Where the file's path starts.
    pub(super) folder: PathBuf,
}

impl PythonClass {
    /// What the plugin gets; `own` are the parameters of the class.
    pub(super) fn parameters(&self, own: Map<String, Value>) -> Value {
        json!({ "file": self.file, "class": self.class, "parameters": own })
    }
}

impl Resolver<'_> {
    /// The class that a strategy names, if it names one.
    pub(super) fn python(
        &self,
        key: &KeyPath,
        written: &spec::Strategy,
    ) -> Result<Option<PythonClass>, ScenarioError> {
        let Some(python) = &written.python else {
            return Ok(None);
        };
        for (name, other) in [("use", &written.use_), ("plugin", &written.plugin)] {
            if other.is_some() {
                let problem = Problem::PythonAndPlugin { key: name };
                return Err(self.error(&key.join(name), problem));
            }
        }
        let key = key.join("python");
        let parts = python.rsplit_once(':');
        let parts = parts.filter(|(file, class)| file.ends_with(".py") && is_identifier(class));
        let Some((file, class)) = parts else {
            let written = python.clone();
            return Err(self.error(&key, Problem::PythonClass { written }));
        };
        // Reports what no path can be.
        let path = self.written_path(&key, file.to_owned())?;
        let (folder, file) = match file.starts_with('~') {
            true => (PathBuf::new(), path.to_string_lossy().into_owned()),
            false => {
                let folder = self.tree.file_of(&key).parent().unwrap_or(Path::new(""));
                (folder.to_owned(), file.to_owned())
            }
        };
        Ok(Some(PythonClass {
            file,
            class: class.to_owned(),
            folder,
        }))
    }

    /// The interpreter that a strategy names: an absolute path, or the name of a program.
    pub(super) fn interpreter(
        &self,
        key: &KeyPath,
        written: Option<String>,
        is_python: bool,
    ) -> Result<Option<PathBuf>, ScenarioError> {
        let Some(written) = written else {
            return Ok(None);
        };
        let key = key.join("interpreter");
        if !is_python {
            return Err(self.error(&key, Problem::InterpreterAlone));
        }
        let path = self.written_path(&key, written.clone())?;
        if !written.contains('/') {
            return Ok(Some(PathBuf::from(written)));
        }
        Ok(Some(std::path::absolute(&path).unwrap_or(path)))
    }
}

/// Whether Python could call a class so, as far as ASCII goes; Python itself knows the rest.
fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters
        .next()
        .is_some_and(|c| c == '_' || c.is_alphabetic());
    first && letters.all(|c| c == '_' || c.is_alphanumeric())
}
