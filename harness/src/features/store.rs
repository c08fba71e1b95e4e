//! The folder of feature files, safe for any number of processes.

use super::file::FeatureWriter;
use super::{FeatureKey, Features};
use crate::atomic;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A folder of feature files.
#[derive(Debug, Clone)]
pub struct FeatureStore {
    folder: PathBuf,
}

/// Where features came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The store had them.
    Stored,
    /// They were computed now.
    Computed,
}

/// Why there are no features.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError<E> {
    /// The store's folder cannot be used.
    #[error("feature cache {}: {source}; set CLBENCH_CACHE to a folder that can be written", path.display())]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// They cannot be computed.
    #[error(transparent)]
    Compute(#[from] E),
}

impl FeatureStore {
    /// The store in that folder, made when it is first needed.
    pub fn new(folder: impl Into<PathBuf>) -> FeatureStore {
        FeatureStore {
            folder: folder.into(),
        }
    }

    /// Opens the features of `key`, or computes them: `compute` hands rows to its argument, one after another, until all
    /// are there. Processes that want the same ones wait for the first; `notice` hears a line when there is something to
    /// say (a damaged file, a wait).
    ///
    /// # Errors
    ///
    /// If the folder cannot be used, or what `compute` reports; nothing half-made is left in place.
    pub fn open_or_compute<E>(
        &self,
        key: &FeatureKey,
        notice: &dyn Fn(&str),
        compute: impl FnOnce(&mut dyn FnMut(&[f32]) -> io::Result<()>) -> Result<(), FeatureError<E>>,
    ) -> Result<(Features, Origin), FeatureError<E>> {
        let digest = key.digest();
        let path = self.folder.join(format!("{digest}.features"));
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| FeatureError::Store { path, source }
        };
        if path.exists() {
            match Features::open(&path, key) {
                Ok(features) => return Ok((features, Origin::Stored)),
                Err(why) => notice(&format!(
                    "features {} are damaged: {why}; computing them again",
                    path.display()
                )),
            }
        }
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        let lock_path = self.folder.join(format!("{digest}.lock"));
        let lock = File::create(&lock_path).map_err(at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                notice("another process computes these features; waiting for it");
                lock.lock().map_err(at(&lock_path))?;
            }
            Err(TryLockError::Error(error)) => return Err(at(&lock_path)(error)),
        }
        // Whoever held the lock may have made them in the meantime.
        if let Ok(features) = Features::open(&path, key) {
            return Ok((features, Origin::Stored));
        }
        self.remove_parts(&digest).map_err(at(&self.folder))?;
        let mut writer = FeatureWriter::create(&path, key).map_err(at(&self.folder))?;
        compute(&mut |rows| writer.push(rows))?;
        writer.finish().map_err(at(&path))?;
        let features = Features::open(&path, key)
            .map_err(|why| at(&path)(io::Error::other(format!("just written, but {why}"))))?;
        // The lock is left to the drop of `lock`; its empty file stays, since removing it would race with a waiter.
        Ok((features, Origin::Computed))
    }

    /// Removes what a process that was killed left behind; called with the lock held.
    fn remove_parts(&self, digest: &str) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with(digest) && name.ends_with(atomic::SUFFIX)) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::backbone::{Filter, ImageInfo, Resize};
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn key() -> FeatureKey {
        FeatureKey {
            fingerprint: "f".into(),
            plugin_hash: "p".into(),
            device_kind: "cpu".into(),
            dtype: "f32".into(),
            image: ImageInfo {
                height: 8,
                width: 8,
                resize: Resize::Stretch,
                filter: Filter::Bicubic,
            },
            split_hash: "s".into(),
            stamp: "t".into(),
            rows: 3,
            width: 2,
        }
    }

    const ROWS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

    fn open(store: &FeatureStore, key: &FeatureKey) -> (Features, Origin, Vec<String>) {
        let notices = RefCell::new(Vec::new());
        let (features, origin) = store
            .open_or_compute::<io::Error>(
                key,
                &|line| notices.borrow_mut().push(line.to_owned()),
                |push| {
                    push(&ROWS[..4])?;
                    push(&ROWS[4..])?;
                    Ok(())
                },
            )
            .unwrap();
        (features, origin, notices.into_inner())
    }

    fn feature_file(folder: &Path) -> PathBuf {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|e| e == "features"))
            .unwrap()
    }

    #[test]
    fn features_are_computed_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path().join("features"));
        let (features, origin, _) = open(&store, &key());
        assert_eq!((features.data(), origin), (&ROWS[..], Origin::Computed));
        let (features, origin, _) = open(&store, &key());
        assert_eq!((features.data(), origin), (&ROWS[..], Origin::Stored));
        // Consecutive rows are the map itself, others are gathered.
        let tensor = features.tensor(&[1, 2]);
        assert_eq!(
            tensor.view().as_slice::<f32>().unwrap().as_ptr(),
            features.row(1).as_ptr()
        );
        assert!(tensor.view().read_only());
        let tensor = features.tensor(&[2, 0]);
        assert_eq!(tensor.view().to_vec::<f32>().unwrap(), [5.0, 6.0, 1.0, 2.0]);
        // Another key is another file.
        let other = FeatureKey {
            plugin_hash: "q".into(),
            ..key()
        };
        assert_eq!(open(&store, &other).1, Origin::Computed);
    }

    #[test]
    fn a_damaged_file_is_noticed_and_computed_again() {
        type Damage = fn(&mut Vec<u8>);
        let damages: [(Damage, &str); 4] = [
            (
                |bytes| *bytes.last_mut().unwrap() ^= 1,
                "its data do not have the hash that its header states",
            ),
            (
                |bytes| bytes.truncate(bytes.len() - 4),
                "it should hold 24 bytes of data, but holds 20",
            ),
            (|bytes| bytes.truncate(100), "its header is cut short"),
            (
                |bytes| bytes[..8].copy_from_slice(b"garbage!"),
                "it does not begin as a feature file",
            ),
        ];
        for (damage, why) in damages {
            let folder = tempfile::tempdir().unwrap();
            let store = FeatureStore::new(folder.path());
            open(&store, &key());
            let path = feature_file(folder.path());
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
            let (features, origin, notices) = open(&store, &key());
            assert_eq!((features.data(), origin), (&ROWS[..], Origin::Computed));
            assert_eq!(
                notices,
                [format!(
                    "features {} are damaged: {why}; computing them again",
                    path.display()
                )]
            );
        }
    }

    #[test]
    fn a_failed_computation_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path());
        let result = store.open_or_compute::<io::Error>(&key(), &|_| {}, |push| {
            push(&ROWS[..2])?;
            Err(FeatureError::Compute(io::Error::other("no")))
        });
        assert!(matches!(result, Err(FeatureError::Compute(_))));
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".lock"))
            .collect();
        assert_eq!(left, [""; 0]);
    }

    #[test]
    fn of_many_that_want_the_same_one_computes() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path());
        let computed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    store
                        .open_or_compute::<io::Error>(&key(), &|_| {}, |push| {
                            computed.fetch_add(1, Ordering::SeqCst);
                            push(&ROWS)?;
                            Ok(())
                        })
                        .unwrap();
                });
            }
        });
        assert_eq!(computed.load(Ordering::SeqCst), 1);
    }
}
