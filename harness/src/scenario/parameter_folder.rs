//! The folder at which relative paths among the parameters of a backbone or a strategy start.
//!
//! A plugin is told one folder, and its parameters are passed on as they are written. If the files
//! of a scenario lie in several folders, the folder is that of the file in which an entry's paths
//! are written. Which parameters are paths, only the plugin knows; here, a path is a text that
//! names an existing file or folder, or the value of a key named `path`.

use super::error::{Problem, ScenarioError};
use super::yaml::{KeyPath, Node, Tree, Value};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder for the backbone or strategy at `entry`. Without paths, it is that of the file with
/// its texts, which may name files that are still missing, or else of the file with its parameters.
pub(super) fn find(tree: &Tree, entry: &KeyPath) -> Result<PathBuf, ScenarioError> {
    let own = folder(tree.file());
    if tree.files().all(|file| same(folder(file), own)) {
        return Ok(own.to_owned());
    }
    let mut texts = Vec::new();
    for part in ["parameters", "grid"] {
        let key = entry.join(part);
        if let Some(node) = tree.node(&key) {
            collect(tree, key, node, &mut texts);
        }
    }
    if let Some(first) = texts.iter().find(|text| text.is_path) {
        let mut paths = texts.iter().filter(|text| text.is_path);
        return match paths.find(|path| !same(path.folder, first.folder)) {
            None => Ok(first.folder.to_owned()),
            Some(path) => {
                let problem = Problem::TwoFolders {
                    path: path.text.into(),
                    other: first.key.to_string().into(),
                    file: tree.file_of(&first.key).display().to_string().into(),
                    entry: entry.to_string().into(),
                };
                Err(tree.error(&path.key, problem))
            }
        };
    }
    let found = match &texts[..] {
        [first, rest @ ..] if rest.iter().all(|text| same(text.folder, first.folder)) => {
            first.folder
        }
        _ => folder(tree.file_of(&entry.join("parameters"))),
    };
    Ok(found.to_owned())
}

/// A text that may be a relative path.
struct Relative<'t> {
    key: KeyPath,
    text: &'t str,
    /// The folder of the file in which it is written.
    folder: &'t Path,
    is_path: bool,
}

/// Adds the texts at and below a node that may be relative paths.
fn collect<'t>(tree: &'t Tree, key: KeyPath, node: &'t Node, texts: &mut Vec<Relative<'t>>) {
    match &node.value {
        Value::Mapping(mapping) => {
            for (name, node) in mapping.iter() {
                collect(tree, key.join(name), node, texts);
            }
        }
        Value::List(items) => {
            for (index, node) in items.iter().enumerate() {
                collect(tree, key.index(index), node, texts);
            }
        }
        Value::Text(text) if Path::new(&**text).is_relative() => {
            let folder = folder(tree.file_of(&key));
            let is_named = key.to_string().ends_with(".path");
            let exists = || !text.is_empty() && folder.join(&**text).exists();
            texts.push(Relative {
                is_path: is_named || exists(),
                key,
                text,
                folder,
            });
        }
        _ => {}
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// Whether both are the same folder, however it is written.
fn same(one: &Path, other: &Path) -> bool {
    one == other || identity(one) == identity(other)
}

fn identity(folder: &Path) -> PathBuf {
    let folder = match folder == Path::new("") {
        true => Path::new("."),
        false => folder,
    };
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}
