//! A CSV file in memory: columns that are functions of a row, after those that every file begins
//! with.

use crate::report::identity::Identity;
use crate::report::number::decimals;
use crate::results::CellRecord;

/// A column: its name, and its value in a row.
pub(super) type Column<R> = (&'static str, fn(&R) -> String);

/// The columns that every file begins with: the identity of a row's numbers, and its domain.
pub(super) fn origin<'a>() -> [Column<(&'a Identity, &'a str)>; 14] {
    [
        ("scenario", |(identity, _)| identity.scenario.clone()),
        ("domain", |(_, domain)| (*domain).to_owned()),
        ("split_hash", |(identity, _)| identity.split_hash.clone()),
        ("content_digest", |(identity, _)| {
            identity.content_digest.clone()
        }),
        ("class_order_digest", |(identity, _)| {
            identity.class_order_digest.clone()
        }),
        ("backbone", |(identity, _)| identity.backbone.clone()),
        ("backbone_fingerprint", |(identity, _)| {
            identity.backbone_fingerprint.clone()
        }),
        ("backbone_plugin_hash", |(identity, _)| {
            identity.backbone_plugin_hash.clone()
        }),
        ("strategy", |(identity, _)| identity.strategy.clone()),
        ("method", |(identity, _)| identity.method.clone()),
        ("plugin", |(identity, _)| identity.plugin.clone()),
        ("plugin_version", |(identity, _)| {
            identity.plugin_version.clone()
        }),
        ("plugin_hash", |(identity, _)| identity.plugin_hash.clone()),
        ("settings", |(identity, _)| identity.settings.clone()),
    ]
}

/// The values of the columns that every file begins with; the same for many rows.
pub(super) struct Origin([String; 14]);

impl Origin {
    /// The values for rows about one cell.
    pub(super) fn of(record: &CellRecord) -> Self {
        Self::new(&Identity::of(&[record]), &record.cell.stream.name)
    }

    pub(super) fn new(identity: &Identity, domain: &str) -> Self {
        Self(origin().map(|(_, value)| value(&(identity, domain))))
    }
}

/// A CSV file in memory.
pub(super) struct File<R> {
    columns: Vec<Column<R>>,
    writer: ::csv::Writer<Vec<u8>>,
}

impl<R> File<R> {
    /// A file with these columns after those of the origin.
    pub(super) fn new(columns: impl IntoIterator<Item = Column<R>>) -> Self {
        let columns: Vec<Column<R>> = columns.into_iter().collect();
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let names = columns.iter().map(|(name, _)| *name);
        let header = origin().map(|(name, _)| name).into_iter().chain(names);
        write(&mut writer, header);
        Self { columns, writer }
    }

    pub(super) fn row(&mut self, origin: &Origin, row: &R) {
        let values: Vec<String> = self.columns.iter().map(|(_, value)| value(row)).collect();
        let fields = origin.0.iter().chain(&values);
        write(&mut self.writer, fields);
    }

    pub(super) fn finish(self) -> String {
        let bytes = self.writer.into_inner().expect("memory takes every write");
        String::from_utf8(bytes).expect("made of strings")
    }
}

fn write(writer: &mut ::csv::Writer<Vec<u8>>, fields: impl Iterator<Item = impl AsRef<[u8]>>) {
    writer
        .write_record(fields)
        .expect("memory takes rows of equal length");
}

/// A measured value, or an empty field.
pub(super) fn value(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| decimals(number, 6))
}

/// Text, or an empty field.
pub(super) fn text(item: Option<impl ToString>) -> String {
    item.map_or_else(String::new, |item| item.to_string())
}
