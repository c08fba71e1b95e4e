//! One scenario file, as a tree of its own.

use super::error::{Problem, ScenarioError};
use super::size::LARGEST_FILE;
use super::yaml::{KeyPath, Origin, Place, Tree, Value};
use crate::regular_file;
use crate::suggest::closest;
use crate::text::{NotText, text};
use std::fs::File;
use std::io;
use std::path::Path;

/// Reads a file. `fail` makes the error about a file that cannot be read, which may belong where
/// the file is named.
pub(super) fn read(
    number: u32,
    file: &Path,
    fail: &dyn Fn(Problem) -> ScenarioError,
) -> Result<Tree, ScenarioError> {
    let bytes = bytes(file).map_err(|error| {
        fail(match error.kind() {
            io::ErrorKind::NotFound => Problem::NoFile {
                neighbour: neighbour(file),
            },
            _ => Problem::Unreadable {
                reason: error.to_string(),
            },
        })
    })?;
    let text = text(&bytes).map_err(|error| {
        let origin = Origin::File {
            source: number,
            place: Place {
                line: error.line() as u32,
                column: 1,
                width: 1,
            },
        };
        let problem = match error {
            NotText::Utf16 => Problem::Utf16,
            NotText::Invalid { .. } => Problem::NotUtf8,
        };
        ScenarioError::new(file, Some(origin), KeyPath::root(), problem)
    })?;
    parse(number, file, text)
}

/// Reads the text of a file, which may not be empty.
pub(super) fn parse(number: u32, file: &Path, text: &str) -> Result<Tree, ScenarioError> {
    let tree = Tree::parse_as(number, file, text)?;
    if tree.root().value == Value::Null {
        return Err(tree.error(&KeyPath::root(), Problem::EmptyFile));
    }
    check_format(&tree)?;
    Ok(tree)
}

/// Checks the format of a file. This comes first, since a file of another format may have keys that
/// are unknown here.
pub(super) fn check_format(tree: &Tree) -> Result<(), ScenarioError> {
    match tree.root().get("format") {
        Some(format) if format.value != Value::Number(1.into()) => {
            let found = format.in_words();
            Err(tree.error(&KeyPath::top("format"), Problem::UnknownFormat { found }))
        }
        _ => Ok(()),
    }
}

/// The bytes of a scenario file. What a shell hands over, as in `clbench run <(generate)`, is a
/// stream, and is read as one; any other path must lead to a regular file.
fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let handed_over = ["/dev/stdin", "/dev/fd", "/proc/self/fd"];
    if handed_over.iter().any(|path| file.starts_with(path)) {
        return regular_file::read_at_most(File::open(file)?, LARGEST_FILE);
    }
    regular_file::read(file, LARGEST_FILE)
}

/// The scenario file in the same folder whose name is closest to the missing one's.
fn neighbour(file: &Path) -> Option<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let listed = if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    };
    let mut names: Vec<String> = std::fs::read_dir(listed)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
        .collect();
    names.sort();
    let wanted = file.file_name()?.to_str()?;
    let found = closest(wanted, names.iter().map(String::as_str))?;
    Some(folder.join(found).display().to_string())
}
