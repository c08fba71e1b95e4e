//! Files that others name: only a regular file is opened, and only so much of it is read.
//!
//! A path in a scenario, a list or a model's folder can lead to anything. Opening a FIFO waits
//! until somebody writes to it, and reading a device may never end. So a path is opened without
//! waiting, and what was opened is refused unless it is a regular file. A file of images is opened
//! several times in a run, so no question about its path comes first.

use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The largest list or table that is read as a whole: labels, splits, classes, records.
pub const LARGEST_LIST: u64 = 1 << 30;

/// Opens a regular file for reading.
///
/// # Errors
///
/// If it is anything else, or cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    open_with_metadata(path).map(|(file, _)| file)
}

/// Opens a regular file for reading, and asks for its metadata.
///
/// # Errors
///
/// If it is anything else, or cannot be opened.
pub fn open_with_metadata(path: &Path) -> io::Result<(File, Metadata)> {
    // Neither flag changes how a regular file is read.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = match opened {
        // A socket, or a device without a driver.
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            metadata(path)?;
            return Err(error);
        }
        opened => opened?,
    };
    let metadata = checked(file.metadata()?)?;
    Ok((file, metadata))
}

/// The metadata of a regular file.
///
/// # Errors
///
/// If it is anything else, or does not exist.
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    checked(fs::metadata(path)?)
}

fn checked(metadata: Metadata) -> io::Result<Metadata> {
    match kind(metadata.file_type()) {
        None => Ok(metadata),
        Some(kind) => {
            let message = format!("not a regular file (it is {kind})");
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
    }
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
///
/// If it is anything else, is longer, or cannot be read.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, metadata) = open_with_metadata(path)?;
    // With room for one byte more, the read that finds the end of the file needs no more memory.
    let mut bytes = Vec::with_capacity(metadata.len().min(most) as usize + 1);
    while bytes.len() as u64 <= most {
        bytes.reserve(1);
        match rustix::io::read(&file, spare_capacity(&mut bytes)) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    at_most(most, bytes)
}

/// Reads a regular file of at most `most` bytes, which must be UTF-8.
///
/// # Errors
///
/// As for [`read`], or if the text is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let not_text = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    String::from_utf8(read(path, most)?).map_err(not_text)
}

/// Reads everything, if that is at most `most` bytes.
///
/// # Errors
///
/// If it is more, or cannot be read.
pub fn read_at_most(file: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    at_most(most, bytes)
}

fn at_most(most: u64, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if bytes.len() as u64 > most {
        let message = format!("it is longer than {most} bytes, the most that is read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// What it is, if not a regular file.
fn kind(found: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if found.is_fifo() {
            return Some("a FIFO");
        }
        if found.is_socket() {
            return Some("a socket");
        }
        if found.is_char_device() || found.is_block_device() {
            return Some("a device");
        }
    }
    if found.is_dir() {
        return Some("a folder");
    }
    (!found.is_file()).then_some("something else")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(
            Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&fifo, &link).unwrap();
        let message = |path: &Path| read(path, 10).unwrap_err().to_string();
        for (path, kind) in [
            (&*fifo, "a FIFO"),
            (&link, "a FIFO"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a device"),
            (folder.path(), "a folder"),
        ] {
            let expected = format!("not a regular file (it is {kind})");
            assert_eq!(message(path), expected);
        }
        let file = folder.path().join("file");
        fs::write(&file, "0123456789").unwrap();
        assert_eq!(read(&file, 10).unwrap(), b"0123456789");
        assert_eq!(
            read(&file, 9).unwrap_err().to_string(),
            "it is longer than 9 bytes, the most that is read"
        );
    }
}
