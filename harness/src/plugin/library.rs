//! Shared libraries, opened for the rest of the process.

use libloading::os::unix::Library;
use std::error::Error;
use std::mem::ManuallyDrop;
use std::path::Path;

/// Opens a library and never closes it. The error is the system's own message, which `libloading`
/// keeps as the source of its error.
///
/// # Safety
///
/// The library's initialisers run; the caller must trust them.
pub(super) unsafe fn open(path: &Path, flags: i32) -> Result<ManuallyDrop<Library>, String> {
    // SAFETY: the caller trusts the initialisers.
    match unsafe { Library::open(Some(path), flags) } {
        Ok(library) => Ok(ManuallyDrop::new(library)),
        Err(error) => Err(match error.source() {
            Some(source) => source.to_string(),
            None => error.to_string(),
        }),
    }
}
