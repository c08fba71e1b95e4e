//! The folder of feature files, safe for concurrent processes.

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

/// Some samples' rows of one output: f32 `[rows, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Values per sample.
    pub width: usize,
    /// The rows, one after another.
    pub values: Vec<f32>,
}

/// The file of a key's features, whether it exists or not.
struct Place<'a> {
    key: &'a FeatureKey,
    digest: String,
    path: PathBuf,
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
    /// They cannot be computed.
    #[error(transparent)]
    Compute(#[from] E),
}

impl FeatureStore {
    /// The store in this folder, which is created when it is first needed.
    pub fn new(folder: impl Into<PathBuf>) -> FeatureStore {
        FeatureStore {
            folder: folder.into(),
        }
    }

    /// Opens the features of each key, and computes the missing ones. `compute` gets the missing
    /// keys and a function to call repeatedly, each time with one block per missing key in the same
    /// order, until all rows are written. `keys` must not contain duplicates.
    ///
    /// Each file has its own lock: if several processes need the same file, one computes it and the
    /// others wait. `notice` is called with a message about a damaged file or a wait.
    ///
    /// # Errors
    ///
    /// If the folder cannot be used, or if `compute` fails. No incomplete file is left behind.
    pub fn open_or_compute<E>(
        &self,
        keys: &[FeatureKey],
        notice: &dyn Fn(&str),
        compute: impl FnOnce(
            &[&FeatureKey],
            &mut dyn FnMut(&[Block]) -> io::Result<()>,
        ) -> Result<(), FeatureError<E>>,
    ) -> Result<Vec<(Features, Origin)>, FeatureError<E>> {
        debug_assert!(
            (1..keys.len()).all(|i| !keys[..i].contains(&keys[i])),
            "duplicate keys would make a process wait for itself"
        );
        let places: Vec<Place<'_>> = keys.iter().map(|key| self.place(key)).collect();
        let mut found: Vec<_> = places.iter().map(|place| place.stored(notice)).collect();
        // All processes lock in the same order, so two that need the same files cannot deadlock.
        let mut missing: Vec<usize> = (0..keys.len()).filter(|&i| found[i].is_none()).collect();
        missing.sort_by(|&a, &b| places[a].digest.cmp(&places[b].digest));
        if !missing.is_empty() {
            fs::create_dir_all(&self.folder).map_err(unusable(&self.folder))?;
        }
        let (mut locks, mut waited) = (Vec::new(), false);
        for &i in &missing {
            locks.push(self.locked(&places[i], notice, &mut waited)?);
            // Another process may have computed them while this one waited for the lock.
            let made = Features::open(&places[i].path, &keys[i]).ok();
            found[i] = made.map(|features| (features, Origin::Stored));
        }
        let missing: Vec<usize> = (0..keys.len()).filter(|&i| found[i].is_none()).collect();
        if !missing.is_empty() {
            let mut writers = Vec::new();
            for &i in &missing {
                self.remove_parts(&places[i].digest)
                    .map_err(unusable(&self.folder))?;
                let writer = FeatureWriter::create(&places[i].path, &keys[i]);
                writers.push(writer.map_err(unusable(&self.folder))?);
            }
            let wanted: Vec<&FeatureKey> = missing.iter().map(|&i| &keys[i]).collect();
            compute(&wanted, &mut |blocks| {
                assert_eq!(blocks.len(), writers.len(), "one block per missing key");
                let mut pairs = writers.iter_mut().zip(blocks);
                pairs.try_for_each(|(writer, block)| writer.push(block))
            })?;
            for (&i, writer) in missing.iter().zip(writers) {
                let path = &places[i].path;
                writer.finish().map_err(unusable(path))?;
                let features = Features::open(path, &keys[i]).map_err(|why| {
                    unusable(path)(io::Error::other(format!(
                        "damaged right after writing: {why}"
                    )))
                })?;
                found[i] = Some((features, Origin::Computed));
            }
        }
        // Dropping `locks` releases them. The empty lock files stay, since removing them would race
        // with a waiting process.
        Ok(found.into_iter().flatten().collect())
    }

    fn place<'a>(&self, key: &'a FeatureKey) -> Place<'a> {
        let digest = key.digest();
        Place {
            path: self.folder.join(format!("{digest}.features")),
            digest,
            key,
        }
    }

    /// Takes the lock of a file to be computed.
    fn locked<E>(
        &self,
        place: &Place<'_>,
        notice: &dyn Fn(&str),
        waited: &mut bool,
    ) -> Result<File, FeatureError<E>> {
        let path = self.folder.join(format!("{}.lock", place.digest));
        let lock = File::create(&path).map_err(unusable(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(waited, true) {
                    notice("another process is computing these features; waiting for it");
                }
                lock.lock().map_err(unusable(&path))?;
            }
            Err(TryLockError::Error(error)) => return Err(unusable(&path)(error)),
        }
        Ok(lock)
    }

    /// Removes the temporary files of a killed process; called with the lock held.
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

impl Place<'_> {
    /// The stored features, if any; a damaged file counts as missing.
    fn stored(&self, notice: &dyn Fn(&str)) -> Option<(Features, Origin)> {
        if !self.path.exists() {
            return None;
        }
        match Features::open(&self.path, self.key) {
            Ok(features) => Some((features, Origin::Stored)),
            Err(why) => {
                notice(&format!(
                    "feature file {} is damaged: {why}; recomputing it",
                    self.path.display()
                ));
                None
            }
        }
    }
}

/// For `map_err`: the error that the store cannot use this path.
fn unusable<E>(path: &Path) -> impl FnOnce(io::Error) -> FeatureError<E> {
    let path = path.to_owned();
    move |source| FeatureError::Store { path, source }
}

#[cfg(test)]
mod tests {
    use super::super::EMBEDDING;
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
            width: Some(2),
            output: EMBEDDING.into(),
        }
    }

    /// Another output of the same backbone, whose width is not known in advance.
    fn tokens() -> FeatureKey {
        FeatureKey {
            width: None,
            output: "tokens".into(),
            ..key()
        }
    }

    const ROWS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    const TOKENS: [f32; 9] = [7.0, 7.1, 7.2, 8.0, 8.1, 8.2, 9.0, 9.1, 9.2];

    fn block(key: &FeatureKey, rows: std::ops::Range<usize>) -> Block {
        let (width, all) = match key.output.as_str() {
            EMBEDDING => (2, &ROWS[..]),
            _ => (3, &TOKENS[..]),
        };
        let values = all[rows.start * width..rows.end * width].to_vec();
        Block { width, values }
    }

    /// The features, the outputs that were computed, and the notices.
    fn open_all(
        store: &FeatureStore,
        keys: &[FeatureKey],
    ) -> (Vec<(Features, Origin)>, Vec<String>, Vec<String>) {
        let (notices, mut computed) = (RefCell::new(Vec::new()), Vec::new());
        let features = store
            .open_or_compute::<io::Error>(
                keys,
                &|line| notices.borrow_mut().push(line.to_owned()),
                |missing, push| {
                    computed.extend(missing.iter().map(|key| key.output.clone()));
                    for rows in [0..2, 2..3] {
                        let blocks = missing.iter().map(|key| block(key, rows.clone()));
                        push(&blocks.collect::<Vec<_>>())?;
                    }
                    Ok(())
                },
            )
            .unwrap();
        (features, computed, notices.into_inner())
    }

    fn open(store: &FeatureStore, key: &FeatureKey) -> (Features, Origin, Vec<String>) {
        let (mut features, _, notices) = open_all(store, std::slice::from_ref(key));
        let (features, origin) = features.remove(0);
        (features, origin, notices)
    }

    fn file_of(folder: &Path, key: &FeatureKey) -> PathBuf {
        folder.join(format!("{}.features", key.digest()))
    }

    #[test]
    fn the_digest_of_the_embedding_never_changes() {
        const JSON: &str = r#"{"fingerprint":"f","plugin_hash":"p","device_kind":"cpu","dtype":"f32","image":{"height":8,"width":8,"resize":"stretch","filter":"bicubic"},"split_hash":"s","stamp":"t","rows":3,"width":2}"#;
        assert_eq!(key().digest(), blake3::hash(JSON.as_bytes()).to_hex()[..32]);
        assert_ne!(key().digest(), tokens().digest());
    }

    #[test]
    fn features_are_computed_once_and_stored() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path().join("features"));
        let (features, origin, _) = open(&store, &key());
        assert_eq!((features.data(), origin), (&ROWS[..], Origin::Computed));
        let (features, origin, _) = open(&store, &key());
        assert_eq!((features.data(), origin), (&ROWS[..], Origin::Stored));
        // Consecutive rows point into the map, others are gathered.
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
    fn outputs_are_computed_together_and_stored_separately() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path());
        let both = [key(), tokens()];
        let contents = |found: &[(Features, Origin)]| {
            let of =
                |(features, _): &(Features, Origin)| (features.width(), features.data().to_vec());
            found.iter().map(of).collect::<Vec<_>>()
        };
        let (found, computed, _) = open_all(&store, &both);
        assert_eq!(computed, [EMBEDDING, "tokens"], "in one call");
        assert_eq!(contents(&found), [(2, ROWS.to_vec()), (3, TOKENS.to_vec())]);
        let (again, computed, _) = open_all(&store, &both);
        assert_eq!(computed, [""; 0]);
        assert_eq!(contents(&again), contents(&found));
        // If only one is missing, only that one is computed.
        for missing in &both {
            fs::remove_file(file_of(folder.path(), missing)).unwrap();
            let (found, computed, _) = open_all(&store, &both);
            assert_eq!(computed, [missing.output.as_str()]);
            assert_eq!(contents(&found), contents(&again));
        }
        // The same goes for a damaged one.
        let path = file_of(folder.path(), &tokens());
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        let (found, computed, notices) = open_all(&store, &both);
        assert_eq!(computed, ["tokens"]);
        assert_eq!(contents(&found), contents(&again));
        let said = format!(
            "feature file {} is damaged: it should have 36 bytes of data, but has 32; recomputing it",
            path.display()
        );
        assert_eq!(notices, [said]);
    }

    #[test]
    fn a_damaged_file_is_noticed_and_recomputed() {
        type Damage = fn(&mut Vec<u8>);
        let damages: [(Damage, &str); 4] = [
            (
                |bytes| *bytes.last_mut().unwrap() ^= 1,
                "its data does not match the hash in its header",
            ),
            (
                |bytes| bytes.truncate(bytes.len() - 4),
                "it should have 24 bytes of data, but has 20",
            ),
            (|bytes| bytes.truncate(100), "its header is truncated"),
            (
                |bytes| bytes[..8].copy_from_slice(b"garbage!"),
                "it does not begin like a feature file",
            ),
        ];
        for (damage, why) in damages {
            let folder = tempfile::tempdir().unwrap();
            let store = FeatureStore::new(folder.path());
            open(&store, &key());
            let path = file_of(folder.path(), &key());
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
            let (features, origin, notices) = open(&store, &key());
            assert_eq!((features.data(), origin), (&ROWS[..], Origin::Computed));
            assert_eq!(
                notices,
                [format!(
                    "feature file {} is damaged: {why}; recomputing it",
                    path.display()
                )]
            );
        }
    }

    #[test]
    fn a_header_that_overflows_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path());
        open(&store, &tokens());
        let path = file_of(folder.path(), &tokens());
        let bytes = fs::read(&path).unwrap();
        // In 64 bits, three rows of the second width have the 36 bytes that are there.
        for width in [u64::MAX, (1 << 62) + 3, 1 << 62] {
            let text = String::from_utf8_lossy(&bytes[..4096]).into_owned();
            let mut header = text.replace("\"width\":3,", &format!("\"width\":{width},"));
            assert_ne!(header, text);
            header.truncate(4096);
            fs::write(&path, [header.as_bytes(), &bytes[4096..]].concat()).unwrap();
            let (features, origin, notices) = open(&store, &tokens());
            assert_eq!((features.data(), origin), (&TOKENS[..], Origin::Computed));
            assert!(
                notices[0].ends_with(
                    "is damaged: it should have more than 2⁶⁴ bytes of data, but has 36; \
                     recomputing it"
                ),
                "{notices:?}"
            );
        }
    }

    #[test]
    fn a_fifo_in_the_store_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path());
        let path = file_of(folder.path(), &key());
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let (features, origin, _) = open(&store, &key());
        assert_eq!((features.data(), origin), (&ROWS[..], Origin::Computed));
    }

    #[test]
    fn a_failed_computation_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path());
        let result =
            store.open_or_compute::<io::Error>(&[key(), tokens()], &|_| {}, |missing, push| {
                push(&[block(missing[0], 0..2), block(missing[1], 0..2)])?;
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
    fn concurrent_requests_compute_each_file_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path());
        let computed = [AtomicUsize::new(0), AtomicUsize::new(0)];
        // Some need both outputs, some only one, in either order.
        let wanted = [
            vec![key(), tokens()],
            vec![tokens(), key()],
            vec![key()],
            vec![tokens()],
        ];
        let (store, counts) = (&store, &computed);
        std::thread::scope(|scope| {
            for keys in wanted.iter().cycle().take(16) {
                scope.spawn(move || {
                    let compute =
                        |missing: &[&FeatureKey],
                         push: &mut dyn FnMut(&[Block]) -> io::Result<()>| {
                            for key in missing {
                                counts[usize::from(key.output == EMBEDDING)]
                                    .fetch_add(1, Ordering::SeqCst);
                            }
                            let blocks: Vec<_> =
                                missing.iter().map(|key| block(key, 0..3)).collect();
                            Ok(push(&blocks)?)
                        };
                    let found = store.open_or_compute::<io::Error>(keys, &|_| {}, compute);
                    for ((features, _), key) in found.unwrap().iter().zip(keys) {
                        assert_eq!(features.data(), block(key, 0..3).values);
                    }
                });
            }
        });
        assert_eq!(computed.map(|n| n.load(Ordering::SeqCst)), [1, 1]);
    }
}
