//! A crate's folder in the place of a plugin's file: what cargo builds there.

use crate::regular_file;
use std::path::{Path, PathBuf};

/// The largest `Cargo.toml` that is read.
const LARGEST_MANIFEST: u64 = 1 << 20;

/// The file that `cargo build --release` makes of the crate in this folder, relative to the folder;
/// nothing if the folder is not a crate's.
pub(super) fn library(folder: &Path) -> Option<PathBuf> {
    let manifest = regular_file::read_text(&folder.join("Cargo.toml"), LARGEST_MANIFEST).ok()?;
    let name = name_in(&manifest, "lib").or_else(|| name_in(&manifest, "package"))?;
    let file = format!("lib{}.so", name.replace('-', "_"));
    Some(target(folder, &manifest).join("release").join(file))
}

/// Where cargo puts what it builds: in the folder of the workspace, if the crate is in one.
fn target(folder: &Path, manifest: &str) -> PathBuf {
    let is_root = |manifest: &str| manifest.lines().any(|line| line.trim() == "[workspace]");
    let own = PathBuf::from("target");
    let Ok(absolute) = std::path::absolute(folder) else {
        return own;
    };
    if is_root(manifest) {
        return own;
    }
    let above = absolute.ancestors().skip(1);
    let root = above.zip(1..).find(|(folder, _)| {
        let manifest = regular_file::read_text(&folder.join("Cargo.toml"), LARGEST_MANIFEST);
        manifest.is_ok_and(|manifest| is_root(&manifest))
    });
    match root {
        Some((_, up)) => PathBuf::from("../".repeat(up)).join(own),
        None => own,
    }
}

/// The `name` in this section of a Cargo.toml.
fn name_in(manifest: &str, section: &str) -> Option<String> {
    let header = format!("[{section}]");
    let lines = manifest.lines().map(str::trim);
    let inside = lines.skip_while(|line| *line != header).skip(1);
    let mut inside = inside.take_while(|line| !line.starts_with('['));
    inside.find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.trim().strip_prefix('"')?;
        (key.trim() == "name").then(|| value.split('"').next().map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use super::library;
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn the_file_has_the_name_of_the_library_or_else_of_the_package() {
        let root = tempfile::tempdir().unwrap();
        let crate_in = |folder: &str, manifest: &str| {
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("Cargo.toml"), manifest).unwrap();
            library(&folder)
        };
        let file = |path: &str| Some(PathBuf::from(path));
        let package = "[package]\nname = \"my-method\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n";
        assert_eq!(
            crate_in("alone", package),
            file("target/release/libmy_method.so")
        );
        let named = format!("{package}name = \"other\"\n[dependencies]\nname = \"x\"\n");
        assert_eq!(
            crate_in("named", &named),
            file("target/release/libother.so")
        );
        assert_eq!(crate_in("virtual", "[workspace]\n"), None);
        assert_eq!(library(&root.path().join("nothing")), None);

        crate_in("workspace", "[workspace]\nmembers = [\"plugins/*\"]\n");
        assert_eq!(
            crate_in("workspace/plugins/one", package),
            file("../../target/release/libmy_method.so")
        );
        let root_of_its_own = format!("{package}[workspace]\n");
        assert_eq!(
            crate_in("workspace/plugins/two", &root_of_its_own),
            file("target/release/libmy_method.so")
        );
    }
}
