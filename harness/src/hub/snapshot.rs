//! A model in the hub's cache at one commit, while its files are fetched.

use super::{HubError, RepoFile};
use crate::atomic::PendingFile;
use harness_hub::{Cache, ModelName, Repository, Revision};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The files of a model at a commit, some of which may be in the cache.
pub(super) struct Snapshot {
    repository: Repository,
    commit: String,
    folder: PathBuf,
}

impl Snapshot {
    pub(super) fn new(cache: &Cache, model: &ModelName, commit: &str) -> Snapshot {
        let repository = cache.repository(model);
        Snapshot {
            folder: repository.snapshot(commit),
            commit: commit.into(),
            repository,
        }
    }

    /// The folder of the files.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn blob(&self, file: &RepoFile) -> Option<PathBuf> {
        Some(self.repository.blobs().join(file.blob()?))
    }

    /// Whether a file is complete in the cache, possibly as part of another commit, which is then
    /// linked.
    pub(super) fn has(&self, file: &RepoFile) -> Result<bool, HubError> {
        let whole = |path: &Path| {
            let found = fs::metadata(path).ok()?;
            Some(found.is_file() && file.size.is_none_or(|size| size == found.len()))
        };
        let link = self.folder.join(&file.name);
        if let Some(whole) = whole(&link) {
            return Ok(whole);
        }
        let Some(blob) = self.blob(file).filter(|blob| whole(blob) == Some(true)) else {
            return Ok(false);
        };
        let linked = || {
            fs::create_dir_all(&self.folder)?;
            if fs::symlink_metadata(&link).is_ok() {
                fs::remove_file(&link)?;
            }
            let blob = blob.file_name().expect("it has a name");
            symlink(Path::new("../../blobs").join(blob), &link)
        };
        linked().map_err(at(&link))?;
        Ok(true)
    }

    /// Removes what would block a transfer: a link to incomplete content, and a partial file that
    /// is too long.
    pub(super) fn clear_the_way(&self, file: &RepoFile) -> Result<(), HubError> {
        let remove = |path: &Path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
            _ => Ok(()),
        };
        remove(&self.folder.join(&file.name))?;
        let part = self.blob(file).map(|blob| blob.with_extension("part"));
        match part.and_then(|part| Some((fs::metadata(&part).ok()?.len(), part))) {
            Some((len, part)) if file.size.is_some_and(|size| len >= size) => remove(&part),
            _ => Ok(()),
        }
    }

    /// Removes the temporary files of a transfer.
    pub(super) fn tidy(&self, file: &RepoFile) {
        // Files that cannot be removed do no harm.
        let _ = fs::remove_file(self.repository.reference(&self.commit));
        if let Some(blob) = self.blob(file) {
            let _ = fs::remove_file(blob.with_extension("lock"));
        }
    }

    /// Compares a file with the hub's listing: its size and, for a large file, its SHA-256.
    pub(super) fn check(&self, file: &RepoFile) -> Result<(), String> {
        let path = self.folder.join(&file.name);
        let read = || {
            let mut content = File::open(&path)?;
            let len = content.metadata()?.len();
            let mut hash = Sha256::new();
            if file.sha256().is_some() {
                io::copy(&mut content, &mut hash)?;
            }
            Ok::<_, io::Error>((len, format!("{:x}", hash.finalize())))
        };
        let (len, hash) = read().map_err(|error| error.to_string())?;
        if let Some(size) = file.size.filter(|size| *size != len) {
            return Err(format!("{len} bytes instead of {size}"));
        }
        match file.sha256().filter(|sha256| *sha256 != hash) {
            Some(sha256) => Err(format!(
                "SHA-256 {}… instead of {}…",
                &hash[..12],
                &sha256[..12]
            )),
            None => Ok(()),
        }
    }

    /// Removes a file, both content and link.
    pub(super) fn forget(&self, file: &RepoFile) {
        let link = self.folder.join(&file.name);
        for path in fs::canonicalize(&link).into_iter().chain([link]) {
            let _ = fs::remove_file(path);
        }
    }

    /// Makes a revision's name point to the commit.
    pub(super) fn name(&self, revision: &Revision) -> Result<(), HubError> {
        if revision.as_str() == self.commit {
            return Ok(());
        }
        let path = self.repository.reference(revision.as_str());
        let write = || {
            let mut file = PendingFile::create(&path)?;
            file.write_all(self.commit.as_bytes())?;
            file.commit()
        };
        write().map_err(at(&path))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> HubError {
    let path = path.to_owned();
    move |source| HubError::Cache { path, source }
}
