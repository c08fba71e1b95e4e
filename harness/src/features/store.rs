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

/// Some samples' rows of one output: f32 `[rows, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Numbers per sample.
    pub width: usize,
    /// The rows, one after another.
    pub values: Vec<f32>,
}

/// Where the features of a key are, or will be.
struct Place<'a> {
    key: &'a FeatureKey,
    digest: String,
    path: PathBuf,
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

    /// Opens the features of each key, or computes those that are not there: `compute` is told
    /// which these are, and hands a block of each, in that order, to its second argument, again and
    /// again until all rows are there. No key stands twice. Each file has a lock of its own: of
    /// processes that want the same one, the others wait for the first. `notice` hears a line when
    /// there is something to say (a damaged file, a wait).
    ///
    /// # Errors
    ///
    /// If the folder cannot be used, or what `compute` reports; nothing half-made is left in place.
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
            "a process does not wait for itself"
        );
        let places: Vec<Place<'_>> = keys.iter().map(|key| self.place(key)).collect();
        let mut found: Vec<_> = places.iter().map(|place| place.stored(notice)).collect();
        // In one order for all processes: of two that want the same files, neither holds what the
        // other waits for.
        let mut missing: Vec<usize> = (0..keys.len()).filter(|&i| found[i].is_none()).collect();
        missing.sort_by(|&a, &b| places[a].digest.cmp(&places[b].digest));
        if !missing.is_empty() {
            fs::create_dir_all(&self.folder).map_err(unusable(&self.folder))?;
        }
        let (mut locks, mut waited) = (Vec::new(), false);
        for &i in &missing {
            locks.push(self.locked(&places[i], notice, &mut waited)?);
            // Whoever held the lock may have made them in the meantime.
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
                assert_eq!(blocks.len(), writers.len(), "a block of each");
                let mut pairs = writers.iter_mut().zip(blocks);
                pairs.try_for_each(|(writer, block)| writer.push(block))
            })?;
            for (&i, writer) in missing.iter().zip(writers) {
                let path = &places[i].path;
                writer.finish().map_err(unusable(path))?;
                let features = Features::open(path, &keys[i]).map_err(|why| {
                    unusable(path)(io::Error::other(format!("just written, but {why}")))
                })?;
                found[i] = Some((features, Origin::Computed));
            }
        }
        // The locks are left to the drop of `locks`; their empty files stay, since removing them
        // would race with a waiter.
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

    /// Takes the lock of a file that is to be made.
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
                    notice("another process computes these features; waiting for it");
                }
                lock.lock().map_err(unusable(&path))?;
            }
            Err(TryLockError::Error(error)) => return Err(unusable(&path)(error)),
        }
        Ok(lock)
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

impl Place<'_> {
    /// What the store has; a damaged file is as good as none.
    fn stored(&self, notice: &dyn Fn(&str)) -> Option<(Features, Origin)> {
        if !self.path.exists() {
            return None;
        }
        match Features::open(&self.path, self.key) {
            Ok(features) => Some((features, Origin::Stored)),
            Err(why) => {
                notice(&format!(
                    "features {} are damaged: {why}; computing them again",
                    self.path.display()
                ));
                None
            }
        }
    }
}

/// For `map_err`: the store cannot be used at that path.
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

    /// Another output of the same backbone, of which it is not known how wide it is.
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

    /// What is there, what was computed together, and what was noticed.
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
    fn the_embedding_keeps_the_digest_that_it_had_before_there_were_other_outputs() {
        const JSON: &str = r#"{"fingerprint":"f","plugin_hash":"p","device_kind":"cpu","dtype":"f32","image":{"height":8,"width":8,"resize":"stretch","filter":"bicubic"},"split_hash":"s","stamp":"t","rows":3,"width":2}"#;
        assert_eq!(key().digest(), blake3::hash(JSON.as_bytes()).to_hex()[..32]);
        assert_ne!(key().digest(), tokens().digest());
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
    fn outputs_are_computed_together_and_kept_apart() {
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
        // One that is missing is computed alone, whichever it is.
        for missing in &both {
            fs::remove_file(file_of(folder.path(), missing)).unwrap();
            let (found, computed, _) = open_all(&store, &both);
            assert_eq!(computed, [missing.output.as_str()]);
            assert_eq!(contents(&found), contents(&again));
        }
        // So is one that is damaged, here beyond what its key says of it.
        let path = file_of(folder.path(), &tokens());
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        let (found, computed, notices) = open_all(&store, &both);
        assert_eq!(computed, ["tokens"]);
        assert_eq!(contents(&found), contents(&again));
        let said = format!(
            "features {} are damaged: it should hold 36 bytes of data, but holds 32; computing them again",
            path.display()
        );
        assert_eq!(notices, [said]);
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
            let path = file_of(folder.path(), &key());
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
    fn of_many_that_want_the_same_one_computes() {
        let folder = tempfile::tempdir().unwrap();
        let store = FeatureStore::new(folder.path());
        let computed = [AtomicUsize::new(0), AtomicUsize::new(0)];
        // Some want both outputs, some one, in either order.
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
