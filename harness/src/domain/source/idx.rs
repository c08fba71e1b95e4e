//! IDX files, the format of MNIST and its successors: a magic number, the sizes, then the bytes.
//!
//! Files may be plain or gzipped; their first bytes decide, not their names. Both splits are held
//! in memory, one byte per pixel: the 70,000 images of Fashion-MNIST take 55 MB.

use super::images::{SourceImage, SourceImages, SourceStore};
use super::kind::{SourceKind, values};
use crate::domain::classes::list::ClassList;
use crate::domain::classes::tag::Tag;
use crate::domain::classes::{ClassEntry, Classes};
use crate::domain::contents::{Contents, ImageStore};
use crate::domain::error::DomainError;
use crate::domain::sample::{Sample, Split};
use crate::domain::written::{Folder, KeyValue};
use crate::id::Label;
use crate::regular_file;
use flate2::read::MultiGzDecoder;
use image::{Rgb, RgbImage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Magic number of a file of images: unsigned bytes in three dimensions.
const IMAGES: u32 = 0x0000_0803;
/// Magic number of a file of labels: unsigned bytes in one dimension.
const LABELS: u32 = 0x0000_0801;
/// MNIST's file names: train images, train labels, test images, test labels.
const FILE_NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// The most bytes of one file, unpacked: several times the largest that is published.
const LARGEST: u64 = 4 << 30;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The four files of an IDX data set such as MNIST, plain or gzipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Idx {
    /// The folder with the four files, relative to the scenario file; `~` is your home directory.
    pub(crate) path: Folder,
    pub(crate) classes: Option<Classes>,
}

impl SourceKind for Idx {
    const NAME: &'static str = "idx";
    const SUMMARY: &'static str =
        "the four files of MNIST or Fashion-MNIST, plain or gzipped; `path`, `classes`";

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: path, classes)
    }

    fn root(&self) -> Option<&Path> {
        Some(self.path.path())
    }

    fn open(&self) -> Result<Contents, DomainError> {
        let classes = self.classes.as_ref().map(Classes::entries).transpose()?;
        contents(&IdxFiles::in_folder(self.path.path())?, classes.as_deref())
    }
}

/// The files of a domain in MNIST's format.
struct IdxFiles {
    train_images: PathBuf,
    train_labels: PathBuf,
    test_images: PathBuf,
    test_labels: PathBuf,
}

impl IdxFiles {
    /// The four files of a folder under MNIST's names, each without or, failing that, with `.gz`.
    fn in_folder(folder: &Path) -> Result<Self, DomainError> {
        if !folder.is_dir() {
            return Err(DomainError::NoFolder {
                path: folder.to_owned(),
            });
        }
        let [train_images, train_labels, test_images, test_labels] = FILE_NAMES;
        Ok(Self {
            train_images: plain_or_gzipped(folder, train_images)?,
            train_labels: plain_or_gzipped(folder, train_labels)?,
            test_images: plain_or_gzipped(folder, test_images)?,
            test_labels: plain_or_gzipped(folder, test_labels)?,
        })
    }
}

fn plain_or_gzipped(folder: &Path, name: &str) -> Result<PathBuf, DomainError> {
    [name.to_owned(), format!("{name}.gz")]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists())
        .ok_or_else(|| {
            let problem = format!("neither {name} nor {name}.gz found");
            bad(
                folder,
                problem,
                "an IDX domain needs the images and labels of both splits",
            )
        })
}

fn bad(path: &Path, problem: String, fix: &str) -> DomainError {
    DomainError::Format {
        place: path.display().to_string(),
        problem,
        fix: fix.to_owned(),
    }
}

/// Train images, then test images.
struct Images {
    train: Pixels,
    test: Pixels,
}

/// The images of one file.
struct Pixels {
    /// The file, unpacked.
    bytes: Vec<u8>,
    n: usize,
    height: u32,
    width: u32,
}

/// Both splits as read, with a label for each image.
struct Labelled {
    images: Images,
    train: Vec<u8>,
    test: Vec<u8>,
}

impl IdxFiles {
    fn read(&self) -> Result<Labelled, DomainError> {
        let images = Images {
            train: Pixels::read(&self.train_images)?,
            test: Pixels::read(&self.test_images)?,
        };
        let train = read_labels(&self.train_labels)?;
        let test = read_labels(&self.test_labels)?;
        check_counts(
            &self.train_images,
            &images.train,
            &self.train_labels,
            &train,
        )?;
        check_counts(&self.test_images, &images.test, &self.test_labels, &test)?;
        Ok(Labelled {
            images,
            train,
            test,
        })
    }
}

/// The images of a folder with the four files; an image's class is its number.
pub(super) fn images(folder: &Path) -> Result<SourceImages, DomainError> {
    let Labelled {
        images: store,
        train,
        test,
    } = IdxFiles::in_folder(folder)?.read()?;
    let highest = train.iter().chain(&test).max().copied().unwrap_or(0);
    let of_split = |split: Split, labels: Vec<u8>| {
        let image = move |(index, label): (usize, u8)| SourceImage {
            name: format!("{split}/{index}"),
            tag: Some(Tag::number(label.into())),
            split: Some(split),
        };
        labels.into_iter().enumerate().map(image)
    };
    let images = of_split(Split::Train, train).chain(of_split(Split::Test, test));
    Ok(SourceImages {
        path: folder.to_owned(),
        images: images.collect(),
        declared: Some((0..=highest.into()).map(Tag::number).collect()),
        store: Box::new(store),
    })
}

fn contents(files: &IdxFiles, classes: Option<&[ClassEntry]>) -> Result<Contents, DomainError> {
    let Labelled {
        images,
        train: train_labels,
        test: test_labels,
    } = files.read()?;
    let classes = match classes {
        Some(entries) => checked(&files.train_labels, entries)?,
        None => {
            let highest = train_labels
                .iter()
                .chain(&test_labels)
                .max()
                .copied()
                .unwrap_or(0);
            let entries: Vec<ClassEntry> = (0..=highest)
                .map(|label| ClassEntry {
                    name: label.to_string(),
                    key: None,
                })
                .collect();
            ClassList::new(&entries)
        }
    };
    let train_labels = looked_up(Split::Train, &files.train_labels, &train_labels, &classes)?;
    let test_labels = looked_up(Split::Test, &files.test_labels, &test_labels, &classes)?;
    let samples = |split: Split, labels: Vec<Label>, first: usize| -> Vec<Sample> {
        let labels = labels.into_iter().enumerate();
        let sample = |(index, label): (usize, Label)| Sample {
            name: format!("{split}/{index}"),
            label,
            image: first + index,
        };
        labels.map(sample).collect()
    };
    Ok(Contents {
        train: samples(Split::Train, train_labels, 0),
        test: samples(Split::Test, test_labels, images.train.n),
        val: Ok(Vec::new()),
        classes: classes.into_names(),
        images: Box::new(images),
    })
}

impl ImageStore for Images {
    /// The image's row of the unpacked file, after its height and width.
    fn encoded(&self, number: usize) -> Result<Cow<'_, [u8]>, DomainError> {
        let (pixels, grey) = self.row(number);
        let size = [pixels.height.to_be_bytes(), pixels.width.to_be_bytes()];
        Ok(Cow::Owned([size.as_flattened(), grey].concat()))
    }

    fn decode(&self, number: usize, encoded: &[u8]) -> Result<RgbImage, DomainError> {
        let (pixels, _) = self.row(number);
        let grey = &encoded[2 * size_of::<u32>()..];
        let at = |x, y| grey[y as usize * pixels.width as usize + x as usize];
        let rgb = |x, y| Rgb([at(x, y); 3]);
        Ok(RgbImage::from_fn(pixels.width, pixels.height, rgb))
    }

    fn file(&self, _number: usize) -> Option<(&Path, u32)> {
        None
    }
}

impl SourceStore for Images {
    fn place(&self, number: usize) -> String {
        match number.checked_sub(self.train.n) {
            None => format!("train image {number}"),
            Some(number) => format!("test image {number}"),
        }
    }

    /// The files were checked as a whole.
    fn check(&self, _number: usize) -> Result<(), DomainError> {
        Ok(())
    }
}

impl Images {
    /// The file of an image, and its pixels there.
    fn row(&self, number: usize) -> (&Pixels, &[u8]) {
        match number.checked_sub(self.train.n) {
            None => (&self.train, self.train.row(number)),
            Some(number) => (&self.test, self.test.row(number)),
        }
    }
}

impl Pixels {
    const HEADER: usize = 16;

    fn read(path: &Path) -> Result<Self, DomainError> {
        let mut sizes = [0; 3];
        let mut wanted = 0;
        let bytes = read_unpacked(path, Self::HEADER, |bytes| {
            sizes = header(path, bytes, IMAGES, "IDX images")?;
            // Impossibly large sizes saturate, and the file is then reported as truncated.
            wanted = sizes
                .iter()
                .fold(1_u64, |product, &size| product.saturating_mul(size.into()))
                .saturating_add(Self::HEADER as u64);
            Ok(wanted)
        })?;
        let [n, height, width] = sizes;
        let header = format!("{n} images of {height}×{width}");
        if n == 0 || height == 0 || width == 0 {
            let problem = format!("its header ({header}) declares no pixels");
            return Err(bad(path, problem, "use a file with images"));
        }
        check_length(path, &bytes, &header, wanted)?;
        Ok(Self {
            bytes,
            n: n as usize,
            height,
            width,
        })
    }

    fn row(&self, number: usize) -> &[u8] {
        let size = self.height as usize * self.width as usize;
        &self.bytes[Self::HEADER + number * size..][..size]
    }
}

fn read_labels(path: &Path) -> Result<Vec<u8>, DomainError> {
    const HEADER: usize = 8;
    let mut n = 0;
    let mut bytes = read_unpacked(path, HEADER, |bytes| {
        [n] = header(path, bytes, LABELS, "IDX labels")?;
        Ok(u64::from(n) + HEADER as u64)
    })?;
    let wanted = u64::from(n) + HEADER as u64;
    check_length(path, &bytes, &format!("{n} labels"), wanted)?;
    bytes.drain(..HEADER);
    Ok(bytes)
}

/// Checks the magic number and reads the sizes after it.
fn header<const SIZES: usize>(
    path: &Path,
    bytes: &[u8],
    magic: u32,
    wanted: &'static str,
) -> Result<[u32; SIZES], DomainError> {
    let mut words = bytes
        .chunks_exact(4)
        .map(|word| u32::from_be_bytes(word.try_into().expect("a word has four bytes")));
    let cut_short = || {
        let header_length = 4 * (1 + SIZES as u64);
        wrong_length(path, wanted, header_length, bytes.len() as u64)
    };
    let found = words.next().ok_or_else(cut_short)?;
    if found != magic {
        let known = known_magic(found);
        let problem =
            format!("begins with {found:#010x}{known}, but {wanted} begin with {magic:#010x}");
        return Err(bad(path, problem, "use the right file"));
    }
    let mut sizes = [0; SIZES];
    for size in &mut sizes {
        *size = words.next().ok_or_else(cut_short)?;
    }
    Ok(sizes)
}

fn check_length(path: &Path, bytes: &[u8], header: &str, wanted: u64) -> Result<(), DomainError> {
    let found = bytes.len() as u64;
    if found == wanted {
        Ok(())
    } else {
        Err(wrong_length(path, header, wanted, found))
    }
}

/// The error about a file that is shorter or longer than its header declares. How much longer is
/// not known, since the rest is not read.
fn wrong_length(path: &Path, header: &str, wanted: u64, found: u64) -> DomainError {
    let how = match found < wanted {
        true => format!("has {found}: it is truncated"),
        false => "has more: there is extra data at the end".to_owned(),
    };
    let problem = format!("its header ({header}) requires {wanted} bytes, but it {how}");
    bad(path, problem, "copy it again")
}

/// What a wrong magic number reveals about the file.
fn known_magic(magic: u32) -> &'static str {
    match magic {
        IMAGES => " (IDX images)",
        LABELS => " (IDX labels)",
        0x504b_0304 => " (a zip archive)",
        0x8950_4e47 => " (a PNG image)",
        _ => "",
    }
}

fn check_counts(
    images_path: &Path,
    images: &Pixels,
    labels_path: &Path,
    labels: &[u8],
) -> Result<(), DomainError> {
    if images.n == labels.len() {
        return Ok(());
    }
    let (images, labels) = (images.n, labels.len());
    let images_path = images_path.display();
    let problem = format!("{labels} labels, but {images_path} has {images} images");
    Err(bad(labels_path, problem, "use files that belong together"))
}

fn checked(path: &Path, entries: &[ClassEntry]) -> Result<ClassList, DomainError> {
    let bad = |problem| {
        Err(DomainError::ClassNames {
            path: path.to_owned(),
            problem,
        })
    };
    if entries.is_empty() {
        return bad("the list of class names is empty".to_owned());
    }
    for (at, ClassEntry { name, .. }) in entries.iter().enumerate() {
        if entries[..at].iter().any(|other| other.name == *name) {
            return bad(format!("class name `{name}` is used twice"));
        }
    }
    Ok(ClassList::new(entries))
}

/// The classes of a file of labels. Every label must have a class, and every class a label.
fn looked_up(
    split: Split,
    path: &Path,
    labels: &[u8],
    classes: &ClassList,
) -> Result<Vec<Label>, DomainError> {
    let names = classes.names();
    let mut has_samples = vec![false; names.len()];
    let mut found = Vec::with_capacity(labels.len());
    for (index, &label) in labels.iter().enumerate() {
        let tag = Tag::number(label.into());
        let Some(class) = classes.find(&tag) else {
            if !classes.by_place() {
                return Err(classes.unknown(format!("{}: index {index}", path.display()), &tag));
            }
            let (path, label) = (path.to_owned(), label.into());
            return Err(DomainError::LabelOutOfRange {
                path,
                index,
                label,
                classes: names.len(),
            });
        };
        has_samples[class.index()] = true;
        found.push(class);
    }
    match has_samples.iter().position(|has_samples| !has_samples) {
        None => Ok(found),
        Some(label) => {
            let (path, class) = (path.to_owned(), names[label].clone());
            Err(DomainError::ClassWithoutSamples { path, class, split })
        }
    }
}

/// The bytes of a file, unpacked if it is gzipped. A small file can be unpacked without end, so no
/// more is read than what the header declares; `declared` gives that number of bytes, if `header`
/// bytes are enough to tell.
fn read_unpacked(
    path: &Path,
    header: usize,
    declared: impl FnOnce(&[u8]) -> Result<u64, DomainError>,
) -> Result<Vec<u8>, DomainError> {
    let unreadable = |cause| DomainError::Unreadable {
        path: path.to_owned(),
        cause,
    };
    let file = regular_file::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mut file = BufReader::new(file);
    let begin = file.fill_buf().map_err(unreadable)?;
    if begin.is_empty() {
        return Err(DomainError::EmptyFile {
            path: path.to_owned(),
        });
    }
    let packed = begin.starts_with(&GZIP_MAGIC);
    let mut content: Box<dyn Read> = match packed {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    let failed = |cause| match packed {
        true => bad(
            path,
            format!("damaged gzip data ({cause})"),
            "copy it again",
        ),
        false => unreadable(cause),
    };
    let mut bytes = Vec::new();
    let mut read = |most: u64, bytes: &mut Vec<u8>| {
        let part = content.by_ref().take(most).read_to_end(bytes);
        part.map(drop).map_err(failed)
    };
    read(header as u64, &mut bytes)?;
    let declared = declared(&bytes)?;
    if declared > LARGEST && (packed || metadata.len() > LARGEST) {
        let problem = format!(
            "its header requires {declared} bytes, and at most {LARGEST} are held in memory"
        );
        return Err(bad(path, problem, "use a source that reads single files"));
    }
    // One more tells whether there is more, and makes the decoder compare the checksum.
    read(
        declared
            .saturating_sub(bytes.len() as u64)
            .saturating_add(1),
        &mut bytes,
    )?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
