//! A CSV file: columns that are functions of a row, after those that every file begins with.
//!
//! A run of ten thousand cells has a gigabyte of tables, so no file is held in memory.

use crate::report::identity::Identity;
use crate::report::number::decimals;
use crate::results::CellRecord;
use std::io::{self, Write};

/// A column: its name, and its value in a row.
pub(super) type Column<R> = (&'static str, fn(&R) -> String);

/// What the columns that every file begins with are made from.
pub(super) struct Source<'a> {
    pub(super) identity: &'a Identity,
    /// The stream's name, or `overall`.
    pub(super) stream: &'a str,
    /// The domain that the row is about, or those of its stream.
    pub(super) domain: &'a str,
}

/// The columns that every file begins with: the identity of a row's numbers, its stream and its
/// domain.
pub(super) fn origin<'a>() -> [Column<Source<'a>>; 15] {
    [
        ("scenario", |source| source.identity.scenario.clone()),
        ("stream", |source| source.stream.to_owned()),
        ("domain", |source| source.domain.to_owned()),
        ("split_hash", |source| source.identity.split_hash.clone()),
        ("content_digest", |source| {
            source.identity.content_digest.clone()
        }),
        ("class_order_digest", |source| {
            source.identity.class_order_digest.clone()
        }),
        ("backbone", |source| source.identity.backbone.clone()),
        ("backbone_fingerprint", |source| {
            source.identity.backbone_fingerprint.clone()
        }),
        ("backbone_plugin_hash", |source| {
            source.identity.backbone_plugin_hash.clone()
        }),
        ("strategy", |source| source.identity.strategy.clone()),
        ("method", |source| source.identity.method.clone()),
        ("plugin", |source| source.identity.plugin.clone()),
        ("plugin_version", |source| {
            source.identity.plugin_version.clone()
        }),
        ("plugin_hash", |source| source.identity.plugin_hash.clone()),
        ("settings", |source| source.identity.settings.clone()),
    ]
}

/// The columns that every file begins with, as written in rows: these are the same in many.
pub(super) struct Origin(String);

impl Origin {
    /// The values for rows about one cell.
    pub(super) fn of(record: &CellRecord) -> Self {
        Self::on(record, &record.cell.stream.domain_names())
    }

    /// The values for rows about one cell on one domain of its stream.
    pub(super) fn on(record: &CellRecord, domain: &str) -> Self {
        Self::new(&Source {
            identity: &Identity::of(&[record]),
            stream: &record.cell.stream.name,
            domain,
        })
    }

    pub(super) fn new(source: &Source<'_>) -> Self {
        Self(line(origin().map(|(_, value)| value(source))))
    }
}

/// A CSV file that is being written.
pub(super) struct File<'a, R> {
    columns: Vec<Column<R>>,
    out: &'a mut dyn Write,
}

impl<'a, R> File<'a, R> {
    /// A file with these columns after those of the origin.
    pub(super) fn new(
        columns: impl IntoIterator<Item = Column<R>>,
        out: &'a mut dyn Write,
    ) -> io::Result<Self> {
        let columns: Vec<Column<R>> = columns.into_iter().collect();
        let names = columns.iter().map(|(name, _)| *name);
        let header = origin().map(|(name, _)| name).into_iter().chain(names);
        writeln!(out, "{}", line(header))?;
        Ok(Self { columns, out })
    }

    pub(super) fn row(&mut self, origin: &Origin, row: &R) -> io::Result<()> {
        let values = self.columns.iter().map(|(_, value)| value(row));
        writeln!(self.out, "{},{}", origin.0, line(values))
    }
}

/// Fields with commas between them. A field with a comma, a quote or a line break is quoted.
fn line(fields: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut line = String::new();
    for (index, field) in fields.into_iter().enumerate() {
        let field = field.as_ref();
        if index > 0 {
            line.push(',');
        }
        match field.contains([',', '"', '\n', '\r']) {
            false => line += field,
            true => line += &format!("\"{}\"", field.replace('"', "\"\"")),
        }
    }
    line
}

/// A measured value, or an empty field.
pub(in crate::report) fn value(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| decimals(number, 6))
}

/// Text, or an empty field.
pub(in crate::report) fn text(item: Option<impl ToString>) -> String {
    item.map_or_else(String::new, |item| item.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_the_csv_crate_writes() {
        let fields = [
            "plain",
            "",
            "a, b",
            "\"é\"",
            "two\nlines",
            "cr\rhere",
            " ; ",
        ];
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(fields).unwrap();
        let written = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        assert_eq!(line(fields) + "\n", written);
    }
}
