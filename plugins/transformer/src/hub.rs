//! Models by their names on the Hugging Face hub, where they have been fetched: a look into the cache, never the network.
//!
//! The cache is the one that `clbench fetch model openai/clip-vit-large-patch14` fills, and Python's `huggingface_hub` too: `models--org--name` with
//! the commit of each revision in `refs/` and that commit's files in `snapshots/`. It lies where `HF_HUB_CACHE` says, else in `hub` below `HF_HOME`, else
//! in `~/.cache/huggingface/hub`.

use crate::folder::named;
use harness_abi::{Error, Result};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The revision that is meant where none is named.
const MAIN: &str = "main";

/// Where a scenario says that a model is: in a folder, or on the hub.
#[derive(Debug, Clone, Copy)]
pub struct Whence<'a> {
    /// `path`: a folder, relative to the scenario.
    pub path: Option<&'a Path>,
    /// `model`: a name on the hub, `openai/clip-vit-large-patch14`.
    pub model: Option<&'a str>,
    /// `revision`: of that model, a branch, a tag or a commit.
    pub revision: Option<&'a str>,
}

impl Whence<'_> {
    /// The folder, for a scenario that lies in `scenario`.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::PARAMETER`](harness_abi::ErrorCode::PARAMETER) if not exactly one of the two is said, and with
    /// [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) if the model has not been fetched.
    pub fn folder(self, scenario: &Path) -> Result<PathBuf> {
        match (self.path, self.model, self.revision) {
            (Some(_), Some(_), _) => Err(Error::parameter(
                "model",
                "`path` and `model` are both given; keep one of the two",
            )),
            (None, None, _) => Err(Error::parameter(
                "path",
                "neither `path`, a folder, nor `model`, a name on the Hugging Face hub, is given",
            )),
            (Some(_), None, Some(_)) => Err(Error::parameter(
                "revision",
                "it goes with `model`, not with `path`; remove it",
            )),
            (Some(path), None, None) => Ok(scenario.join(path)),
            (None, Some(model), revision) => snapshot(&cache()?, model, revision),
        }
    }
}

/// The cache's folder.
fn cache() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(cache) = set("HF_HUB_CACHE") {
        return Ok(cache.into());
    }
    let home = set("HF_HOME").map(PathBuf::from);
    let below_cache = || {
        let cache = set("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(env::home_dir()?.join(".cache")));
        cache.map(|cache| cache.join("huggingface"))
    };
    let home = home.or_else(below_cache).ok_or_else(|| {
        Error::data("there is no home folder, and so no cache of the hub; set `HF_HOME`")
    })?;
    Ok(home.join("hub"))
}

/// The folder of a model's files at a revision.
fn snapshot(cache: &Path, model: &str, revision: Option<&str>) -> Result<PathBuf> {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !part.is_empty() && part.chars().all(plain) && !part.starts_with('.')
    };
    let parts: Vec<&str> = model.split('/').collect();
    if parts.len() > 2 || !parts.iter().copied().all(part) {
        return Err(Error::parameter(
            "model",
            format!(
                "`{model}` is no name on the hub; write it as in `openai/clip-vit-large-patch14`"
            ),
        ));
    }
    let named_revision = revision.unwrap_or(MAIN);
    if named_revision
        .split('/')
        .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(Error::parameter(
            "revision",
            format!("`{named_revision}` is no revision: a branch, a tag or a commit"),
        ));
    }
    let repository = cache.join(format!("models--{}", parts.join("--")));
    let of = |commit: &str| repository.join("snapshots").join(commit.trim());
    let snapshot = match fs::read_to_string(repository.join("refs").join(named_revision)) {
        Ok(commit) => of(&commit),
        Err(_) => of(named_revision),
    };
    if snapshot.is_dir() {
        return Ok(snapshot);
    }
    let option = revision.map_or_else(String::new, |revision| format!(" --revision {revision}"));
    Err(Error::data(format!(
        "the model `{model}` is not there at revision `{named_revision}`; `clbench fetch model {model}{option}` brings it"
    ))
    .context(named(&repository)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::ErrorCode;

    #[test]
    fn a_model_is_found_by_name_and_revision_and_what_is_missing_is_fetched_by_a_command() {
        let cache = tempfile::tempdir().unwrap();
        let repository = cache.path().join("models--openai--clip");
        for folder in ["refs", "snapshots/c0ffee", "snapshots/5eed"] {
            fs::create_dir_all(repository.join(folder)).unwrap();
        }
        fs::write(repository.join("refs/main"), "c0ffee").unwrap();
        let found = |revision| snapshot(cache.path(), "openai/clip", revision);
        assert_eq!(found(None).unwrap(), repository.join("snapshots/c0ffee"));
        assert_eq!(
            found(Some("5eed")).unwrap(),
            repository.join("snapshots/5eed")
        );
        let message = |error: Error| {
            let message = error.to_string();
            message.replace(&cache.path().display().to_string(), "cache")
        };
        let error = found(Some("v2")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::DATA);
        assert_eq!(
            message(error),
            "cache/models--openai--clip: the model `openai/clip` is not there at revision `v2`; `clbench fetch \
             model openai/clip --revision v2` brings it"
        );
        for name in ["", "../etc", "a/b/c", "a b"] {
            let error = snapshot(cache.path(), name, None).unwrap_err();
            assert_eq!(error.code(), ErrorCode::PARAMETER, "{name}");
        }
        assert_eq!(
            found(Some("../x")).unwrap_err().code(),
            ErrorCode::PARAMETER
        );
    }
}
