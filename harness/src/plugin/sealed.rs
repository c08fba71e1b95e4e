//! A copy of a plugin file that nobody can change, so that the bytes that were hashed are those
//! that run.
//!
//! Hashing a file and then opening it by name is a race: in between, a build may replace or
//! overwrite it. A mapped file that is overwritten even changes, or crashes, what already runs. So
//! the file is copied into a memfd that the system seals against writing, hashed there and loaded
//! from there. Where a memfd may not be mapped as code, the copy is a temporary file without a
//! name.
//!
//! The dynamic linker tells libraries apart by name and inode. A copy is opened as
//! `/proc/self/fd/N`, and a later file that gets the same N would be taken for it. So the
//! descriptor of a loaded copy is never closed.

use super::{PluginFault, library};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::mem::{self, ManuallyDrop};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Where a copy can be.
#[derive(Debug, Clone)]
enum Place {
    /// In memory.
    Memory,
    /// In a file without a name in this folder.
    Folder(PathBuf),
}

impl Place {
    /// All places, in the order in which they are tried.
    fn all() -> Vec<Place> {
        let folders = [Some(std::env::temp_dir()), crate::cache::folder()];
        let folders = folders.into_iter().flatten().map(Place::Folder);
        [Place::Memory].into_iter().chain(folders).collect()
    }
}

/// Loads a copy of a file whose bytes have this hash. `prepare` sees the bytes before any of their
/// code runs.
///
/// # Safety
///
/// The library's initialisers run; the caller must trust them.
pub(super) unsafe fn open(
    path: &Path,
    hash: &str,
    prepare: impl FnOnce(&[u8]) -> Result<(), PluginFault>,
) -> Result<ManuallyDrop<Library>, PluginFault> {
    // SAFETY: the caller trusts the initialisers.
    unsafe { open_in(Place::all(), path, hash, prepare) }
}

/// Loads it from the first of these places that allows it.
///
/// # Safety
///
/// As for [`open`].
unsafe fn open_in(
    places: Vec<Place>,
    path: &Path,
    hash: &str,
    prepare: impl FnOnce(&[u8]) -> Result<(), PluginFault>,
) -> Result<ManuallyDrop<Library>, PluginFault> {
    let (mut prepare, mut not_copied, mut not_loaded) = (Some(prepare), None, None);
    for place in &places {
        let mut source = File::open(path).map_err(PluginFault::unreadable)?;
        let (copy, bytes) = match Sealed::copy(&mut source, place, path) {
            Ok(copied) => copied,
            Err(error) => {
                not_copied = Some(error.to_string());
                continue;
            }
        };
        if blake3::hash(&bytes).to_hex().as_str() != hash {
            return Err(PluginFault::Changed);
        }
        if let Some(prepare) = prepare.take() {
            prepare(&bytes)?;
        }
        drop(bytes);
        let name = copy.path();
        // SAFETY: the caller trusts the initialisers.
        match unsafe { library::open(&name, RTLD_NOW | RTLD_LOCAL) } {
            Ok(library) => {
                mem::forget(copy);
                return Ok(library);
            }
            Err(error) => {
                let (name, path) = (name.display().to_string(), path.display().to_string());
                not_loaded = Some(error.replace(&name, &path));
            }
        }
    }
    let error = not_loaded.or(not_copied).unwrap_or_default();
    // The dynamic linker's words for a `noexec` file system.
    if error.contains("failed to map segment") {
        let folders = places.iter().filter_map(|place| match place {
            Place::Memory => None,
            Place::Folder(folder) => Some(folder.display().to_string()),
        });
        let searched = folders.collect::<Vec<_>>().join(" or ");
        return Err(PluginFault::NotExecutable { searched });
    }
    Err(PluginFault::Open(error))
}

/// The copy.
#[derive(Debug)]
struct Sealed(File);

impl Sealed {
    /// Copies a file, and returns the copy's bytes too. `path` is where the file was opened.
    fn copy(source: &mut File, place: &Place, path: &Path) -> io::Result<(Sealed, Vec<u8>)> {
        let mut copy = match place {
            Place::Memory => memory(path)?,
            Place::Folder(folder) => tempfile::tempfile_in(folder)?,
        };
        io::copy(source, &mut copy)?;
        if let Place::Memory = place {
            let all = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
            fcntl_add_seals(&copy, all)?;
        }
        let mut bytes = Vec::new();
        copy.rewind()?;
        copy.read_to_end(&mut bytes)?;
        Ok((Sealed(copy), bytes))
    }

    /// Its name in this process.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

/// A memfd with the file's name, which debuggers and `/proc/PID/maps` show.
fn memory(path: &Path) -> io::Result<File> {
    /// The system's limit, in bytes.
    const LONGEST: usize = 249;
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let name = &name[..name.len().min(LONGEST)];
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // It is never executed as a program, and a system may allow only memfds that say so. Linux
    // before 6.3 does not know the flag.
    let memory = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(name, flags),
        memory => memory,
    };
    Ok(File::from(memory?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::fixture::{function, library};
    use std::fs;

    fn hash(path: &Path) -> String {
        blake3::hash(&fs::read(path).unwrap()).to_hex().to_string()
    }

    fn open_from(place: &Place, path: &Path, hash: &str) -> Result<i32, PluginFault> {
        // SAFETY: the tests' libraries have no initialisers.
        let library = unsafe { open_in(vec![place.clone()], path, hash, |_| Ok(())) }?;
        Ok(function(&library, "number"))
    }

    #[test]
    fn what_is_loaded_has_the_hash_whatever_happens_to_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let [one, two] = [1, 2].map(|n| {
            let code = format!("int number(void) {{ return {n}; }}");
            library(dir.path(), &format!("{n}"), &code, &[])
        });
        let file = dir.path().join("plugin.so");
        for place in [Place::Memory, Place::Folder(dir.path().to_owned())] {
            fs::copy(&one, &file).unwrap();
            assert_eq!(open_from(&place, &file, &hash(&one)).unwrap(), 1);
            // Another file under the same name, and then the first one again.
            fs::remove_file(&file).unwrap();
            fs::copy(&two, &file).unwrap();
            let changed = open_from(&place, &file, &hash(&one)).unwrap_err();
            assert!(matches!(changed, PluginFault::Changed), "{changed}");
            assert_eq!(open_from(&place, &file, &hash(&two)).unwrap(), 2);
            assert_eq!(open_from(&place, &one, &hash(&one)).unwrap(), 1);
            // A file that is overwritten and cut while its code may still run.
            // SAFETY: the tests' libraries have no initialisers.
            let library = unsafe { open_in(vec![place], &file, &hash(&two), |_| Ok(())) };
            let library = library.unwrap();
            fs::copy(&one, &file).unwrap();
            File::create(&file).unwrap();
            assert_eq!(function(&library, "number"), 2);
        }
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 3, "no copy has a name");
    }

    #[test]
    fn a_copy_in_memory_cannot_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("libtiny.so");
        fs::write(&file, "bytes").unwrap();
        let mut source = File::open(&file).unwrap();
        let (copy, bytes) = Sealed::copy(&mut source, &Place::Memory, &file).unwrap();
        assert_eq!(bytes, b"bytes");
        let again = File::options().write(true).open(copy.path());
        let written = again.and_then(|mut file| io::Write::write_all(&mut file, b"other"));
        assert!(written.is_err());
        assert!(copy.0.set_len(0).is_err());
        let shown = fs::read_link(copy.path()).unwrap();
        assert!(shown.display().to_string().contains("libtiny.so"));
    }

    #[test]
    fn the_next_place_is_tried_and_the_error_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let none = Place::Folder(dir.path().join("none"));
        let code = "int number(void) { return 3; }";
        let good = library(dir.path(), "good", code, &[]);
        // SAFETY: the tests' libraries have no initialisers.
        let open = |places, path: &Path| unsafe { open_in(places, path, &hash(path), |_| Ok(())) };
        let library = open(vec![none.clone(), Place::Memory], &good).unwrap();
        assert_eq!(function(&library, "number"), 3);
        let bad = dir.path().join("bad.so");
        fs::write(&bad, "no library").unwrap();
        let error = open(vec![Place::Memory, none], &bad).unwrap_err();
        let expected = format!("({}: file too short)", bad.display());
        assert!(error.to_string().contains(&expected), "{error}");
    }
}
