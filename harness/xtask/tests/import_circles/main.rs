//! No more than three files of the harness may import each other in a circle.
//!
//! Two or three files that import each other are one concept that is too long for one file. In a
//! larger circle no file can be read, tested or moved without all the others. The test parses
//! `harness/src` with `syn`, attributes every import to the file that defines the imported item,
//! and prints each circle with the imports that form it.
//!
//! To print the small circles too, run `cargo test -p xtask --test import_circles -- --nocapture`.

mod circles;
mod examples;
mod module_tree;
mod names;

use circles::{Circle, Imports};
use module_tree::ModuleTree;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The number of files in the largest circle that is allowed.
const ALLOWED: usize = 3;

#[test]
fn no_more_than_three_files_of_the_harness_import_each_other_in_a_circle() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let mut files = BTreeMap::new();
    gather(&source, &source, &mut files);
    let tree = ModuleTree::read(&files);
    // A reader that misses files would find no circles.
    assert!(tree.files.len() > 50, "read only {:?}", tree.files);

    let circles = Imports::of(&tree).circles();
    for circle in &circles {
        println!("{circle}");
    }
    let sizes = too_large(&circles);
    assert!(
        sizes.is_empty(),
        "harness/src has import circles of {sizes:?} files, but at most {ALLOWED} are allowed; \
         they are printed above. Move what two files share into a third file, or pass it as an \
         argument"
    );
}

/// The sizes of the circles that are too large.
fn too_large(circles: &[Circle]) -> Vec<usize> {
    let sizes = circles.iter().map(|circle| circle.files.len());
    sizes.filter(|&size| size > ALLOWED).collect()
}

/// Adds the text of every Rust file below a folder, keyed by its path from `root`.
fn gather(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            files.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
        }
    }
}
