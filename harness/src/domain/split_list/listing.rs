//! A split list as read, in any format.

use super::entry::{Entry, ListFile};
use super::form::{SplitFile, SplitList, ValidationPart};
use super::{coop, csv, pairs};
use crate::domain::error::DomainError;
use crate::domain::file::{note, unreadable};
use crate::domain::hash::StampBuilder;
use crate::domain::sample::Split;
use crate::domain::written::FilePerSplit;
use crate::regular_file::{self, LARGEST_LIST};
use std::path::{Path, PathBuf};

/// A list in its own order: the train split (followed by the validation part, if it is used), then
/// the test split.
pub(crate) struct Listing {
    /// The file to name in messages about the whole list.
    pub(crate) file: PathBuf,
    pub(crate) entries: Vec<Entry>,
}

impl Listing {
    pub(crate) fn read(list: &SplitList, stamp: &mut StampBuilder) -> Result<Self, DomainError> {
        let (file, entries) = match list {
            SplitList::One(SplitFile { file, val }) => {
                (file, read_both(file, val.unwrap_or_default(), stamp)?)
            }
            SplitList::PerSplit(FilePerSplit { train, test }) => {
                let mut entries = read_split(train, Split::Train, stamp)?;
                entries.extend(read_split(test, Split::Test, stamp)?);
                (train, entries)
            }
        };
        if let Some(entry) = entries.iter().find(|entry| entry.name.is_empty()) {
            return Err(DomainError::Format {
                place: entry.place(),
                problem: "the file name is empty".to_owned(),
                fix: "write the image's file name".to_owned(),
            });
        }
        let file = file.clone();
        Ok(Self { file, entries })
    }
}

/// Reads a file with both splits.
fn read_both(
    path: &Path,
    val: ValidationPart,
    stamp: &mut StampBuilder,
) -> Result<Vec<Entry>, DomainError> {
    let file = ListFile::new(path);
    match file.ending().as_str() {
        "json" => coop::read(&file, &read(path, stamp)?, val),
        "csv" => csv::read(&file, val, stamp),
        "yaml" | "yml" => Err(file.bad(
            "a YAML split list holds only one split".to_owned(),
            "write `split: {train: …, test: …}` with one file for each",
        )),
        _ => Err(file.unknown()),
    }
}

/// Reads a file with one split.
fn read_split(
    path: &Path,
    split: Split,
    stamp: &mut StampBuilder,
) -> Result<Vec<Entry>, DomainError> {
    let file = ListFile::new(path);
    match file.ending().as_str() {
        "yaml" | "yml" => pairs::read_yaml(&file, &read(path, stamp)?, split),
        "json" => pairs::read_json(&file, &read(path, stamp)?, split),
        "csv" => csv::read_split(&file, split, stamp),
        _ => Err(file.unknown()),
    }
}

fn read(file: &Path, stamp: &mut StampBuilder) -> Result<Vec<u8>, DomainError> {
    note(file, stamp)?;
    regular_file::read(file, LARGEST_LIST).map_err(unreadable(file))
}
