//! A bank of images: each image of a copy under its portable name, with what the copy itself says of it.
//!
//! What a copy says (class, split) is all there is to a domain without a list; under a list it serves as a check. One
//! file per layout turns what lies on disk into [`BankImage`]s and a store that decodes them on demand; nothing here
//! holds the images of a copy in memory.

mod cars;
mod cub;
mod files;
mod image_folder;
mod isic;
mod mat;
mod parquet;
mod shards;
pub(super) mod table;
mod webdataset;

use super::classes::Tag;
use super::collection::{ImageStore, Split};
use super::error::DomainError;
use super::hash::StampBuilder;
use super::layout::{ImageCopy, Layout};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

pub(super) use files::{has_image_ending, without_image_ending};

/// All images of a copy.
pub(super) struct Bank {
    /// What a message about the copy as a whole names.
    pub(super) path: PathBuf,
    /// In the copy's own order.
    pub(super) images: Vec<BankImage>,
    /// The classes that the copy says there are, with or without samples.
    pub(super) declared: Option<Vec<Tag>>,
    /// Decodes them, by index into `images`.
    pub(super) store: Box<dyn BankStore>,
    /// The files that were read to get here.
    pub(super) stamp: StampBuilder,
}

/// An image of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BankImage {
    /// Its path below the copy's root or inside its archive, with `/` on every system.
    pub(super) name: String,
    /// Its class as the copy calls it.
    pub(super) tag: Option<Tag>,
    /// Its split, where the copy has splits.
    pub(super) split: Option<Split>,
}

/// Where a copy keeps its images.
pub(super) trait BankStore: ImageStore {
    /// Where the image with this number is, for a message.
    fn place(&self, number: usize) -> String;

    /// Looks at what can be looked at without decoding, and notes the file if the image is one.
    fn check(
        &self,
        number: usize,
        image: &BankImage,
        stamp: &mut StampBuilder,
    ) -> Result<(), DomainError>;
}

/// Opens a copy. With a list over it, what the copy says of splits need not be complete.
pub(super) fn open(copy: &ImageCopy) -> Result<Bank, DomainError> {
    let listed = copy.split.is_some();
    match &copy.layout {
        Layout::ImageFolder { path } if !listed => image_folder::open(path),
        Layout::ImageFolder { path } => files::open(path, true),
        Layout::FileList { path } => files::open(path, false),
        Layout::Parquet { shards, columns } => parquet::open(shards, columns, listed),
        Layout::Webdataset { shards, columns } => webdataset::open(shards, columns, listed),
        Layout::Cub { path } => cub::open(path),
        Layout::Cars { path } => cars::open(path),
        Layout::Isic { path, labels } => isic::open(path, labels.as_ref()),
    }
}

/// Reads a text file whole.
fn read_text(path: &Path, stamp: &mut StampBuilder) -> Result<String, DomainError> {
    let bytes = read(path, stamp)?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        DomainError::Format {
            place: format!("{}: line {}", path.display(), line + 1),
            problem: "this is not UTF-8 text".to_owned(),
            mend: "save the file as UTF-8".to_owned(),
        }
    })
}

/// Reads a file whole.
fn read(path: &Path, stamp: &mut StampBuilder) -> Result<Vec<u8>, DomainError> {
    note(path, stamp)?;
    let bytes = fs::read(path).map_err(unreadable(path))?;
    if bytes.is_empty() {
        return Err(DomainError::EmptyFile {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

/// Notes a file in the stamp. Where it lies is no part of that: moved files are the same files.
pub(super) fn note(path: &Path, stamp: &mut StampBuilder) -> Result<Metadata, DomainError> {
    let metadata = fs::metadata(path).map_err(unreadable(path))?;
    stamp.file("", &metadata);
    Ok(metadata)
}

/// For `map_err`: the system does not let us read that file.
pub(super) fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> DomainError {
    let path = path.to_owned();
    move |cause| DomainError::Unreadable {
        path: path.clone(),
        cause,
    }
}
