//! A CSV file in memory: columns that are functions of a row, after those that every file begins
//! with.

use crate::report::identity::Identity;
use crate::report::number::decimals;
use crate::results::CellRecord;

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

/// The values of the columns that every file begins with; the same for many rows.
pub(super) struct Origin([String; 15]);

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
        Self(origin().map(|(_, value)| value(source)))
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
pub(in crate::report) fn value(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| decimals(number, 6))
}

/// Text, or an empty field.
pub(in crate::report) fn text(item: Option<impl ToString>) -> String {
    item.map_or_else(String::new, |item| item.to_string())
}
