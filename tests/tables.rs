//! Reads the files that a run writes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A row of a CSV file: its fields by column.
pub type Row = HashMap<String, String>;

/// The rows of a CSV file.
pub fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{error}"));
    reader.deserialize().map(Result::unwrap).collect()
}

/// Every file below a folder, relative to it, sorted by name; none if the folder does not exist.
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(folder).unwrap();
                found.push(relative.display().to_string());
            }
        }
    }
    found.sort();
    found
}
