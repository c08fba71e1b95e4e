//! A CSV table that labels or lists images: named columns, and the line number of every row.

use super::error::DomainError;
use super::file::{note, unreadable};
use super::hash::StampBuilder;
use crate::regular_file::{self, LARGEST_LIST};
use crate::suggest::hint;
use std::path::{Path, PathBuf};

/// A table in memory.
pub(crate) struct Table {
    path: PathBuf,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// One line of a table.
pub(crate) struct Row {
    /// Its line in the file, from 1.
    pub(crate) line: u64,
    fields: csv::StringRecord,
}

impl Table {
    /// Reads a table whose first line names its columns. They are separated by tabs if that line
    /// contains a tab, else by commas.
    pub(crate) fn read(path: &Path, stamp: &mut StampBuilder) -> Result<Self, DomainError> {
        note(path, stamp)?;
        let bytes = regular_file::read(path, LARGEST_LIST).map_err(unreadable(path))?;
        // Spreadsheets write a byte-order mark first.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        if bytes.is_empty() {
            return Err(DomainError::EmptyFile {
                path: path.to_owned(),
            });
        }
        let bad = |error: csv::Error| DomainError::Format {
            place: path.display().to_string(),
            problem: format!("invalid CSV ({error})"),
            fix: "fix the line".to_owned(),
        };
        let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or(bytes);
        let delimiter = if first.contains(&b'\t') { b'\t' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let columns = reader.headers().map_err(bad)?.iter().map(String::from);
        let columns = columns.collect();
        let mut rows = Vec::new();
        let (mut line, mut counted) = (1, 0);
        for record in reader.records() {
            let fields = record.map_err(bad)?;
            // The reader's own position lags where lines end in two bytes: it may be between the
            // two.
            let at = fields.position().map_or(0, |position| position.byte()) as usize;
            let breaks = bytes[at..].iter().take_while(|byte| b"\r\n".contains(byte));
            let start = at + breaks.count();
            let passed = bytes[counted..start].iter();
            line += passed.filter(|&&byte| byte == b'\n').count() as u64;
            counted = start;
            rows.push(Row { line, fields });
        }
        let path = path.to_owned();
        if rows.is_empty() {
            return Err(DomainError::Format {
                place: path.display().to_string(),
                problem: "the table has no rows".to_owned(),
                fix: "copy it again".to_owned(),
            });
        }
        Ok(Self {
            path,
            columns,
            rows,
        })
    }

    /// The number of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The number of a required column.
    pub(crate) fn wanted(&self, name: &str) -> Result<usize, DomainError> {
        self.column(name).ok_or_else(|| {
            let hint = hint(name, self.columns.iter().map(String::as_str));
            DomainError::Format {
                place: format!("{}: line 1", self.path.display()),
                problem: format!("column `{name}` not found"),
                fix: format!("rename the right column to `{name}`{hint}"),
            }
        })
    }

    /// An error about a row.
    pub(crate) fn bad(&self, row: &Row, problem: String, fix: &str) -> DomainError {
        DomainError::Format {
            place: format!("{}: line {}", self.path.display(), row.line),
            problem,
            fix: fix.to_owned(),
        }
    }
}

impl Row {
    /// A field of the row.
    pub(crate) fn field(&self, column: usize) -> &str {
        self.fields.get(column).unwrap_or("")
    }
}
