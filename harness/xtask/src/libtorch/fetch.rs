//! The libtorch in the cache, fetched if it is not there or not whole.
//!
//! Nothing half-made ever bears the name that others look for: the download and the cutting happen in a folder beside it, under a
//! lock, and a rename puts the finished one in its place. A run that was killed leaves its folder behind; the next one removes it.

use super::pip;
use super::python::Python;
use super::{VERSION, cache};
use crate::environment::Environment;
use anyhow::{Context, Result, bail};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Cuts libtorch out of the wheels; Python has an unzipper, and it has just run.
const UNPACK: &str = include_str!("unpack.py");

/// What must be free on the disk of the cache while libtorch is fetched, as users are told it.
const SPACE: &str = "1.2 GB";

/// The folder of a whole libtorch in the cache.
pub fn ensure(environment: &Environment) -> Result<PathBuf> {
    let root = cache::root(environment)?;
    let folder = root.join(cache::folder_name());
    if cache::is_whole(&folder) {
        return Ok(folder);
    }
    if !cfg!(all(
        target_os = "linux",
        target_arch = "x86_64",
        target_env = "gnu"
    )) {
        bail!(
            "libtorch can be fetched for Linux on x86-64 with glibc only: get libtorch {VERSION} for this system and set LIBTORCH to \
             its folder"
        );
    }
    let python = Python::find()?;
    fs::create_dir_all(&root).with_context(|| cannot_write(&root))?;
    let _lock = lock(&beside(&folder, "lock"))?;
    if cache::is_whole(&folder) {
        // The run that held the lock has fetched it.
        return Ok(folder);
    }
    if folder.exists() {
        eprintln!(
            "xtask: the libtorch in {} is damaged or outdated and is fetched again",
            folder.display()
        );
    }
    remove_leftovers(&root)?;
    fetch(&python, &folder)?;
    Ok(folder)
}

/// A file beside the folder, named after it: `libtorch-2.11.0-cpu.lock`.
fn beside(folder: &Path, extension: &str) -> PathBuf {
    folder.with_file_name(format!("{}.{extension}", cache::folder_name()))
}

fn cannot_write(folder: &Path) -> String {
    format!(
        "cannot write to the cache {}: set CLBENCH_CACHE to a folder that you may write to",
        folder.display()
    )
}

/// Waits its turn; the lock goes with the file, and so with the process, however it ends.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| cannot_write(path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            eprintln!("xtask: another run is fetching libtorch; waiting for it");
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(|| cannot_lock(path)),
    }
    file.lock().with_context(|| cannot_lock(path))?;
    Ok(file)
}

fn cannot_lock(path: &Path) -> String {
    format!(
        "cannot lock {}: set CLBENCH_CACHE to a folder on a disk of this machine",
        path.display()
    )
}

/// The prefix of the folders that runs work in.
fn part_prefix() -> String {
    format!("{}.part-", cache::folder_name())
}

/// Only ever called under the lock, so whoever made these is dead. (A pip that outlived its xtask then fails on its own.)
fn remove_leftovers(root: &Path) -> Result<()> {
    for entry in root.read_dir().with_context(|| cannot_write(root))? {
        let entry = entry.with_context(|| cannot_write(root))?;
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(&part_prefix())
        {
            // Space is all that is lost if it cannot be removed, and the next run tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// The folder that a run works in, gone with it.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // As in `remove_leftovers`.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fetch(python: &Python, folder: &Path) -> Result<()> {
    let root = folder.parent().expect("the folder lies in the cache");
    let part = Part(root.join(format!("{}{}", part_prefix(), std::process::id())));
    let [wheels, scratch, made] = ["wheels", "scratch", "libtorch"].map(|name| part.0.join(name));
    for folder in [&wheels, &scratch, &made] {
        fs::create_dir_all(folder).with_context(|| cannot_write(folder))?;
    }
    eprintln!(
        "xtask: fetching {} into {}, once",
        super::description(),
        folder.display()
    );
    let requirements = part.0.join("libtorch.txt");
    fs::write(&requirements, cache::REQUIREMENTS).with_context(|| cannot_write(&requirements))?;
    let log = beside(folder, "pip.log");
    let download = pip::Download {
        requirements: &requirements,
        wheels: &wheels,
        scratch: &scratch,
        log: &log,
    };
    if let Err(failure) = download.run(python)? {
        let fix = match failure {
            pip::Failure::DiskFull => disk_full(root),
            other => format!("{other}, or set LIBTORCH to a libtorch {VERSION} folder"),
        };
        bail!(
            "libtorch could not be fetched. {fix}. pip's own account is in {}",
            log.display()
        );
    }
    eprintln!("xtask: unpacking libtorch");
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

fn disk_full(root: &Path) -> String {
    format!(
        "The disk is full: {SPACE} must be free in {}; make room, or set CLBENCH_CACHE to a folder on another disk",
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
                made.ancestors().nth(2).expect("it lies in the cache")
            ));
        }
        bail!(
            "{}",
            errors
                .trim()
                .lines()
                .last()
                .unwrap_or("Python said nothing")
        );
    }
    Ok(())
}

/// Adds what the wheels do not have, and the inventory that makes the folder count as whole.
fn complete(made: &Path) -> Result<()> {
    // torch-sys compares it with its own version.
    fs::write(made.join("build-version"), format!("{VERSION}+cpu\n"))?;
    // torch-sys links `torch`, `torch_cpu` and `c10`. The wheel's libtorch.so holds nothing but a dependency on libtorch_cuda.so,
    // which is not among what was cut out; a linker script stands in for it.
    fs::write(made.join("lib/libtorch.so"), "INPUT(libtorch_cpu.so)\n")?;
    cache::write_inventory(made)?;
    // Headers lost to a power failure show in their sizes; a large library may have its size and yet lack its content.
    for library in made.join("lib").read_dir()? {
        sync(&library?.path())?;
    }
    sync(made)
}

/// Waits until a file or folder is on the disk.
fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_left_behind_is_removed() {
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
