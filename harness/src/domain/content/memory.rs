//! What is remembered of files that were read: one file per folder of images, 32 bytes a sample.

use super::file_state::{FileState, Trust};
use crate::atomic;
use crate::domain::hash::SampleDigest;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"CLBCONT1";

/// A folder in which the digests of images are remembered.
#[derive(Debug, Clone)]
pub struct ContentMemory {
    /// `None` if nothing is remembered.
    folder: Option<PathBuf>,
    trust: Trust,
}

/// What is remembered of the files below one folder.
pub(super) struct Remembered {
    path: PathBuf,
    pub(super) trust: Trust,
    files: HashMap<PathBuf, RememberedFile>,
    /// Whether there is something to write.
    new: bool,
}

#[derive(Serialize, Deserialize)]
struct RememberedFile {
    state: FileState,
    digests: Digests,
}

/// The digests of a file's images, in the order of their places in it. Most files hold one image,
/// for which a tree would take ten times the memory.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Digests(Vec<(u32, SampleDigest)>);

impl Digests {
    fn at(&self, place: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&place, |&(place, _)| place)
    }

    fn get(&self, place: u32) -> Option<SampleDigest> {
        self.at(place).ok().map(|at| self.0[at].1)
    }

    fn insert(&mut self, place: u32, digest: SampleDigest) {
        match self.at(place) {
            Ok(at) => self.0[at].1 = digest,
            Err(at) => self.0.insert(at, (place, digest)),
        }
    }

    /// Adds those of places that are not known.
    fn add(&mut self, others: Digests) {
        let unknown = |&(place, _): &(u32, SampleDigest)| self.at(place).is_err();
        let unknown: Vec<_> = others.0.into_iter().filter(unknown).collect();
        if !unknown.is_empty() {
            self.0.extend(unknown);
            self.0.sort_unstable_by_key(|&(place, _)| place);
        }
    }
}

impl ContentMemory {
    /// The memory in this folder, which is created when something is remembered.
    pub fn new(folder: impl Into<PathBuf>) -> ContentMemory {
        ContentMemory {
            folder: Some(folder.into()),
            trust: Trust::default(),
        }
    }

    /// A memory of nothing.
    pub fn none() -> ContentMemory {
        ContentMemory {
            folder: None,
            trust: Trust::default(),
        }
    }

    /// The same memory, for a domain with another notion of an unchanged file.
    pub fn trusting(&self, trust: Trust) -> ContentMemory {
        ContentMemory {
            folder: self.folder.clone(),
            trust,
        }
    }

    /// What is remembered of the files below a folder; nothing if the memory is damaged.
    pub(super) fn open(&self, root: &Path) -> Option<Remembered> {
        let folder = self.folder.as_ref()?;
        let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let name = blake3::hash(root.as_os_str().as_bytes()).to_hex();
        // What is known under less trust must not be believed under more.
        let path = format!("{}.{}", &name[..32], self.trust);
        let path = folder.join(path);
        Some(Remembered {
            files: read(&path).unwrap_or_default(),
            new: false,
            path,
            trust: self.trust,
        })
    }
}

impl Remembered {
    /// The digest of an image in a file, if the file has not changed.
    pub(super) fn digest(
        &self,
        path: &Path,
        state: &FileState,
        place: u32,
    ) -> Option<SampleDigest> {
        let file = self.files.get(path)?;
        let same = file.state.same(state, self.trust);
        file.digests.get(place).filter(|_| same)
    }

    /// Remembers an image of a file in this state. The caller knows that the file had been left
    /// alone for long enough.
    pub(super) fn insert(
        &mut self,
        path: &Path,
        state: &FileState,
        place: u32,
        digest: SampleDigest,
    ) {
        self.new = true;
        match self.files.get_mut(path) {
            Some(file) if file.state.same(state, self.trust) => {
                file.digests.insert(place, digest);
            }
            _ => {
                let file = RememberedFile {
                    state: *state,
                    digests: Digests(vec![(place, digest)]),
                };
                self.files.insert(path.to_owned(), file);
            }
        }
    }

    /// Writes the memory, together with what other processes have written since it was opened.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.new {
            return Ok(());
        }
        for (path, file) in read(&self.path).unwrap_or_default() {
            match self.files.get_mut(&path) {
                None => {
                    self.files.insert(path, file);
                }
                Some(known) if known.state.same(&file.state, self.trust) => {
                    known.digests.add(file.digests);
                }
                // What this process saw is newer.
                Some(_) => {}
            }
        }
        let files: Vec<(&[u8], &RememberedFile)> = (self.files.iter())
            .map(|(path, file)| (path.as_os_str().as_bytes(), file))
            .collect();
        let data = postcard::to_allocvec(&files).map_err(io::Error::other)?;
        let bytes = [MAGIC, blake3::hash(&data).as_bytes().as_slice(), &data].concat();
        atomic::write(&self.path, &bytes)
    }
}

/// The files that a memory holds; `None` if it is missing or damaged.
fn read(path: &Path) -> Option<HashMap<PathBuf, RememberedFile>> {
    let bytes = fs::read(path).ok()?;
    let (hash, data) = bytes.strip_prefix(MAGIC)?.split_at_checked(32)?;
    if blake3::hash(data).as_bytes() != hash {
        return None;
    }
    let files: Vec<(Vec<u8>, RememberedFile)> = postcard::from_bytes(data).ok()?;
    let path = |bytes: Vec<u8>| PathBuf::from(OsStr::from_bytes(&bytes));
    Some(
        files
            .into_iter()
            .map(|(name, file)| (path(name), file))
            .collect(),
    )
}
