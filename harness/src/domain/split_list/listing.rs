//! A split list as read, in any format.

use super::entry::{Entries, Entry, ListFile};
use super::form::{SplitFile, SplitList, ValidationPart};
use super::{coop, csv, lines, pairs};
use crate::domain::error::DomainError;
use crate::domain::file::read_text;
use crate::domain::sample::Split;
use crate::domain::written::FilePerSplit;
use std::path::{Path, PathBuf};

/// A list in its own order.
pub(crate) struct Listing {
    /// The file to name in messages about the whole list.
    pub(crate) file: PathBuf,
    pub(crate) entries: Entries,
}

impl Listing {
    /// The list that a scenario names; `None` if its split is a random draw.
    pub(crate) fn read(list: &SplitList) -> Result<Option<Self>, DomainError> {
        let (file, entries) = match list {
            SplitList::One(SplitFile { file, val }) => {
                (file, read_both(file, val.unwrap_or_default())?)
            }
            SplitList::PerSplit(FilePerSplit { train, test }) => {
                let mut used = read_split(train, Split::Train)?;
                used.extend(read_split(test, Split::Test)?);
                let val = Vec::new();
                (train, Entries { used, val })
            }
            SplitList::Random(_) => return Ok(None),
        };
        let mut all = entries.used.iter().chain(&entries.val);
        if let Some(entry) = all.find(|entry| entry.name.is_empty()) {
            return Err(DomainError::Format {
                place: entry.place(),
                problem: "the file name is empty".to_owned(),
                fix: "write the image's file name".to_owned(),
            });
        }
        let file = file.clone();
        Ok(Some(Self { file, entries }))
    }
}

/// Reads a file with both splits.
fn read_both(path: &Path, val: ValidationPart) -> Result<Entries, DomainError> {
    let file = ListFile::new(path);
    match file.ending().as_str() {
        "json" => coop::read(&file, &read_text(path)?, val),
        "csv" => csv::read(&file, val),
        ending @ ("yaml" | "yml" | "txt") => {
            let kind = if ending == "txt" { "text" } else { "YAML" };
            Err(file.bad(
                format!("a {kind} split list holds only one split"),
                "write `split: {train: …, test: …}` with one file for each",
            ))
        }
        _ => Err(file.unknown()),
    }
}

/// Reads a file with one split.
fn read_split(path: &Path, split: Split) -> Result<Vec<Entry>, DomainError> {
    let file = ListFile::new(path);
    match file.ending().as_str() {
        "yaml" | "yml" => pairs::read_yaml(&file, &read_text(path)?, split),
        "json" => pairs::read_json(&file, &read_text(path)?, split),
        "csv" => csv::read_split(&file, split),
        "txt" => Ok(lines::read(&file, &read_text(path)?, split)),
        _ => Err(file.unknown()),
    }
}
