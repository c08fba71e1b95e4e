//! One entry of a split list.

use crate::domain::classes::tag::Tag;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use std::path::Path;
use std::sync::Arc;

/// An image of a list.
pub(crate) struct Entry {
    /// As written, but portable.
    pub(crate) name: String,
    /// Its class, if the list says so.
    pub(crate) tag: Option<Tag>,
    /// Its split.
    pub(crate) split: Split,
    file: Arc<Path>,
    at: At,
}

/// The entries of a list, in its own order.
#[derive(Default)]
pub(crate) struct Entries {
    /// The train split (with the validation part, if it belongs to it), then the test split.
    pub(crate) used: Vec<Entry>,
    /// The validation part, unless it belongs to the train split.
    pub(crate) val: Vec<Entry>,
}

/// The position of an entry in its file.
pub(crate) enum At {
    /// Index into a part of CoOp's JSON.
    Part(&'static str, usize),
    /// Index into `data`.
    Data(usize),
    /// Line number in a table.
    Line(u64),
}

/// A file of a split list, while its entries are read.
pub(crate) struct ListFile {
    path: Arc<Path>,
}

impl ListFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's extension, in lower case.
    pub(crate) fn ending(&self) -> String {
        let ending = self.path.extension().unwrap_or_default();
        ending.to_string_lossy().to_lowercase()
    }

    pub(crate) fn entry(&self, name: &str, tag: Option<Tag>, split: Split, at: At) -> Entry {
        Entry {
            name: portable(name.to_owned()),
            tag,
            split,
            file: Arc::clone(&self.path),
            at,
        }
    }

    /// An error about the file as a whole.
    pub(crate) fn bad(&self, problem: String, fix: &str) -> DomainError {
        DomainError::Format {
            place: self.path.display().to_string(),
            problem,
            fix: fix.to_owned(),
        }
    }

    /// The error about a file whose extension is not that of a split list.
    pub(crate) fn unknown(&self) -> DomainError {
        let problem = "unknown format of split list".to_owned();
        self.bad(problem, "use .json, .yaml, .csv or .txt")
    }
}

impl Entry {
    /// Where the entry is, for a message.
    pub(crate) fn place(&self) -> String {
        let file = self.file.display();
        match self.at {
            At::Part(part, index) => format!("{file}: {part}[{index}]"),
            At::Data(index) => format!("{file}: data[{index}]"),
            At::Line(line) => format!("{file}: line {line}"),
        }
    }
}

/// The portable form of a name.
pub(crate) fn portable(name: String) -> String {
    let of_name = |part: &&str| !part.is_empty() && *part != ".";
    if !name.contains('\\') && name.split('/').all(|part| of_name(&part)) {
        return name;
    }
    let parts: Vec<&str> = name.split(['/', '\\']).filter(of_name).collect();
    parts.join("/")
}
