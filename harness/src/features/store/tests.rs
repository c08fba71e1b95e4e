use super::super::{EMBEDDING, RowWriter};
use super::*;
use crate::domain::SampleDigest;
use harness_abi::backbone::{Filter, ImageInfo, Resize};
use std::cell::{Cell, RefCell};
use std::ops::Range;
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
        content: String::new(),
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

fn block(key: &FeatureKey, rows: Range<usize>) -> Block {
    let (width, all) = match key.output.as_str() {
        EMBEDDING => (2, &ROWS[..]),
        _ => (3, &TOKENS[..]),
    };
    let values = all[rows.start * width..rows.end * width].to_vec();
    Block { width, values }
}

/// Images, and what was done with them.
struct Images {
    content: ContentDigest,
    /// Whether the content is known without reading the images.
    known: Cell<bool>,
    /// Whether computing fails after the first rows.
    fails: bool,
    /// How often the images were read only for their content.
    hashed: Cell<usize>,
    /// The outputs that were computed.
    computed: RefCell<Vec<String>>,
    notices: RefCell<Vec<String>>,
}

impl Images {
    fn new(content: &[u8]) -> Images {
        Images {
            content: ContentDigest::of(&[SampleDigest::of(content)]),
            known: Cell::new(false),
            fails: false,
            hashed: Cell::new(0),
            computed: RefCell::default(),
            notices: RefCell::default(),
        }
    }

    fn known(content: &[u8]) -> Images {
        let images = Images::new(content);
        images.known.set(true);
        images
    }
}

impl FeatureMaker for Images {
    type Error = io::Error;

    fn content(&self, others: &dyn Fn() -> bool) -> io::Result<Option<ContentDigest>> {
        if others() && !self.known.replace(true) {
            self.hashed.set(self.hashed.get() + 1);
        }
        Ok(self.known.get().then(|| self.content.clone()))
    }

    fn compute(&self, missing: &[FeatureWriter]) -> io::Result<ContentDigest> {
        let outputs = missing.iter().map(|writer| writer.key().output.clone());
        self.computed.borrow_mut().extend(outputs);
        // The last row first, as if another process had been faster.
        for rows in [2..3, 0..2] {
            for writer in missing {
                let mut writing = RowWriter::open(writer.path(), rows.start)?;
                for row in rows.clone() {
                    writing.push(&block(writer.key(), row..row + 1))?;
                }
                writing.flush()?;
            }
            if self.fails {
                return Err(io::Error::other("no"));
            }
        }
        self.known.set(true);
        Ok(self.content.clone())
    }

    fn notice(&self, line: &str) {
        self.notices.borrow_mut().push(line.to_owned());
    }
}

fn open_all(store: &FeatureStore, keys: &[FeatureKey], images: &Images) -> Vec<(Features, Origin)> {
    store.open_or_compute(keys, images).unwrap()
}

fn open(store: &FeatureStore, key: &FeatureKey, images: &Images) -> (Features, Origin) {
    open_all(store, std::slice::from_ref(key), images).remove(0)
}

fn file_of(folder: &Path, key: &FeatureKey, images: &Images) -> PathBuf {
    folder.join(key.of_content(&images.content).file_name())
}

#[test]
fn features_are_computed_once_and_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = FeatureStore::new(folder.path().join("features"));
    let images = Images::new(b"a");
    let (features, origin) = open(&store, &key(), &images);
    assert_eq!((features.data(), origin), (&ROWS[..], Origin::Computed));
    let (features, origin) = open(&store, &key(), &images);
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
    assert_eq!(open(&store, &other, &images).1, Origin::Computed);
}

/// Images are read once if nothing can be theirs, and for their content alone if something can.
#[test]
fn features_belong_to_images_not_to_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = FeatureStore::new(folder.path());
    let first = Images::new(b"a");
    assert_eq!(open(&store, &key(), &first).1, Origin::Computed);
    assert_eq!(first.hashed.get(), 0, "they were read for the features");
    let copy = Images::new(b"a");
    assert_eq!(open(&store, &key(), &copy).1, Origin::Stored);
    assert_eq!(copy.hashed.get(), 1);
    let changed = Images::new(b"b");
    assert_eq!(open(&store, &key(), &changed).1, Origin::Computed);
    assert_eq!(changed.hashed.get(), 1);
    for images in [first, copy, changed] {
        assert_eq!(open(&store, &key(), &images).1, Origin::Stored);
    }
}

#[test]
fn outputs_are_computed_together_and_stored_separately() {
    let folder = tempfile::tempdir().unwrap();
    let store = FeatureStore::new(folder.path());
    let both = [key(), tokens()];
    let contents = |found: &[(Features, Origin)]| {
        let of = |(features, _): &(Features, Origin)| (features.width(), features.data().to_vec());
        found.iter().map(of).collect::<Vec<_>>()
    };
    let computed = |images: &Images| images.computed.take();
    let images = Images::known(b"a");
    let found = open_all(&store, &both, &images);
    assert_eq!(computed(&images), [EMBEDDING, "tokens"], "in one call");
    assert_eq!(contents(&found), [(2, ROWS.to_vec()), (3, TOKENS.to_vec())]);
    let again = open_all(&store, &both, &images);
    assert_eq!(computed(&images), [""; 0]);
    assert_eq!(contents(&again), contents(&found));
    // If only one is missing, only that one is computed.
    for missing in &both {
        fs::remove_file(file_of(folder.path(), missing, &images)).unwrap();
        let found = open_all(&store, &both, &images);
        assert_eq!(computed(&images), [missing.output.as_str()]);
        assert_eq!(contents(&found), contents(&again));
    }
    // The same goes for a damaged one.
    let path = file_of(folder.path(), &tokens(), &images);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    let found = open_all(&store, &both, &images);
    assert_eq!(computed(&images), ["tokens"]);
    assert_eq!(contents(&found), contents(&again));
    let said = format!(
        "feature file {} is damaged: it should have 36 bytes of data, but has 32; recomputing it",
        path.display()
    );
    assert_eq!(images.notices.take(), [said]);
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
        let images = Images::known(b"a");
        open(&store, &key(), &images);
        let path = file_of(folder.path(), &key(), &images);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let (features, origin) = open(&store, &key(), &images);
        assert_eq!((features.data(), origin), (&ROWS[..], Origin::Computed));
        assert_eq!(
            images.notices.take(),
            [format!(
                "feature file {} is damaged: {why}; recomputing it",
                path.display()
            )]
        );
    }
}

#[test]
fn a_failed_computation_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = FeatureStore::new(folder.path());
    let images = Images {
        fails: true,
        ..Images::new(b"a")
    };
    let result = store.open_or_compute(&[key(), tokens()], &images);
    assert!(matches!(result, Err(FeatureError::Compute(_))));
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn whoever_waits_can_stop() {
    let folder = tempfile::tempdir().unwrap();
    let claims = Claims::new(folder.path());
    let _other = claims.attempt(&key().family()).unwrap();
    let store = FeatureStore::new(folder.path()).until(|| true);
    let images = Images::known(b"a");
    let result = store.open_or_compute(&[key()], &images);
    assert!(matches!(result, Err(FeatureError::Stopped)));
    assert_eq!(
        images.computed.take(),
        [""; 0],
        "another process computes it"
    );
}

/// Whether the content is known or not.
#[test]
fn concurrent_requests_compute_each_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = FeatureStore::new(folder.path());
    let computed = AtomicUsize::new(0);
    // Some need both outputs, some only one, in either order.
    let wanted = [
        vec![key(), tokens()],
        vec![tokens(), key()],
        vec![key()],
        vec![tokens()],
    ];
    let (store, count) = (&store, &computed);
    std::thread::scope(|scope| {
        for (number, keys) in wanted.iter().cycle().take(16).enumerate() {
            scope.spawn(move || {
                let images = match number % 3 {
                    0 => Images::known(b"a"),
                    _ => Images::new(b"a"),
                };
                let found = open_all(store, keys, &images);
                for ((features, _), key) in found.iter().zip(keys) {
                    assert_eq!(features.data(), block(key, 0..3).values);
                }
                count.fetch_add(images.computed.take().len(), Ordering::SeqCst);
            });
        }
    });
    assert_eq!(computed.into_inner(), 2);
}
