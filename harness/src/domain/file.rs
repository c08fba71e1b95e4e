//! The files that a domain is read from: I/O errors become a [`DomainError`] that names the file.

use super::error::DomainError;
use std::fs;
use std::path::Path;

/// Reads a whole text file.
pub(crate) fn read_text(path: &Path) -> Result<String, DomainError> {
    let bytes = read(path)?;
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
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DomainError> {
    let bytes = fs::read(path).map_err(unreadable(path))?;
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
