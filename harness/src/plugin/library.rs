//! Shared libraries, opened for the rest of the process.

use libloading::os::unix::Library;
use std::error::Error;
use std::mem::ManuallyDrop;
use std::path::Path;

/// Opens a library, never to close it; the error is the system's own words, which `libloading` keeps one step behind its
/// error.
///
/// # Safety
///
/// The library's initialisers run; the caller vouches for them.
pub(super) unsafe fn open(path: &Path, flags: i32) -> Result<ManuallyDrop<Library>, String> {
    // SAFETY: the caller vouches for the initialisers.
    match unsafe { Library::open(Some(path), flags) } {
        Ok(library) => Ok(ManuallyDrop::new(library)),
        Err(error) => Err(match error.source() {
            Some(source) => source.to_string(),
            None => error.to_string(),
        }),
    }
}
