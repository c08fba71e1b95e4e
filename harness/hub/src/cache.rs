//! The folders of the hub's cache, which Python's `huggingface_hub` shares:
//!
//! ```text
//! models--org--name/blobs/<SHA-256 or git id>      contents
//!                   snapshots/<commit>/<file>      links to them
//!                   refs/<revision>                the commit's id
//! ```

use crate::id::{Commit, ContentId};
use crate::name::{FileName, ModelName, Revision};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The user has no home folder, so the cache has no default path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot find the cache of the Hugging Face hub without a home folder; set `HF_HOME`")]
pub struct NoHome;

/// The folder that Hugging Face's programs share: `HF_HOME`, else `huggingface` in the user's cache
/// folder (`XDG_CACHE_HOME`, else `~/.cache`). Empty variables count as unset. `None` without a
/// home folder.
pub fn home() -> Option<PathBuf> {
    home_by(&|name| env::var_os(name), env::home_dir())
}

fn set(variable: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    let value = variable(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

fn home_by(variable: &dyn Fn(&str) -> Option<OsString>, user: Option<PathBuf>) -> Option<PathBuf> {
    set(variable, "HF_HOME").or_else(|| {
        let cache = set(variable, "XDG_CACHE_HOME").or_else(|| Some(user?.join(".cache")))?;
        Some(cache.join("huggingface"))
    })
}

fn root_by(variable: &dyn Fn(&str) -> Option<OsString>, user: Option<PathBuf>) -> Option<PathBuf> {
    set(variable, "HF_HUB_CACHE").or_else(|| Some(home_by(variable, user)?.join("hub")))
}

/// The cache of models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache(PathBuf);

impl Cache {
    /// The cache that the environment names: `HF_HUB_CACHE`, else `hub` in [`home`].
    ///
    /// # Errors
    ///
    /// [`NoHome`] if the path depends on a home folder and there is none.
    pub fn from_environment() -> Result<Cache, NoHome> {
        let root = root_by(&|name| env::var_os(name), env::home_dir()).ok_or(NoHome)?;
        // Absolute, because a command may change its working folder before it uses the path.
        Ok(Cache(std::path::absolute(root).map_err(|_| NoHome)?))
    }

    /// The cache in a folder.
    pub fn at(root: impl Into<PathBuf>) -> Cache {
        Cache(root.into())
    }

    /// The folder of the cache.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// A model's folders in the cache. The model may not be there yet.
    pub fn repository(&self, model: &ModelName) -> Repository {
        Repository(self.0.join(model.folder()))
    }
}

/// A model in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository(PathBuf);

impl Repository {
    /// The folder of the model.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The folder with the contents of files.
    pub fn blobs(&self) -> PathBuf {
        self.0.join("blobs")
    }

    /// The file with a content.
    pub fn blob(&self, id: &ContentId) -> PathBuf {
        self.blobs().join(id.as_str())
    }

    /// The folder with the files of a commit.
    pub fn snapshot(&self, commit: &Commit) -> PathBuf {
        self.0.join("snapshots").join(commit.as_str())
    }

    /// A file of a commit, which is a link to its content.
    pub fn file(&self, commit: &Commit, name: &FileName) -> PathBuf {
        self.snapshot(commit).join(name.as_str())
    }

    /// The file with the commit of a revision.
    pub fn reference(&self, revision: &Revision) -> PathBuf {
        self.0.join("refs").join(revision.as_str())
    }

    /// The folder with the files of a revision, if they have been fetched. A revision without a
    /// reference is looked up as a commit.
    pub fn find(&self, revision: &Revision) -> Option<PathBuf> {
        let text = fs::read_to_string(self.reference(revision));
        let commit = text.as_deref().map_or(revision.as_str(), str::trim);
        let snapshot = self.snapshot(&Commit::new(commit).ok()?);
        snapshot.is_dir().then_some(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_the_path_of_the_cache() {
        let root = |variables: &[(&str, &str)], user: Option<&str>| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let root = root_by(&variable, user.map(PathBuf::from));
            root.map(|root| root.display().to_string())
        };
        let all = [
            ("HF_HUB_CACHE", "/cache"),
            ("HF_HOME", "/home"),
            ("XDG_CACHE_HOME", "/xdg"),
        ];
        let user = Some("/user");
        assert_eq!(root(&all, user).unwrap(), "/cache");
        assert_eq!(root(&all[1..], user).unwrap(), "/home/hub");
        assert_eq!(root(&all[2..], None).unwrap(), "/xdg/huggingface/hub");
        assert_eq!(root(&[], user).unwrap(), "/user/.cache/huggingface/hub");
        assert_eq!(root(&[], None), None);
        let empty = all.map(|(name, _)| (name, ""));
        assert_eq!(root(&empty, user), root(&[], user));
    }

    #[test]
    fn a_snapshot_is_found_by_revision_and_by_commit() {
        let root = tempfile::tempdir().unwrap();
        let model = ModelName::new("openai/clip").unwrap();
        let repository = Cache::at(root.path()).repository(&model);
        assert_eq!(
            repository.folder(),
            root.path().join("models--openai--clip")
        );
        let commits = ["a", "b"].map(|digit| Commit::new(&digit.repeat(40)).unwrap());
        for commit in &commits {
            fs::create_dir_all(repository.snapshot(commit)).unwrap();
        }
        let revision = |name: &str| Revision::new(name).unwrap();
        let refer = |name: &str, text: &str| {
            let path = repository.reference(&revision(name));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        refer("main", &format!("{}\n", commits[0]));
        refer("lost", &"d".repeat(40));
        // A reference leads to a commit and nowhere else.
        refer("climbing", "../blobs");
        fs::create_dir_all(repository.blobs()).unwrap();
        let found = |name| repository.find(&revision(name));
        assert_eq!(found("main"), Some(repository.snapshot(&commits[0])));
        let second = commits[1].as_str();
        assert_eq!(found(second), Some(repository.snapshot(&commits[1])));
        assert_eq!(found("climbing"), None);
        assert_eq!(found("v2"), None);
        assert_eq!(found("lost"), None);
    }
}
