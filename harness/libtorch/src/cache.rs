//! The folder of the fetched libtorch, and how a complete one is told from a damaged one.
//!
//! The folder is `libtorch-2.11.0-cpu` in the user's cache. Its file `inventory.txt` lists the
//! wheels that it was extracted from and the size of every file. The inventory is written last,
//! before the folder is renamed to its final name, and compared with the files on each use.
//! Comparing 10,000 sizes takes a few hundredths of a second; without it, files cut short by a full
//! disk would show only as obscure linker errors.

use crate::VERSION;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The wheels, in pip's requirements format. A folder made from wheels with other hashes is
/// outdated.
pub const REQUIREMENTS: &str = include_str!("../libtorch.txt");

const INVENTORY: &str = "inventory.txt";

/// The name of the fetched libtorch's folder in the cache.
pub fn folder_name() -> String {
    format!("libtorch-{VERSION}-cpu")
}

/// Whether a folder was extracted from today's wheels and has every file of its inventory.
pub fn is_complete(folder: &Path) -> bool {
    let Ok(inventory) = fs::read_to_string(folder.join(INVENTORY)) else {
        return false;
    };
    let Some(files) = inventory.strip_prefix(&header()) else {
        return false;
    };
    !files.is_empty()
        && files.lines().all(|line| {
            let Some((size, path)) = line.split_once(' ') else {
                return false;
            };
            let found = fs::metadata(folder.join(path)).map(|file| file.len()).ok();
            found.is_some() && found == size.parse().ok()
        })
}

/// Writes the inventory of the files that the folder has now.
pub fn write_inventory(folder: &Path) -> Result<()> {
    let mut inventory = header();
    list(folder, folder, &mut inventory)?;
    let path = folder.join(INVENTORY);
    fs::write(&path, inventory).with_context(|| format!("cannot write {}", path.display()))
}

fn header() -> String {
    let wheels = REQUIREMENTS.lines().filter(|line| !line.starts_with('#'));
    wheels.map(|line| format!("wheel {line}\n")).collect()
}

fn list(folder: &Path, below: &Path, inventory: &mut String) -> Result<()> {
    let unreadable = || format!("cannot read {}", below.display());
    let mut paths = Vec::new();
    for entry in below.read_dir().with_context(unreadable)? {
        paths.push(entry.with_context(unreadable)?.path());
    }
    paths.sort();
    for path in paths {
        let metadata = path.symlink_metadata().with_context(unreadable)?;
        if metadata.is_dir() {
            list(folder, &path, inventory)?;
        } else {
            let name = path
                .strip_prefix(folder)
                .expect("the walk stays in the folder");
            writeln!(inventory, "{} {}", metadata.len(), name.display())
                .expect("writing to a String cannot fail");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_complete_if_all_files_have_their_sizes_and_the_wheels_are_todays() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let library = folder.join("lib/libc10.so");
        fs::create_dir(folder.join("lib")).unwrap();
        fs::write(&library, "12345").unwrap();
        fs::write(folder.join("build-version"), "2.11.0+cpu").unwrap();
        assert!(!is_complete(folder), "it has no inventory");

        write_inventory(folder).unwrap();
        assert!(is_complete(folder));
        fs::write(&library, "1234").unwrap();
        assert!(!is_complete(folder), "a file is shorter");
        fs::remove_file(&library).unwrap();
        assert!(!is_complete(folder), "a file is missing");
        fs::write(&library, "12345").unwrap();
        assert!(is_complete(folder));

        let inventory = fs::read_to_string(folder.join(INVENTORY)).unwrap();
        fs::write(
            folder.join(INVENTORY),
            inventory.replacen("sha256:", "sha256:0", 1),
        )
        .unwrap();
        assert!(!is_complete(folder), "it was made from other wheels");
        fs::write(folder.join(INVENTORY), header()).unwrap();
        assert!(!is_complete(folder), "it lists no file");
    }
}
