//! CSV with the columns `file`, `class` and `split`. A class is a name or a number; without the
//! column `class`, the source's own labels apply. With one file per split, the column `split` is
//! left out.

use super::entry::{At, Entries, Entry, ListFile};
use super::form::ValidationPart;
use crate::domain::classes::tag::Tag;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use crate::domain::table::{Row, Table};

/// The entries of a table with both splits.
pub(crate) fn read(file: &ListFile, val: ValidationPart) -> Result<Entries, DomainError> {
    let table = Table::read(file.path())?;
    let split = table.wanted("split")?;
    let mut entries = entries(file, &table, |row| match row.field(split) {
        "train" => Ok(Some(Split::Train)),
        "test" => Ok(Some(Split::Test)),
        "val" | "valid" | "validation" => Ok(val.split()),
        other => {
            let problem = format!("unknown split `{other}`");
            Err(table.bad(row, problem, "write `train`, `val` or `test`"))
        }
    })?;
    // Train before test, as in the samples of a domain.
    entries.used.sort_by_key(|entry| entry.split == Split::Test);
    Ok(entries)
}

/// The entries of a table of one split.
pub(crate) fn read_split(file: &ListFile, split: Split) -> Result<Vec<Entry>, DomainError> {
    let table = Table::read(file.path())?;
    let entries = entries(file, &table, |_| Ok(Some(split)))?;
    Ok(entries.used)
}

/// `split` is the split of a row, or `None` in an unused validation part.
fn entries(
    list: &ListFile,
    table: &Table,
    split: impl Fn(&Row) -> Result<Option<Split>, DomainError>,
) -> Result<Entries, DomainError> {
    let file = table.wanted("file")?;
    let class = table.column("class");
    let mut entries = Entries::default();
    for row in &table.rows {
        let split = split(row)?;
        let tag = class.map(|class| row.field(class));
        if tag == Some("") {
            let problem = format!("`{}` has no class", row.field(file));
            return Err(table.bad(row, problem, "add its class, or remove the column `class`"));
        }
        let (name, tag, at) = (row.field(file), tag.map(Tag::parse), At::Line(row.line));
        match split {
            Some(split) => entries.used.push(list.entry(name, tag, split, at)),
            None => entries.val.push(list.entry(name, tag, Split::Train, at)),
        }
    }
    Ok(entries)
}
