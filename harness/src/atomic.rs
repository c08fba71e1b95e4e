//! Files that appear whole or not at all.
//!
//! A file is written under a temporary name in its own folder, synced to disk, then renamed. No
//! reader and no crash ever sees half of one. A file dropped before
//! [`commit`](PendingFile::commit) is deleted.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The suffix of a file that is being written, after its name and a random part.
pub const SUFFIX: &str = ".part";

/// A file that is being written.
#[derive(Debug)]
pub struct PendingFile {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl PendingFile {
    /// Starts the file that will be at `path`, and creates its folder if it is missing.
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
            // Temporary files are private by default. Results in a shared folder are for everyone
            // whom the umask admits.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        Ok(PendingFile {
            file: BufWriter::with_capacity(1 << 20, builder.tempfile_in(dir)?),
            path: path.to_owned(),
        })
    }

    /// A handle for a process to write to. Bytes that were written here must have been flushed.
    ///
    /// # Errors
    ///
    /// If the system has no handles left.
    pub fn handle(&self) -> io::Result<File> {
        self.file.get_ref().as_file().try_clone()
    }

    /// Where it is until it is moved to its place.
    pub fn temporary_path(&self) -> &Path {
        self.file.get_ref().path()
    }

    /// Moves it to its place, over a file that is already there.
    ///
    /// # Errors
    ///
    /// If the disk is full, or the folder cannot be written to.
    pub fn commit(self) -> io::Result<()> {
        let path = self.path.clone();
        self.commit_to(&path)
    }

    /// Moves it to another place in the same folder, over a file that is already there.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    pub fn commit_to(self, path: &Path) -> io::Result<()> {
        let (file, _) = self.synced()?;
        file.persist(path)?;
        sync_folder(path);
        Ok(())
    }

    /// Moves it to its place if nothing is there yet.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if something is; otherwise as for
    /// [`commit`](Self::commit).
    pub fn commit_new(self) -> io::Result<()> {
        let (file, path) = self.synced()?;
        file.persist_noclobber(&path)?;
        sync_folder(&path);
        Ok(())
    }

    fn synced(self) -> io::Result<(NamedTempFile, PathBuf)> {
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.as_file().sync_all()?;
        Ok((file, self.path))
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

/// Writes `bytes` to `path`, over a file that is already there.
///
/// # Errors
///
/// As for [`PendingFile::commit`].
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = PendingFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// New files that belong together: unless they are [kept](Self::keep), dropping this deletes them.
#[derive(Debug, Default)]
pub struct NewFiles(Vec<PathBuf>);

impl NewFiles {
    /// Writes `bytes` to `path` if nothing is there yet.
    ///
    /// # Errors
    ///
    /// As for [`PendingFile::commit_new`].
    pub fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = PendingFile::create(path)?;
        file.write_all(bytes)?;
        file.commit_new()?;
        self.0.push(path.to_owned());
        Ok(())
    }

    /// Keeps all files.
    pub fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// A rename must survive a power cut too. Some shared file systems refuse to sync a folder; the
/// file is whole anyway.
fn sync_folder(path: &Path) {
    if let Ok(dir) = File::open(folder(path)) {
        let _ = dir.sync_all();
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    }
}
