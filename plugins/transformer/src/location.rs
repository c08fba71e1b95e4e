//! The location of a model's folder: a path, or a model name, looked up in the local Hugging Face
//! cache.
//!
//! The cache is only read here; `clbench fetch model openai/clip-vit-large-patch14` and Python's
//! `huggingface_hub` fill it. [`harness_hub`] documents its location and layout.

use crate::folder::named;
use harness_abi::{Error, Result};
use harness_hub::{Cache, MAIN, ModelName, Revision};
use std::path::{Path, PathBuf};

/// A model's location as given in a scenario: a folder, or a name on the hub.
#[derive(Debug, Clone, Copy)]
pub struct ModelLocation<'a> {
    /// `path`: a folder, relative to the scenario.
    pub path: Option<&'a Path>,
    /// `model`: a name on the hub, such as `openai/clip-vit-large-patch14`.
    pub model: Option<&'a str>,
    /// `revision`: a branch, tag or commit of that model.
    pub revision: Option<&'a str>,
}

impl ModelLocation<'_> {
    /// The model's folder. `scenario` is the scenario's folder, to which `path` is relative.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::PARAMETER`](harness_abi::ErrorCode::PARAMETER) if not exactly one of
    /// `path` and `model` is given, and with [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) if
    /// the model is not in the cache.
    pub fn folder(self, scenario: &Path) -> Result<PathBuf> {
        match (self.path, self.model, self.revision) {
            (Some(_), Some(_), _) => Err(Error::parameter(
                "model",
                "both `path` and `model` are given; remove one of them",
            )),
            (None, None, _) => Err(Error::parameter(
                "path",
                "no model is given; set `path` to a folder or `model` to a name on the Hugging Face hub",
            )),
            (Some(_), None, Some(_)) => Err(Error::parameter(
                "revision",
                "applies to `model` only, but `path` is given; remove it",
            )),
            (Some(path), None, None) => Ok(scenario.join(path)),
            (None, Some(model), revision) => {
                let cache =
                    Cache::from_environment().map_err(|error| Error::data(error.to_string()))?;
                snapshot(&cache, model, revision)
            }
        }
    }
}

/// The folder of a model's files at a revision.
fn snapshot(cache: &Cache, model: &str, revision: Option<&str>) -> Result<PathBuf> {
    let refused =
        |key: &str, error: harness_hub::NameError| Error::parameter(key, error.to_string());
    let name = ModelName::new(model).map_err(|error| refused("model", error))?;
    let at = Revision::new(revision.unwrap_or(MAIN)).map_err(|error| refused("revision", error))?;
    let repository = cache.repository(&name);
    repository.find(&at).ok_or_else(|| {
        let option = revision.map_or_else(String::new, |revision| format!(" --revision {revision}"));
        Error::missing(format!(
            "the model `{name}` is not in the cache at revision `{at}`; run `clbench fetch model {name}{option}`"
        ))
        .context(named(repository.folder()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::ErrorCode;
    use std::fs;

    #[test]
    fn a_model_is_found_by_name_and_revision_and_the_error_names_the_fetch_command() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path());
        let repository = root.path().join("models--openai--clip");
        let commits = ["a", "b"].map(|digit| digit.repeat(40));
        let folder = |commit: &str| repository.join("snapshots").join(commit);
        for commit in &commits {
            fs::create_dir_all(folder(commit)).unwrap();
        }
        fs::create_dir(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), &commits[0]).unwrap();
        let found = |revision| snapshot(&cache, "openai/clip", revision);
        assert_eq!(found(None).unwrap(), folder(&commits[0]));
        assert_eq!(found(Some(&commits[1])).unwrap(), folder(&commits[1]));
        let message = |error: Error| {
            let message = error.to_string();
            message.replace(&root.path().display().to_string(), "cache")
        };
        let error = found(Some("v2")).unwrap_err();
        assert_eq!((error.code(), error.is_missing()), (ErrorCode::DATA, true));
        assert_eq!(
            message(error),
            "cache/models--openai--clip: the model `openai/clip` is not in the cache at revision `v2`; run `clbench fetch \
             model openai/clip --revision v2`"
        );
        for name in ["", "../etc", "a/b/c", "a b"] {
            let error = snapshot(&cache, name, None).unwrap_err();
            assert_eq!(error.code(), ErrorCode::PARAMETER, "{name}");
        }
        assert_eq!(
            found(Some("../x")).unwrap_err().code(),
            ErrorCode::PARAMETER
        );
    }
}
