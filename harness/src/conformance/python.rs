//! A strategy in Python: which plugin runs it, and with which parameters.

use crate::error::Error;
use crate::project::class_name;
use serde_json::{Value, json};
use std::fmt;
use std::path::{Path, PathBuf};

/// The strategy that runs a class in a Python file.
pub(super) const STRATEGY: &str = "python";

/// A class in a Python file, written `my_method.py:MyMethod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonClass {
    /// The file, as the user wrote it.
    file: PathBuf,
    /// The class.
    class: String,
}

impl PythonClass {
    /// Reads it from an argument; `None` if that is another file.
    pub(super) fn parse(argument: &Path) -> Result<Option<PythonClass>, Error> {
        let is_python = |file: &str| file.ends_with(".py");
        let Some(text) = argument.to_str() else {
            return Ok(None);
        };
        match text.rsplit_once(':') {
            Some((file, class)) if is_python(file) && !class.is_empty() => Ok(Some(PythonClass {
                file: file.into(),
                class: class.to_owned(),
            })),
            _ if is_python(text.trim_end_matches(':')) => {
                let file = text.trim_end_matches(':');
                let class = class_name(Path::new(file));
                Err(Error::Usage(format!(
                    "`{file}` is a Python file; name its class too, such as `{file}:{}`",
                    class.as_deref().unwrap_or("MyMethod")
                )))
            }
            _ => Ok(None),
        }
    }

    /// The parameters of [`STRATEGY`] for this class, whose own parameters are `own`.
    ///
    /// # Errors
    ///
    /// If the file does not exist, or a path is not UTF-8.
    pub(super) fn parameters(
        &self,
        interpreter: Option<&Path>,
        own: Value,
    ) -> Result<Value, Error> {
        if !self.file.is_file() {
            return Err(Error::Usage(format!(
                "there is no file `{}`; `clbench new strategy --python FILE` writes one to start from",
                self.file.display()
            )));
        }
        let mut parameters = json!({
            "file": absolute(&self.file)?,
            "class": self.class,
            "parameters": own,
        });
        if let Some(interpreter) = interpreter {
            // A bare name is searched for in PATH.
            let is_path = interpreter.components().count() > 1;
            parameters["interpreter"] = match is_path {
                true => absolute(interpreter)?.into(),
                false => text(interpreter)?.into(),
            };
        }
        Ok(parameters)
    }
}

impl fmt::Display for PythonClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.class)
    }
}

fn absolute(path: &Path) -> Result<String, Error> {
    text(&std::path::absolute(path).map_err(Error::file(path))?)
}

fn text(path: &Path) -> Result<String, Error> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        Error::Usage(format!(
            "the path `{}` is not valid UTF-8; rename it",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(argument: &str) -> Result<Option<(String, String)>, String> {
        match PythonClass::parse(Path::new(argument)) {
            Ok(class) => Ok(class.map(|found| (found.file.display().to_string(), found.class))),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_class_follows_a_python_file() {
        let class = |file: &str, class: &str| Ok(Some((file.to_owned(), class.to_owned())));
        assert_eq!(
            parsed("a/my_method.py:MyMethod"),
            class("a/my_method.py", "MyMethod")
        );
        assert_eq!(parsed("C:x.py:A"), class("C:x.py", "A"));
        assert_eq!(parsed("target/release/libmine.so"), Ok(None));
        assert_eq!(parsed("odd:name.so"), Ok(None));
        let error = "`my_method.py` is a Python file; name its class too, such as \
                     `my_method.py:MyMethod`";
        assert_eq!(parsed("my_method.py"), Err(error.into()));
        assert_eq!(parsed("my_method.py:"), Err(error.into()));
    }

    #[test]
    fn the_plugin_gets_whole_paths() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.py");
        std::fs::write(&file, "").unwrap();
        let class = PythonClass {
            file: file.clone(),
            class: "Mine".into(),
        };
        let parameters = class.parameters(None, json!({ "lr": 0.1 })).unwrap();
        let expected = json!({ "file": file, "class": "Mine", "parameters": { "lr": 0.1 } });
        assert_eq!(parameters, expected);
        let with = |interpreter: &str| {
            let parameters = class.parameters(Some(Path::new(interpreter)), json!({}));
            parameters.unwrap()["interpreter"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(with("python3.11"), "python3.11");
        let here = std::env::current_dir().unwrap().join("venv/bin/python");
        assert_eq!(with("venv/bin/python"), here.display().to_string());
        let gone = PythonClass {
            file: folder.path().join("gone.py"),
            class: "Mine".into(),
        };
        let error = gone.parameters(None, json!({})).unwrap_err().to_string();
        assert!(error.contains("there is no file"), "{error}");
    }
}
