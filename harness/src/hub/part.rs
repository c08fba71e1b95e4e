//! A file whose transfer is under way. A later call finds it and goes on where it ends.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How often to try whether another process has finished the file.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// A file whose transfer is under way, locked for this process. Unless it is
/// [kept](Self::keep), it stays where it is for a later call, except if it is empty.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    path: PathBuf,
    len: u64,
    kept: bool,
}

impl Part {
    /// Opens the file at `path`, or creates it. `None` if another process holds it for long.
    pub(super) fn open(path: &Path) -> io::Result<Option<Part>> {
        Part::open_within(TRIES, path)
    }

    fn open_within(tries: u32, path: &Path) -> io::Result<Option<Part>> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        for attempt in 0..tries {
            if attempt > 0 {
                thread::sleep(PAUSE);
            }
            // Bytes go into this folder, not to where a link leads.
            if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
                fs::remove_file(path)?;
            }
            let mut options = File::options();
            let file = options.read(true).append(true).create(true).open(path)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => continue,
                // Some file systems have no locks. Two processes may then spoil the content, which
                // is noticed when it is checked.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // The process that held it may have moved it to its place meanwhile.
            let found = file.metadata()?;
            let same = |at: fs::Metadata| (at.dev(), at.ino()) == (found.dev(), found.ino());
            if fs::symlink_metadata(path).is_ok_and(same) {
                return Ok(Some(Part {
                    file,
                    path: path.into(),
                    len: found.len(),
                    kept: false,
                }));
            }
        }
        Ok(None)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Drops what is after the first `len` bytes.
    pub(super) fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.len = len;
        Ok(())
    }

    /// Moves it to its place, over a file that is already there.
    pub(super) fn keep(mut self, place: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, place)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.len == 0 && !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_part_is_held_by_one_process_and_stays_until_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blobs/x.part");
        let open = || Part::open_within(1, &path).unwrap();
        drop(open().unwrap());
        assert!(!path.exists());

        let mut part = open().unwrap();
        part.append(b"hello").unwrap();
        part.append(b"!!!").unwrap();
        part.truncate(6).unwrap();
        // A lock belongs to an open file, so that a second one stands for a second process.
        assert!(open().is_none());
        drop(part);
        let mut part = open().unwrap();
        assert_eq!(part.len(), 6);
        part.append(b"?").unwrap();
        let place = folder.path().join("blobs/x");
        part.keep(&place).unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"hello!?");
        assert!(!path.exists());
    }

    #[test]
    fn a_part_is_not_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let path = folder.path().join("x.part");
        symlink(&victim, &path).unwrap();
        let mut part = Part::open(&path).unwrap().unwrap();
        part.append(b"hello").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert_eq!(fs::read(&path).unwrap(), b"hello");
    }
}
