//! The folder at which relative paths among the parameters of plugins start.
//!
//! A plugin is told one folder, and its parameters are passed on as they are written. If the files
//! of a scenario lie in several folders, the folder is that of the files in which such paths are
//! written. Which parameters are paths, only the plugin knows; here, a path is a text that names an
//! existing file or folder, or the value of a key named `path`.

use super::error::{Problem, ScenarioError};
use super::yaml::{KeyPath, Node, Tree, Value};
use std::fs;
use std::path::{Path, PathBuf};

/// Finds the folder: without such paths, that of the file on the command line.
pub(super) fn find(tree: &Tree) -> Result<PathBuf, ScenarioError> {
    let own = folder(tree.file());
    let elsewhere = |file: &Path| identity(folder(file)) != identity(own);
    if !tree.files().any(elsewhere) {
        return Ok(own.to_owned());
    }
    let mut paths = Vec::new();
    for table in ["backbones", "strategies"] {
        let entries = tree.root().get(table).and_then(Node::mapping);
        for (name, entry) in entries.into_iter().flatten() {
            for part in ["parameters", "grid"] {
                if let Some(node) = entry.get(part) {
                    collect(
                        tree,
                        KeyPath::top(table).join(name).join(part),
                        node,
                        &mut paths,
                    );
                }
            }
        }
    }
    let Some((first, _)) = paths.first() else {
        return Ok(own.to_owned());
    };
    let found = folder(tree.file_of(first));
    for (key, text) in &paths {
        let file = tree.file_of(key);
        if identity(folder(file)) != identity(found) {
            let problem = Problem::TwoFolders {
                path: text.clone(),
                other: first.to_string(),
                file: tree.file_of(first).display().to_string(),
            };
            return Err(tree.error(key, problem));
        }
    }
    Ok(found.to_owned())
}

/// Adds the relative paths at and below a node.
fn collect(tree: &Tree, key: KeyPath, node: &Node, paths: &mut Vec<(KeyPath, String)>) {
    match &node.value {
        Value::Mapping(mapping) => {
            for (name, node) in mapping.iter() {
                collect(tree, key.join(name), node, paths);
            }
        }
        Value::List(items) => {
            for (index, node) in items.iter().enumerate() {
                collect(tree, key.index(index), node, paths);
            }
        }
        Value::Text(text) => {
            let named = key.to_string().ends_with(".path");
            let path = Path::new(&**text);
            let exists = || !text.is_empty() && folder(tree.file_of(&key)).join(path).exists();
            if path.is_relative() && (named || exists()) {
                paths.push((key, text.as_ref().to_owned()));
            }
        }
        _ => {}
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// The same for the same folder, however it is written.
fn identity(folder: &Path) -> PathBuf {
    let folder = match folder == Path::new("") {
        true => Path::new("."),
        false => folder,
    };
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}
