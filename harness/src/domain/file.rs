//! The files that a domain is read from: every opened file is added to the domain's stamp, and I/O
//! errors become a [`DomainError`] that names the file.

use super::error::DomainError;
use super::hash::StampBuilder;
use crate::regular_file::{self, LARGEST_LIST};
use std::fs::Metadata;
use std::path::Path;

/// Reads a whole text file.
pub(crate) fn read_text(path: &Path, stamp: &mut StampBuilder) -> Result<String, DomainError> {
    let bytes = read(path, stamp)?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        DomainError::Format {
            place: format!("{}: line {}", path.display(), line + 1),
            problem: "not UTF-8 text".to_owned(),
            fix: "save the file as UTF-8".to_owned(),
        }
    })
}

/// Reads a whole file.
pub(crate) fn read(path: &Path, stamp: &mut StampBuilder) -> Result<Vec<u8>, DomainError> {
    note(path, stamp)?;
    let bytes = regular_file::read(path, LARGEST_LIST).map_err(unreadable(path))?;
    if bytes.is_empty() {
        return Err(DomainError::EmptyFile {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

/// Adds a file to the stamp, without its path: moved files are the same files.
pub(crate) fn note(path: &Path, stamp: &mut StampBuilder) -> Result<Metadata, DomainError> {
    let metadata = regular_file::metadata(path).map_err(unreadable(path))?;
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
