//! A figure.

use crate::report::number::decimals;
use crate::report::plot::Svg;

/// A picture of a section and the numbers in it.
#[derive(Debug)]
pub struct Figure {
    /// The end of its files' names.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// Whether the page shows it. Matrices of single strategies are files only: the page draws
    /// those of every cell.
    pub on_page: bool,
    /// The picture.
    pub svg: Svg,
    /// The numbers, as CSV.
    pub csv: String,
}

/// A CSV file with these columns.
pub(super) fn csv<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let full = "memory takes rows of equal length";
    writer.write_record(header).expect(full);
    for row in rows {
        writer.write_record(row).expect(full);
    }
    let bytes = writer.into_inner().expect("memory takes every write");
    String::from_utf8(bytes).expect("made of strings")
}

/// A number of a CSV file, or an empty field.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| decimals(value, 6))
}
