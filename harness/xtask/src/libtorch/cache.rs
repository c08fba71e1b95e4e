//! Where the fetched libtorch lies, and how a whole one is told from a damaged one.
//!
//! The folder is `libtorch-2.11.0-cpu` in the user's cache: `CLBENCH_CACHE`, else `XDG_CACHE_HOME/clbench`, else
//! `~/.cache/clbench`; clbench itself looks there by the same rule. Its file `inventory.txt` lists the wheels that it was cut
//! from and every file with its size. It is written last, before the folder gets its name, and held against the files on each use:
//! a look at 10,000 sizes takes a few hundredths of a second, and spares whoever ran out of disk a riddle from the linker.

use super::VERSION;
use crate::environment::Environment;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The wheels, as pip reads them. Their hashes are part of what a whole folder is.
pub const REQUIREMENTS: &str = include_str!("../../libtorch.txt");

const INVENTORY: &str = "inventory.txt";

/// The user's cache folder for clbench.
pub fn root(environment: &Environment) -> Result<PathBuf> {
    if let Some(folder) = &environment.clbench_cache {
        if !folder.is_absolute() {
            bail!(
                "CLBENCH_CACHE is \"{}\", which is no absolute path: give the whole path",
                folder.display()
            );
        }
        return Ok(folder.clone());
    }
    // The XDG specification: a relative path is to be ignored.
    let xdg = environment
        .xdg_cache_home
        .as_ref()
        .filter(|folder| folder.is_absolute());
    if let Some(folder) = xdg {
        return Ok(folder.join("clbench"));
    }
    match &environment.home {
        Some(home) => Ok(home.join(".cache/clbench")),
        None => bail!(
            "there is no place to keep libtorch in, since HOME is not set: set CLBENCH_CACHE to a folder for it"
        ),
    }
}

/// The name of the fetched libtorch's folder in the cache.
pub fn folder_name() -> String {
    format!("libtorch-{VERSION}-cpu")
}

/// Whether a folder holds all that its inventory lists, cut from the wheels that are wanted now.
pub fn is_whole(folder: &Path) -> bool {
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

/// Lists what the folder holds now as what it should hold.
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
                .expect("the walk stays below the folder");
            writeln!(inventory, "{} {}", metadata.len(), name.display())
                .expect("a String takes all");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let path = |path: &str| Some(PathBuf::from(path));
        let mut environment = Environment {
            clbench_cache: path("/a"),
            xdg_cache_home: path("/b"),
            home: path("/c"),
            ..Environment::default()
        };
        assert_eq!(root(&environment).unwrap(), Path::new("/a"));
        environment.clbench_cache = None;
        assert_eq!(root(&environment).unwrap(), Path::new("/b/clbench"));
        environment.xdg_cache_home = path("relative");
        assert_eq!(root(&environment).unwrap(), Path::new("/c/.cache/clbench"));
        environment.home = None;
        assert_eq!(
            root(&environment).unwrap_err().to_string(),
            "there is no place to keep libtorch in, since HOME is not set: set CLBENCH_CACHE to a folder for it"
        );
    }

    #[test]
    fn a_folder_is_whole_only_while_every_file_has_its_size_and_the_wheels_are_the_wanted_ones() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let library = folder.join("lib/libc10.so");
        fs::create_dir(folder.join("lib")).unwrap();
        fs::write(&library, "12345").unwrap();
        fs::write(folder.join("build-version"), "2.11.0+cpu").unwrap();
        assert!(!is_whole(folder), "without an inventory it is unfinished");

        write_inventory(folder).unwrap();
        assert!(is_whole(folder));
        fs::write(&library, "1234").unwrap();
        assert!(!is_whole(folder), "a file was cut");
        fs::remove_file(&library).unwrap();
        assert!(!is_whole(folder), "a file is missing");
        fs::write(&library, "12345").unwrap();
        assert!(is_whole(folder));

        let inventory = fs::read_to_string(folder.join(INVENTORY)).unwrap();
        fs::write(
            folder.join(INVENTORY),
            inventory.replacen("sha256:", "sha256:0", 1),
        )
        .unwrap();
        assert!(!is_whole(folder), "it was cut from other wheels");
        fs::write(folder.join(INVENTORY), header()).unwrap();
        assert!(!is_whole(folder), "it lists no file");
    }
}
