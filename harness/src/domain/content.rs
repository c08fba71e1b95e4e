//! The content of a domain: the digest of every image, and one digest over all of them.
//!
//! Names and sizes do not tell whether images are the same, so the bytes are hashed. A domain whose
//! images have to be read anyway, for features, is hashed at the same time; otherwise each file is
//! read once, in the order in which the images are stored. What was found is remembered per file
//! ([`ContentMemory`]), together with the file's size, times and inode, so that an unchanged file
//! is not read again. If a file differs in any of these, it alone is read again.
//!
//! A memory only saves work. Images are checked against the content whenever they are read, so an
//! image that was changed behind its file's times is an error, not a wrong number.

mod file_state;
mod memory;

use super::collection::Domain;
use super::error::DomainError;
use super::hash::{ContentDigest, SampleDigest};
use super::image::prefetch;
use super::sample::Split;
use file_state::FileState;
use memory::Remembered;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use file_state::Trust;
pub use memory::ContentMemory;

/// The digests of a domain's images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    samples: Vec<SampleDigest>,
    digest: ContentDigest,
}

impl Content {
    /// The content with these digests of all samples, train before test.
    pub fn of(samples: Vec<SampleDigest>) -> Content {
        Content {
            digest: ContentDigest::of(&samples),
            samples,
        }
    }

    /// The digest of every sample, by row: train before test.
    pub fn samples(&self) -> &[SampleDigest] {
        &self.samples
    }

    /// The digest of all samples.
    pub fn digest(&self) -> &ContentDigest {
        &self.digest
    }
}

/// What is known of a domain's images before they are read: the state of every file as it is now,
/// and the digests of the images in unchanged files.
pub struct ContentSurvey<'a> {
    domain: &'a Domain,
    /// When it began, which is before any file was looked at.
    begun: SystemTime,
    memory: Option<Remembered>,
    files: Vec<File>,
    /// By row: the number of the image in the domain's store.
    numbers: Vec<usize>,
    /// By row: the file of the image, and its place in it; `None` if it is in memory.
    places: Vec<Option<(usize, u32)>>,
    /// By row.
    known: Vec<Option<SampleDigest>>,
}

/// A file of the domain. Its state is from before its images are read, so if it changes later, what
/// is remembered does not match it.
struct File {
    path: PathBuf,
    state: Option<FileState>,
}

impl Domain {
    /// Looks up what is remembered of the domain's images.
    pub fn survey(&self, memory: &ContentMemory) -> ContentSurvey<'_> {
        ContentSurvey::new(self, memory)
    }
}

impl<'a> ContentSurvey<'a> {
    fn new(domain: &'a Domain, memory: &ContentMemory) -> Self {
        let begun = SystemTime::now();
        let numbers: Vec<usize> = [Split::Train, Split::Test]
            .into_iter()
            .flat_map(|split| domain.samples(split).iter().map(|sample| sample.image))
            .collect();
        let memory = domain.root().and_then(|root| memory.open(root));
        let (mut files, mut indices) = (Vec::new(), HashMap::new());
        let mut folders = HashMap::new();
        let places: Vec<_> = numbers
            .iter()
            .map(|&number| {
                let (path, place) = domain.images().file(number)?;
                let file = *indices.entry(path).or_insert_with(|| {
                    files.push(File {
                        path: real_path(path, &mut folders),
                        state: FileState::of(path).ok(),
                    });
                    files.len() - 1
                });
                Some((file, place))
            })
            .collect();
        let known = places.iter().map(|place| {
            let (file, place) = (*place)?;
            let File { path, state } = &files[file];
            memory.as_ref()?.digest(path, state.as_ref()?, place)
        });
        Self {
            domain,
            begun,
            known: known.collect(),
            memory,
            files,
            numbers,
            places,
        }
    }

    /// The content, if nothing has to be read from files for it.
    pub fn content(&self) -> Option<Content> {
        let on_file = self.places.iter().zip(&self.known);
        let mut unknown = on_file.filter(|(place, digest)| place.is_some() && digest.is_none());
        if unknown.next().is_some() {
            return None;
        }
        self.read(&|| true).ok()?
    }

    /// How many images have to be read.
    pub fn unread(&self) -> usize {
        self.known.iter().filter(|digest| digest.is_none()).count()
    }

    /// The content, after reading the images that are not remembered, on all cores and in the order
    /// in which they are stored. `seen` is called after each of them; once it returns false, no
    /// other image is read, and there is no content.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub fn read(&self, seen: &(dyn Fn() -> bool + Sync)) -> Result<Option<Content>, DomainError> {
        let unknown = (0..self.known.len()).filter(|&row| self.known[row].is_none());
        let mut rows: Vec<usize> = unknown.collect();
        rows.sort_by_key(|&row| self.numbers[row]);
        let found = prefetch::all(rows.len(), |at| {
            let encoded = self
                .domain
                .images()
                .encoded(self.numbers[rows[at]])
                .map_err(Some)?;
            let digest = SampleDigest::of(&encoded);
            if seen() { Ok(digest) } else { Err(None) }
        });
        let found = match found {
            Ok(found) => found,
            Err(None) => return Ok(None),
            Err(Some(error)) => return Err(error),
        };
        let mut samples = self.known.clone();
        for (row, digest) in rows.into_iter().zip(found) {
            samples[row] = Some(digest);
        }
        let samples = samples.into_iter().flatten().collect();
        Ok(Some(Content::of(samples)))
    }

    /// Remembers the content of the files that were unchanged for long enough. A memory that cannot
    /// be written costs time later, nothing else, so this is not an error.
    pub fn remember(mut self, content: &Content) {
        let Some(memory) = &mut self.memory else {
            return;
        };
        // In the order of the files: the places of a file's images then arrive in ascending order,
        // whatever the order of the split, so that none has to be moved for another.
        let mut rows: Vec<usize> = (0..self.known.len())
            .filter(|&row| self.known[row].is_none() && self.places[row].is_some())
            .collect();
        rows.sort_unstable_by_key(|&row| self.places[row]);
        for row in rows {
            if let Some((file, place)) = self.places[row]
                && let File {
                    path,
                    state: Some(state),
                } = &self.files[file]
                && state.settled(self.begun, memory.trust)
            {
                memory.insert(path, state, place, content.samples()[row]);
            }
        }
        let _ = memory.save();
    }
}

/// The path of a file without links to folders in it. A link to a file stays: the state is that of
/// its target.
fn real_path(path: &Path, folders: &mut HashMap<PathBuf, PathBuf>) -> PathBuf {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return path.to_owned();
    };
    let real = folders.entry(folder.to_owned()).or_insert_with(|| {
        let real = std::fs::canonicalize(folder);
        real.unwrap_or_else(|_| folder.to_owned())
    });
    real.join(name)
}

#[cfg(test)]
mod tests;
