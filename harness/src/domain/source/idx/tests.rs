use super::Idx;
use crate::domain::classes::{ClassEntry, Classes};
use crate::domain::collection::Domain;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use crate::domain::written::Folder;
use crate::id::Label;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

/// An IDX file: magic number, sizes, data.
fn idx(magic: u32, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let words = std::iter::once(&magic).chain(sizes);
    words
        .flat_map(|word| word.to_be_bytes())
        .chain(data.iter().copied())
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Three training images and two test images of 2×3 pixels, with the labels 0 1 1 and 1 0.
fn small() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let train: Vec<u8> = (0..18).collect();
    let test: Vec<u8> = (100..112).collect();
    write("train-images-idx3-ubyte", &idx(0x803, &[3, 2, 3], &train));
    write("train-labels-idx1-ubyte", &idx(0x801, &[3], &[0, 1, 1]));
    write("t10k-images-idx3-ubyte", &idx(0x803, &[2, 2, 3], &test));
    write("t10k-labels-idx1-ubyte", &idx(0x801, &[2], &[1, 0]));
    folder
}

fn open_named(folder: &Path, classes: Option<&[&str]>) -> Result<Domain, DomainError> {
    let entry = |&name: &&str| ClassEntry {
        name: name.to_owned(),
        key: None,
    };
    let source = Idx {
        path: Folder(folder.to_owned()),
        classes: classes.map(|names| Classes::Listed(names.iter().map(entry).collect())),
    };
    Domain::open(&source.into())
}

fn open(folder: &TempDir) -> Result<Domain, DomainError> {
    open_named(folder.path(), None)
}

fn message_of(folder: &TempDir, result: Result<Domain, DomainError>) -> String {
    let error = result.expect_err("a bad file is refused");
    error
        .to_string()
        .replace(folder.path().to_str().unwrap(), "DIR")
}

/// The message after one file of a good folder is replaced.
fn message(file: &str, bytes: &[u8]) -> String {
    let folder = small();
    fs::write(folder.path().join(file), bytes).unwrap();
    message_of(&folder, open(&folder))
}

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

#[test]
fn plain_and_gzipped_files_are_the_same_domain() {
    let (plain, gzipped) = (small(), small());
    for entry in fs::read_dir(gzipped.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(path.with_extension("gz"), gzip(&bytes)).unwrap();
    }
    // Gzipped in spite of its name: the content decides.
    let misnamed = gzipped.path().join(TEST_LABELS);
    fs::rename(misnamed.with_extension("gz"), misnamed).unwrap();

    let (plain, gzipped) = (open(&plain).unwrap(), open(&gzipped).unwrap());
    assert_eq!(plain.summary(), gzipped.summary());
    for (split, n) in [(Split::Train, 3), (Split::Test, 2)] {
        for index in 0..n {
            assert_eq!(
                plain.image(split, index).unwrap(),
                gzipped.image(split, index).unwrap()
            );
        }
    }
}

#[test]
fn images_keep_rows_columns_and_labels() {
    let domain = open(&small()).unwrap();
    assert_eq!(domain.classes(), ["0", "1"]);
    let labels = |split| {
        domain
            .samples(split)
            .iter()
            .map(|s| s.label.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (labels(Split::Train), labels(Split::Test)),
        (vec![0, 1, 1], vec![1, 0])
    );
    assert_eq!(domain.samples(Split::Test)[1].name, "test/1");

    // The second test image is 106 107 108 / 109 110 111.
    let image = domain.image(Split::Test, 1).unwrap();
    assert_eq!(image.dimensions(), (3, 2));
    assert_eq!(image.get_pixel(2, 0).0, [108; 3]);
    assert_eq!(image.get_pixel(0, 1).0, [109; 3]);
    assert_eq!(
        domain.image(Split::Train, 0).unwrap().get_pixel(0, 0).0,
        [0; 3]
    );
}

#[test]
fn class_names_are_given_by_label() {
    let folder = small();
    let domain = open_named(folder.path(), Some(&["boot", "coat"])).unwrap();
    assert_eq!(
        domain.classes()[domain.samples(Split::Train)[2].label.index()],
        "coat"
    );
    assert_ne!(domain.split_hash(), open(&folder).unwrap().split_hash());

    let message = |names: &[&str]| message_of(&folder, open_named(folder.path(), Some(names)));
    assert_eq!(
        message(&["boot"]),
        "DIR/train-labels-idx1-ubyte: label 1 at index 1 is out of range: labels must be 0 to 0 (number of classes: 1); \
         list every class, or fix the label"
    );
    assert_eq!(
        message(&["boot", "coat", "shirt"]),
        "DIR/train-labels-idx1-ubyte: class `shirt` has no train samples; add some, or remove the class"
    );
    assert_eq!(
        message(&["boot", "boot"]),
        "DIR/train-labels-idx1-ubyte: class name `boot` is used twice; give every class one unique name"
    );
    assert_eq!(
        message(&[]),
        "DIR/train-labels-idx1-ubyte: the list of class names is empty; give every class one unique name"
    );
}

#[test]
fn the_message_about_a_missing_file_names_both_forms() {
    let folder = small();
    fs::remove_file(folder.path().join(TEST_LABELS)).unwrap();
    assert_eq!(
        message_of(&folder, open(&folder)),
        "DIR: neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz found; an IDX domain needs the images and \
         labels of both splits"
    );
}

#[test]
fn a_wrong_magic_number_says_what_the_file_is_instead() {
    assert_eq!(
        message(TRAIN_IMAGES, &idx(0x801, &[3], &[0, 1, 1])),
        "DIR/train-images-idx3-ubyte: begins with 0x00000801 (IDX labels), but IDX images begin with \
         0x00000803; use the right file"
    );
    assert_eq!(
        message(TRAIN_LABELS, b"<!DOCTYPE html>"),
        "DIR/train-labels-idx1-ubyte: begins with 0x3c21444f, but IDX labels begin with 0x00000801; use the \
         right file"
    );
}

#[test]
fn a_file_of_the_wrong_length_is_refused() {
    let file = idx(0x803, &[3, 2, 3], &[0; 18]);
    assert_eq!(
        message(TRAIN_IMAGES, &file[..33]),
        "DIR/train-images-idx3-ubyte: its header (3 images of 2×3) requires 34 bytes, but it has 33: it is truncated; \
         copy it again"
    );
    assert_eq!(
        message(TRAIN_IMAGES, &[&file[..], &[0]].concat()),
        "DIR/train-images-idx3-ubyte: its header (3 images of 2×3) requires 34 bytes, but it has more: there is extra data \
         at the end; copy it again"
    );
    assert_eq!(
        message(TRAIN_IMAGES, &file[..6]),
        "DIR/train-images-idx3-ubyte: its header (IDX images) requires 16 bytes, but it has 6: it is \
         truncated; copy it again"
    );
    // Sizes whose product overflows.
    assert!(message(TRAIN_IMAGES, &idx(0x803, &[u32::MAX; 3], &[])).contains("it is truncated"),);
    assert_eq!(
        message(TRAIN_IMAGES, &idx(0x803, &[0, 28, 28], &[])),
        "DIR/train-images-idx3-ubyte: its header (0 images of 28×28) declares no pixels; use a file with images"
    );
    assert_eq!(
        message(TRAIN_IMAGES, &[]),
        "DIR/train-images-idx3-ubyte: the file is empty; copy it again, or delete it"
    );
    let packed = gzip(&file);
    let message = message(TRAIN_IMAGES, &packed[..packed.len() / 2]);
    assert!(
        message.starts_with("DIR/train-images-idx3-ubyte: damaged gzip data ("),
        "{message}"
    );
}

#[test]
fn no_more_is_unpacked_than_the_header_declares() {
    // Sixty-four megabytes of zeros in sixty-four kilobytes.
    let file = idx(0x803, &[3, 2, 3], &vec![0; 64 << 20]);
    assert_eq!(
        message(TRAIN_IMAGES, &gzip(&file)),
        "DIR/train-images-idx3-ubyte: its header (3 images of 2×3) requires 34 bytes, but it has more: there is extra data \
         at the end; copy it again"
    );
    let file = idx(0x803, &[u32::MAX, 28, 28], &[0; 64]);
    assert_eq!(
        message(TRAIN_IMAGES, &gzip(&file)),
        "DIR/train-images-idx3-ubyte: its header requires 3367254359296 bytes, and at most 4294967296 are held in \
         memory; use a source that reads single files"
    );
    // A gzip file may have several members, one after another.
    let folder = small();
    let labels = fs::read(folder.path().join(TRAIN_LABELS)).unwrap();
    let members = [gzip(&labels[..5]), gzip(&labels[5..])].concat();
    fs::write(folder.path().join(TRAIN_LABELS), &members).unwrap();
    assert_eq!(open(&folder).unwrap().samples(Split::Train).len(), 3);
    // The checksum at the end is compared.
    let mut damaged = gzip(&labels);
    let at = damaged.len() - 8;
    damaged[at] ^= 1;
    fs::write(folder.path().join(TRAIN_LABELS), damaged).unwrap();
    let message = message_of(&folder, open(&folder));
    assert!(message.contains("damaged gzip data"), "{message}");
}

#[test]
fn a_fifo_is_refused_instead_of_waited_for() {
    let folder = small();
    let path = folder.path().join(TRAIN_LABELS);
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    assert_eq!(
        message_of(&folder, open(&folder)),
        "DIR/train-labels-idx1-ubyte: cannot be read: not a regular file (it is a FIFO)"
    );
}

#[test]
fn labels_and_images_belong_together() {
    assert_eq!(
        message(TRAIN_LABELS, &idx(0x801, &[2], &[0, 1])),
        "DIR/train-labels-idx1-ubyte: 2 labels, but DIR/train-images-idx3-ubyte has 3 images; use files that belong \
         together"
    );
    assert_eq!(
        message(TEST_LABELS, &idx(0x801, &[2], &[0, 0])),
        "DIR/t10k-labels-idx1-ubyte: class `1` has no test samples; add some, or remove the class"
    );
    assert_eq!(
        message(TEST_LABELS, &idx(0x801, &[2], &[0, 2])),
        "DIR/train-labels-idx1-ubyte: class `2` has no train samples; add some, or remove the class"
    );
}

/// The real data, as Debian's package `dataset-fashion-mnist` installs it.
#[test]
fn fashion_mnist_opens_whole() {
    let folder = Path::new("/usr/share/datasets/fashion-mnist");
    if !folder.is_dir() {
        let missing = "the Debian package dataset-fashion-mnist is not installed";
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        // Directly to stderr, since the test harness captures what `eprintln!` prints.
        writeln!(std::io::stderr(), "SKIPPED {missing}").unwrap();
        return;
    }
    let domain = open_named(folder, None).unwrap();
    let summary = domain.summary();
    assert_eq!(
        (summary.n_train, summary.n_test, summary.classes.len()),
        (60_000, 10_000, 10)
    );
    for (split, n) in [(Split::Train, 6000), (Split::Test, 1000)] {
        for label in 0..10 {
            let of_class = |sample: &&crate::domain::Sample| sample.label == Label(label);
            assert_eq!(domain.samples(split).iter().filter(of_class).count(), n);
        }
    }
    // The first sample of each split is an ankle boot; the last images can be read.
    assert_eq!(domain.samples(Split::Train)[0].label, Label(9));
    assert_eq!(domain.samples(Split::Test)[0].label, Label(9));
    assert_eq!(
        domain.image(Split::Train, 59_999).unwrap().dimensions(),
        (28, 28)
    );
    assert_eq!(
        domain.image(Split::Test, 9_999).unwrap().dimensions(),
        (28, 28)
    );
    assert_eq!(
        summary.split_hash.as_str(),
        "fe709d154eaeade3fcf56aabeb7792143b9ef1992192a43d11ed5bfb00ae9143"
    );
}
