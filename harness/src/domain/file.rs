//! The files that a domain is read from: every opened file is added to the domain's stamp, and I/O
//! errors become a [`DomainError`] that names the file.

use super::error::DomainError;
use super::hash::StampBuilder;
use crate::text::{NotText, text};
use std::fs::{self, Metadata};
use std::path::Path;

/// Reads a whole text file, without its byte-order mark.
pub(crate) fn read_text(path: &Path, stamp: &mut StampBuilder) -> Result<String, DomainError> {
    note(path, stamp)?;
    text_of(path)
}

/// Reads a whole text file that is not part of the stamp, without its byte-order mark.
pub(crate) fn text_of(path: &Path) -> Result<String, DomainError> {
    let bytes = fs::read(path).map_err(unreadable(path))?;
    match text(&bytes) {
        Ok("") => Err(DomainError::EmptyFile {
            path: path.to_owned(),
        }),
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(not_text(&path.display().to_string(), &error)),
    }
}

/// The error about text that is not UTF-8.
pub(crate) fn not_text(place: &str, error: &NotText) -> DomainError {
    DomainError::Format {
        place: format!("{place}: line {}", error.line()),
        problem: error.problem().to_owned(),
        fix: "save the file as UTF-8".to_owned(),
    }
}

/// Reads a whole file.
pub(crate) fn read(path: &Path, stamp: &mut StampBuilder) -> Result<Vec<u8>, DomainError> {
    note(path, stamp)?;
    let bytes = fs::read(path).map_err(unreadable(path))?;
    if bytes.is_empty() {
        return Err(DomainError::EmptyFile {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

/// Adds a file to the stamp, without its path: moved files are the same files.
pub(crate) fn note(path: &Path, stamp: &mut StampBuilder) -> Result<Metadata, DomainError> {
    let metadata = fs::metadata(path).map_err(unreadable(path))?;
    stamp.file("", &metadata);
    Ok(metadata)
}

/// For `map_err`: the error that this file cannot be read.
pub(crate) fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> DomainError {
    let path = path.to_owned();
    move |cause| DomainError::Unreadable {
        path: path.clone(),
        cause,
    }
}
