//! A CSV file in memory: columns that are functions of a row, and those that every file begins
//! with.

use crate::report::identity::Identity;
use crate::report::number::decimals;

/// A column: its name, and its value in a row.
pub(super) type Column<R> = (&'static str, fn(&R) -> String);

/// What a row's numbers come from.
pub(super) struct Origin<'a> {
    pub(super) identity: &'a Identity,
    pub(super) domain: &'a str,
}

/// The columns that every file begins with.
pub(super) fn origin<'a>() -> [Column<Origin<'a>>; 13] {
    [
        ("scenario", |row| row.identity.scenario.clone()),
        ("domain", |row| row.domain.to_owned()),
        ("split_hash", |row| row.identity.split_hash.clone()),
        ("class_order_digest", |row| {
            row.identity.class_order_digest.clone()
        }),
        ("backbone", |row| row.identity.backbone.clone()),
        ("backbone_fingerprint", |row| {
            row.identity.backbone_fingerprint.clone()
        }),
        ("backbone_plugin_hash", |row| {
            row.identity.backbone_plugin_hash.clone()
        }),
        ("strategy", |row| row.identity.strategy.clone()),
        ("method", |row| row.identity.method.clone()),
        ("plugin", |row| row.identity.plugin.clone()),
        ("plugin_version", |row| row.identity.plugin_version.clone()),
        ("plugin_hash", |row| row.identity.plugin_hash.clone()),
        ("settings", |row| row.identity.settings.clone()),
    ]
}

/// A CSV file in memory.
pub(super) struct File<R> {
    columns: Vec<Column<R>>,
    writer: ::csv::Writer<Vec<u8>>,
}

impl<R> File<R> {
    /// With these columns after those of the origin.
    pub(super) fn new(columns: impl IntoIterator<Item = Column<R>>) -> Self {
        let mut file = Self {
            columns: columns.into_iter().collect(),
            writer: ::csv::Writer::from_writer(Vec::new()),
        };
        let origin = origin().map(|(name, _)| name.to_owned());
        let names = file.columns.iter().map(|(name, _)| (*name).to_owned());
        let header: Vec<String> = origin.into_iter().chain(names).collect();
        file.write(&header);
        file
    }

    pub(super) fn row(&mut self, from: &Origin<'_>, row: &R) {
        let origin = origin().map(|(_, value)| value(from));
        let values = self.columns.iter().map(|(_, value)| value(row));
        let fields: Vec<String> = origin.into_iter().chain(values).collect();
        self.write(&fields);
    }

    fn write(&mut self, fields: &[String]) {
        self.writer
            .write_record(fields)
            .expect("memory takes rows of equal length");
    }

    pub(super) fn finish(self) -> String {
        let bytes = self.writer.into_inner().expect("memory takes every write");
        String::from_utf8(bytes).expect("made of strings")
    }
}

/// A measured value, or nothing.
pub(super) fn value(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| decimals(number, 6))
}

/// What is there, or nothing.
pub(super) fn text(item: Option<impl ToString>) -> String {
    item.map_or_else(String::new, |item| item.to_string())
}
