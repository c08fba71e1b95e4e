//! The files that a domain is read from: I/O errors become a [`DomainError`] that names the file.

use super::error::DomainError;
use crate::regular_file::{self, LARGEST_LIST};
use crate::text::{NotText, text};
use std::path::Path;

/// Reads a whole text file, without its byte-order mark.
pub(crate) fn read_text(path: &Path) -> Result<String, DomainError> {
    let bytes = regular_file::read(path, LARGEST_LIST).map_err(unreadable(path))?;
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
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DomainError> {
    let bytes = regular_file::read(path, LARGEST_LIST).map_err(unreadable(path))?;
    if bytes.is_empty() {
        return Err(DomainError::EmptyFile {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

/// For `map_err`: the error that this file cannot be read.
pub(crate) fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> DomainError {
    let path = path.to_owned();
    move |cause| DomainError::Unreadable {
        path: path.clone(),
        cause,
    }
}
