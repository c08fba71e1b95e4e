//! The folder of feature files, safe for concurrent processes, also of several machines.

use super::file::FeatureWriter;
use super::key::ENDING;
use super::{FeatureKey, Features};
use crate::atomic;
use crate::claim::{Claim, Claims};
use crate::domain::ContentDigest;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

/// A folder of feature files.
#[derive(Clone)]
pub struct FeatureStore {
    folder: PathBuf,
    stopped: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Some samples' rows of one output: f32 `[rows, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Values per sample.
    pub width: usize,
    /// The rows, one after another.
    pub values: Vec<f32>,
}

/// Who computes missing features, and knows the images that they are features of.
pub trait FeatureMaker {
    /// Why it fails.
    type Error;

    /// The digest of the images. If it is not known, it is `None`, unless there are `others`:
    /// features of images that may be these. Then the images are read for it.
    ///
    /// # Errors
    ///
    /// If the images cannot be read.
    fn content(&self, others: &dyn Fn() -> bool) -> Result<Option<ContentDigest>, Self::Error>;

    /// Computes the features that are missing, writes all their rows, and returns the digest of
    /// the images that were read for them.
    ///
    /// # Errors
    ///
    /// If they cannot be computed or written.
    fn compute(&self, missing: &[FeatureWriter]) -> Result<ContentDigest, Self::Error>;

    /// Told about a damaged file or a wait.
    fn notice(&self, line: &str);
}

/// Where features came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// They were in the store.
    Stored,
    /// They were computed just now.
    Computed,
}

/// Why there are no features.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError<E> {
    /// The store's folder cannot be used.
    #[error("feature cache {}: {source}; set CLBENCH_CACHE to a writable folder", path.display())]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The user asked to stop while another process was computing them.
    #[error("stopped while waiting for another process")]
    Stopped,
    /// They cannot be computed.
    #[error(transparent)]
    Compute(#[from] E),
}

impl fmt::Debug for FeatureStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("FeatureStore");
        debug.field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl FeatureStore {
    /// The store in this folder, which is created when it is first needed.
    pub fn new(folder: impl Into<PathBuf>) -> FeatureStore {
        FeatureStore {
            folder: folder.into(),
            stopped: Arc::new(|| false),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The same store, which stops waiting for other processes once `stopped` returns true.
    #[must_use]
    pub fn until(self, stopped: impl Fn() -> bool + Send + Sync + 'static) -> FeatureStore {
        FeatureStore {
            stopped: Arc::new(stopped),
            ..self
        }
    }

    /// Opens the features of each key, and computes the missing ones. The keys are without content,
    /// and without duplicates.
    ///
    /// If the content of the images is not known and the store has no features that may be theirs,
    /// it becomes known while the features are computed, so that the images are read only once.
    ///
    /// Features that may be the same have one [claim](crate::claim): if several processes need
    /// them, one computes them and the others wait.
    ///
    /// # Errors
    ///
    /// If the folder cannot be used, or if they cannot be computed. No incomplete file is left
    /// behind.
    pub fn open_or_compute<M: FeatureMaker>(
        &self,
        keys: &[FeatureKey],
        maker: &M,
    ) -> Result<Vec<(Features, Origin)>, FeatureError<M::Error>> {
        debug_assert!(
            (1..keys.len()).all(|i| !keys[..i].contains(&keys[i])),
            "duplicate keys would make a process wait for itself"
        );
        let families: Vec<String> = keys.iter().map(FeatureKey::family).collect();
        let mut content = maker.content(&|| self.any(&families))?;
        let mut found: Vec<_> = match &content {
            Some(content) => keys
                .iter()
                .map(|key| self.stored(key, content, maker))
                .collect(),
            None => keys.iter().map(|_| None).collect(),
        };
        // All processes claim in the same order, so two that need the same files cannot deadlock.
        let mut missing: Vec<usize> = (0..keys.len()).filter(|&i| found[i].is_none()).collect();
        missing.sort_by(|&a, &b| families[a].cmp(&families[b]));
        if !missing.is_empty() {
            fs::create_dir_all(&self.folder).map_err(unusable(&self.folder))?;
        }
        let (mut claims, mut waited) = (Vec::new(), false);
        for &i in &missing {
            claims.push(self.claimed(&families[i], maker, &mut waited)?);
        }
        // Another process may have computed them while this one waited.
        if content.is_none() {
            content = maker.content(&|| self.any(&families))?;
        }
        if let Some(content) = &content {
            for &i in &missing {
                let made =
                    Features::open(&self.path(&keys[i], content), &keys[i].of_content(content));
                found[i] = made.ok().map(|features| (features, Origin::Stored));
            }
        }
        let missing: Vec<usize> = (0..keys.len()).filter(|&i| found[i].is_none()).collect();
        if !missing.is_empty() {
            let mut writers = Vec::new();
            for &i in &missing {
                self.remove_parts(&families[i])
                    .map_err(unusable(&self.folder))?;
                let writer = FeatureWriter::create(
                    &self.folder.join(format!("{}{ENDING}", families[i])),
                    &keys[i],
                );
                writers.push(writer.map_err(unusable(&self.folder))?);
            }
            let content = maker.compute(&writers)?;
            for (&i, writer) in missing.iter().zip(writers) {
                let path = self.path(&keys[i], &content);
                let finished = writer.finish(&content, &path);
                // Even if a process that took this one for dead has deleted its file: then that
                // process has put one in its place, or will.
                let opened = Features::open(&path, &keys[i].of_content(&content));
                let features = match (opened, finished) {
                    (Ok(features), _) => features,
                    (Err(_), Err(error)) => return Err(unusable(&path)(error)),
                    (Err(why), Ok(())) => {
                        let why = format!("damaged right after writing: {why}");
                        return Err(unusable(&path)(io::Error::other(why)));
                    }
                };
                found[i] = Some((features, Origin::Computed));
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn path(&self, key: &FeatureKey, content: &ContentDigest) -> PathBuf {
        self.folder.join(key.of_content(content).file_name())
    }

    /// Whether there are features of one of these families, whatever their content.
    fn any(&self, families: &[String]) -> bool {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return false;
        };
        let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.any(|name| {
            let family = name
                .strip_suffix(ENDING)
                .and_then(|name| name.split_once('-'));
            family.is_some_and(|(family, _)| families.iter().any(|known| known == family))
        })
    }

    /// The stored features, if any; a damaged file counts as missing.
    fn stored(
        &self,
        key: &FeatureKey,
        content: &ContentDigest,
        maker: &impl FeatureMaker,
    ) -> Option<(Features, Origin)> {
        let path = self.path(key, content);
        if !path.exists() {
            return None;
        }
        match Features::open(&path, &key.of_content(content)) {
            Ok(features) => Some((features, Origin::Stored)),
            Err(why) => {
                maker.notice(&format!(
                    "feature file {} is damaged: {why}; recomputing it",
                    path.display()
                ));
                None
            }
        }
    }

    /// Claims features to be computed.
    fn claimed<M: FeatureMaker>(
        &self,
        family: &str,
        maker: &M,
        waited: &mut bool,
    ) -> Result<Claim, FeatureError<M::Error>> {
        let claims = Claims::new(&self.folder);
        let claim = claims.wait(family, &|| !(self.stopped)(), &mut |owner| {
            if !std::mem::replace(waited, true) {
                maker.notice(&format!(
                    "{owner} is computing these features; waiting for it"
                ));
            }
        });
        let claim = claim.map_err(unusable(&self.folder))?;
        claim.ok_or(FeatureError::Stopped)
    }

    /// Removes the temporary files of a killed process; called with the claim held.
    fn remove_parts(&self, family: &str) -> io::Result<()> {
        let begin = format!("{family}{ENDING}.");
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with(&begin) && name.ends_with(atomic::SUFFIX)) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// For `map_err`: the error that the store cannot use this path.
fn unusable<E>(path: &Path) -> impl FnOnce(io::Error) -> FeatureError<E> {
    let path = path.to_owned();
    move |source| FeatureError::Store { path, source }
}

#[cfg(test)]
mod tests;
