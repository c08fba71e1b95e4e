//! A model in the hub's cache at one commit, while its files are fetched.
//!
//! A content or a link that is in the cache is replaced only by one that has been checked, and no
//! file is deleted through a link.

use super::content;
use super::error::HubError;
use super::listing::RepoFile;
use super::part::Part;
use crate::atomic::PendingFile;
use harness_hub::{Cache, Commit, ContentId, FileName, ModelName, Repository, Revision};
use rustix::fs::statvfs;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The files of a model at a commit, some of which may be in the cache.
pub(super) struct Snapshot<'a> {
    pub(super) model: &'a ModelName,
    pub(super) commit: &'a Commit,
    repository: Repository,
}

impl Snapshot<'_> {
    pub(super) fn new<'a>(cache: &Cache, model: &'a ModelName, commit: &'a Commit) -> Snapshot<'a> {
        Snapshot {
            model,
            commit,
            repository: cache.repository(model),
        }
    }

    /// The folder of the files.
    pub(super) fn folder(&self) -> PathBuf {
        self.repository.snapshot(self.commit)
    }

    /// Whether a file is complete in the cache, possibly as part of another commit, which is then
    /// linked.
    pub(super) fn has(&self, file: &RepoFile) -> Result<bool, HubError> {
        let link = self.repository.file(self.commit, &file.name);
        if is_complete(&link, file) && self.leads_to(&link, file) {
            return Ok(true);
        }
        match &file.id {
            Some(id) if is_complete(&self.repository.blob(id), file) => {
                self.link(&file.name, id)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether a link leads to the content that the hub lists. `huggingface_hub` names contents by
    /// the same ids; a copy of a cache may have files in place of links.
    fn leads_to(&self, link: &Path, file: &RepoFile) -> bool {
        let Some(id) = &file.id else {
            return true;
        };
        let named = fs::read_link(link).is_ok_and(|target| target == target_of(id));
        let same = |file: File| content::difference(&file, id).is_ok_and(|found| found.is_none());
        named || File::open(link).is_ok_and(same)
    }

    /// The path of a file while it is being transferred.
    pub(super) fn part(&self, file: &RepoFile) -> PathBuf {
        let unlisted = || content::id_of_name(&format!("{}/{}", self.commit, file.name));
        let id = file.id.clone().unwrap_or_else(unlisted);
        self.repository.blob(&id).with_extension("part")
    }

    /// The bytes that are free for the user, if the file system tells.
    pub(super) fn free(&self) -> Option<u64> {
        let found = statvfs(self.repository.blobs()).ok()?;
        let known = found.f_blocks > 0;
        known.then(|| found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// The folder of the contents.
    pub(super) fn blobs(&self) -> PathBuf {
        self.repository.blobs()
    }

    /// Checks a file that has been transferred, and moves it to its place. A damaged one is
    /// removed.
    pub(super) fn keep(&self, mut part: Part, file: &RepoFile) -> Result<(), HubError> {
        let path = part.path().to_owned();
        let at = |error| HubError::at(&path)(error);
        let id = match &file.id {
            None => content::id(part.file()).map_err(at)?,
            Some(id) => match content::difference(part.file(), id).map_err(at)? {
                None => id.clone(),
                Some(what) => {
                    part.truncate(0).map_err(at)?;
                    return Err(HubError::Damaged {
                        model: self.model.to_string(),
                        file: file.name.to_string(),
                        what,
                    });
                }
            },
        };
        let blob = self.repository.blob(&id);
        part.keep(&blob).map_err(HubError::at(&blob))?;
        self.link(&file.name, &id)
    }

    /// Makes a file of the commit a link to a content.
    fn link(&self, name: &FileName, id: &ContentId) -> Result<(), HubError> {
        let link = self.repository.file(self.commit, name);
        let linked = || {
            let folder = self.folder();
            fs::create_dir_all(&folder)?;
            let new = tempfile::Builder::new().make_in(folder, |path| symlink(target_of(id), path));
            new?.into_temp_path()
                .persist(&link)
                .map_err(io::Error::from)
        };
        linked().map_err(HubError::at(&link))
    }

    /// Makes a revision's name point to the commit.
    pub(super) fn name(&self, revision: &Revision) -> Result<(), HubError> {
        if revision.as_str() == self.commit.as_str() {
            return Ok(());
        }
        let path = self.repository.reference(revision);
        let write = || {
            let mut file = PendingFile::create(&path)?;
            file.write_all(self.commit.as_str().as_bytes())?;
            file.commit()
        };
        write().map_err(HubError::at(&path))
    }
}

/// Whether a file or what it links to has the size that the hub lists.
fn is_complete(path: &Path, file: &RepoFile) -> bool {
    let has =
        |found: fs::Metadata| found.is_file() && file.size.is_none_or(|size| size == found.len());
    fs::metadata(path).is_ok_and(has)
}

/// What the link to a content says, from the folder of a commit.
fn target_of(id: &ContentId) -> PathBuf {
    Path::new("../../blobs").join(id.as_str())
}
