//! Fetch libtorch into the cache if it is missing or incomplete.
//!
//! An incomplete libtorch never has the final name: it is downloaded and extracted in a temporary
//! folder of the cache, under a lock, and then renamed. A killed run leaves its temporary
//! folder, which the next one removes.

use crate::pip;
use crate::python::Python;
use crate::{VERSION, cache};
use anyhow::{Context, Result, bail};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Extracts libtorch from the wheels. Python can unzip, and pip needs it anyway.
const UNPACK: &str = include_str!("unpack.py");

/// The free space that fetching needs on the cache's disk, for messages.
const SPACE: &str = "1.2 GB";

/// How often to look whether the lock is free, a download has ended, or to stop.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// What fetching needs from its caller.
pub struct Fetch<'a> {
    /// The cache folder of clbench.
    pub cache: &'a Path,
    /// Names or paths of programs; the first that is a Python 3 with pip is used.
    pub pythons: &'a [PathBuf],
    /// Whether to give up, because the user has interrupted the program.
    pub stopped: &'a dyn Fn() -> bool,
    /// Prints a line about what is being done.
    pub say: &'a dyn Fn(&str),
    /// What to do instead of fetching, for messages, such as `set LIBTORCH to …`.
    pub instead: &'a str,
}

impl Fetch<'_> {
    /// The folder of a complete libtorch in the cache, fetched if necessary.
    ///
    /// # Errors
    ///
    /// If it cannot be fetched; the message says why, and what to do.
    pub fn ensure(&self) -> Result<PathBuf> {
        let root = self.cache;
        let folder = root.join(cache::folder_name());
        if cache::is_complete(&folder) {
            return Ok(folder);
        }
        if !cfg!(all(
            target_os = "linux",
            target_arch = "x86_64",
            target_env = "gnu"
        )) {
            bail!(
                "libtorch can be fetched only on Linux x86-64 with glibc: download libtorch \
                 {VERSION} for this system, and {}",
                self.instead
            );
        }
        let python = Python::find(self.pythons, self.instead)?;
        fs::create_dir_all(root).with_context(|| cannot_write(root))?;
        let _lock = self.lock(&sibling(&folder, "lock"))?;
        if cache::is_complete(&folder) {
            // Another run has fetched it meanwhile.
            return Ok(folder);
        }
        if folder.exists() {
            (self.say)(&format!(
                "{} is damaged or outdated; fetching libtorch again",
                folder.display()
            ));
        }
        remove_leftovers(root)?;
        self.fetch(&python, &folder)?;
        Ok(folder)
    }

    /// Waits for the lock. The system releases it when the file is closed, also if the process
    /// dies.
    fn lock(&self, path: &Path) -> Result<File> {
        let file = File::create(path).with_context(|| cannot_write(path))?;
        let mut waiting = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if (self.stopped)() => bail!("interrupted"),
                Err(TryLockError::WouldBlock) => {
                    if !waiting {
                        (self.say)("waiting for another run that is fetching libtorch");
                    }
                    waiting = true;
                    thread::sleep(PAUSE);
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| cannot_lock(path));
                }
            }
        }
    }

    fn fetch(&self, python: &Python, folder: &Path) -> Result<()> {
        let root = folder.parent().expect("the folder is in the cache");
        let part = Part(root.join(format!("{}{}", part_prefix(), std::process::id())));
        let [wheels, scratch, made] =
            ["wheels", "scratch", "libtorch"].map(|name| part.0.join(name));
        for folder in [&wheels, &scratch, &made] {
            fs::create_dir_all(folder).with_context(|| cannot_write(folder))?;
        }
        (self.say)(&format!(
            "fetching {} into {}",
            crate::description(),
            folder.display()
        ));
        let requirements = part.0.join("libtorch.txt");
        fs::write(&requirements, cache::REQUIREMENTS)
            .with_context(|| cannot_write(&requirements))?;
        let log = sibling(folder, "pip.log");
        let download = pip::Download {
            requirements: &requirements,
            wheels: &wheels,
            scratch: &scratch,
            log: &log,
            stopped: self.stopped,
            say: self.say,
        };
        if let Err(failure) = download.run(python)? {
            let fix = match failure {
                pip::Failure::DiskFull => disk_full(root),
                other => format!("{other}, or {}", self.instead),
            };
            bail!(
                "cannot fetch libtorch. {fix}. pip's log is {}",
                log.display()
            );
        }
        (self.say)("unpacking libtorch");
        unpack(python, &wheels, &made)
            .with_context(|| format!("cannot unpack libtorch into {}", root.display()))?;
        complete(&made).with_context(|| cannot_write(root))?;
        if folder.exists() {
            fs::rename(folder, part.0.join("damaged")).with_context(|| cannot_write(folder))?;
        }
        fs::rename(&made, folder).with_context(|| cannot_write(folder))?;
        sync(root)?;
        let _ = fs::remove_file(&log);
        Ok(())
    }
}

/// A file next to the folder, named after it: `libtorch-2.11.0-cpu.lock`.
fn sibling(folder: &Path, extension: &str) -> PathBuf {
    folder.with_file_name(format!("{}.{extension}", cache::folder_name()))
}

fn cannot_write(folder: &Path) -> String {
    format!(
        "cannot write to the cache {}: set CLBENCH_CACHE to a writable folder",
        folder.display()
    )
}

fn cannot_lock(path: &Path) -> String {
    format!(
        "cannot lock {}: set CLBENCH_CACHE to a folder on a local disk",
        path.display()
    )
}

/// The prefix of temporary folders.
fn part_prefix() -> String {
    format!("{}.part-", cache::folder_name())
}

/// Removes the temporary folders of killed runs. Called only under the lock, so their runs have
/// ended. A pip that outlived its xtask then fails by itself.
fn remove_leftovers(root: &Path) -> Result<()> {
    for entry in root.read_dir().with_context(|| cannot_write(root))? {
        let entry = entry.with_context(|| cannot_write(root))?;
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(&part_prefix())
        {
            // If this fails, only space is lost, and the next run tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// A run's temporary folder, removed when dropped.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // As in `remove_leftovers`.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn disk_full(root: &Path) -> String {
    format!(
        "The disk is full: free {SPACE} in {}, or set CLBENCH_CACHE to a folder on another disk",
        root.display()
    )
}

fn unpack(python: &Python, wheels: &Path, made: &Path) -> Result<()> {
    let mut command = python.command();
    command.args(["-c", UNPACK]).arg(made);
    for wheel in wheels.read_dir()? {
        command.arg(wheel?.path());
    }
    let output = command.output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        if pip::is_disk_full(&errors) {
            bail!(disk_full(
                made.ancestors().nth(2).expect("it is in the cache")
            ));
        }
        bail!(
            "{}",
            errors
                .trim()
                .lines()
                .last()
                .unwrap_or("Python reported no reason")
        );
    }
    Ok(())
}

/// Adds files that the wheels lack, and the inventory, which marks the folder as complete.
fn complete(made: &Path) -> Result<()> {
    // torch-sys compares it with its own version.
    fs::write(made.join("build-version"), format!("{VERSION}+cpu\n"))?;
    // torch-sys links `torch`, `torch_cpu` and `c10`. The wheel's libtorch.so contains only a
    // dependency on libtorch_cuda.so, which was not extracted, so a linker script replaces it.
    fs::write(made.join("lib/libtorch.so"), "INPUT(libtorch_cpu.so)\n")?;
    cache::write_inventory(made)?;
    // After a power failure, the inventory shows headers that were lost. A large library may have
    // its full size but not its content, so libraries are flushed to the disk now.
    for library in made.join("lib").read_dir()? {
        sync(&library?.path())?;
    }
    sync(made)
}

/// Flushes a file or folder to the disk.
fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporary_folders_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let name = cache::folder_name();
        for folder in [
            format!("{name}.part-1/wheels"),
            format!("{name}.part-23"),
            name.clone(),
            "features".to_owned(),
        ] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        remove_leftovers(root.path()).unwrap();
        let mut left: Vec<_> = root
            .path()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["features", name.as_str()]);
    }
}
