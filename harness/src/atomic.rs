//! Files that are there whole or not at all.
//!
//! A file is written beside its place, brought to the disk, then renamed. No reader and no crash ever sees half of one;
//! what is dropped before [`commit`](PendingFile::commit) is gone.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// How a file that is being written ends, behind its name and a random part.
pub const SUFFIX: &str = ".part";

/// A file that is being written.
#[derive(Debug)]
pub struct PendingFile {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl PendingFile {
    /// A file that will be at `path`. Its folder is made if it is missing.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub fn create(path: &Path) -> io::Result<PendingFile> {
        let dir = folder(path);
        fs::create_dir_all(dir)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!("{name}.");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(SUFFIX);
        #[cfg(unix)]
        {
            // A temporary file is private by default; results on a shared folder are for everyone whom the umask admits.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        Ok(PendingFile {
            file: BufWriter::with_capacity(1 << 20, builder.tempfile_in(dir)?),
            path: path.to_owned(),
        })
    }

    /// Puts it at its place.
    ///
    /// # Errors
    ///
    /// If the disk is full, or the folder cannot be written to.
    pub fn commit(self) -> io::Result<()> {
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        // The rename itself must outlive a power cut too. Some shared file systems refuse to sync a folder; the file is
        // whole anyway.
        if let Ok(dir) = File::open(folder(&self.path)) {
            let _ = dir.sync_all();
        }
        Ok(())
    }
}

impl Write for PendingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for PendingFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Writes `bytes` to `path`.
///
/// # Errors
///
/// As for [`PendingFile`].
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = PendingFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    }
}
