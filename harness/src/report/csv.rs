//! The CSV files of a run; the page `columns.md` of the manual explains every column.
//!
//! Rows are in the order of the records. Measured values always have six decimals and seconds
//! three, so equal inputs give equal bytes; a missing value is an empty field. What strategies
//! reported has all its digits. A column is a name and a function that returns its value in a row;
//! every row begins with the identity of its numbers.

mod accuracy;
mod classes;
mod confusion;
mod costs;
mod domains;
mod file;
mod leaderboard;
mod metrics;
mod scalars;

use super::ReportError;
use super::coverage::Coverage;
use super::leaderboard::Leaderboard;
use crate::atomic::PendingFile;
use crate::metric::{Choice, MetricInfo, MetricSet, evaluate};
use crate::results::{CellRecord, RunFolder};
use std::io::{self, Write};
use std::{panic, thread};

pub(super) use file::{text, value};

/// A file: its name, and what writes its content.
type Table = (
    &'static str,
    fn(&Content<'_>, &mut dyn Write) -> io::Result<()>,
);

/// All files.
const TABLES: &[Table] = &[
    ("accuracy", |content, out| {
        accuracy::accuracy(content.records, out)
    }),
    ("metrics", |content, out| {
        metrics::metrics(content.records, content.metrics, content.values, out)
    }),
    ("costs", |content, out| costs::costs(content.records, out)),
    ("leaderboard", |content, out| {
        leaderboard::leaderboard(content.leaderboard, out)
    }),
    ("domains", |content, out| {
        domains::domains(content.leaderboard, out)
    }),
    ("classes", |content, out| {
        classes::classes(content.records, out)
    }),
    ("scalars", |content, out| {
        scalars::scalars(content.records, out)
    }),
    ("confusion", |content, out| {
        confusion::confusion(content.records, out)
    }),
];

/// The names of the CSV files of a run, without `.csv`.
pub fn table_names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|(name, _)| *name)
}

/// The data that the files are made from.
pub struct Content<'a> {
    records: &'a [CellRecord],
    metrics: &'a [MetricInfo],
    /// By record and metric.
    values: &'a [Vec<Option<f64>>],
    leaderboard: &'a Leaderboard,
}

/// Writes every CSV file of a run, each atomically, and returns the leaderboard. A file without
/// rows has its header.
///
/// # Errors
///
/// If the leaderboard cannot be built, or a file cannot be written.
pub fn write_tables(
    folder: &RunFolder,
    records: &[CellRecord],
    metrics: &dyn MetricSet,
    choice: &Choice,
    coverage: Option<&Coverage>,
) -> Result<Leaderboard, ReportError> {
    let values = evaluate(records, metrics)?;
    let infos = metrics.infos();
    let leaderboard = Leaderboard::of_values(records, infos, &values, choice, coverage)?;
    let content = Content {
        records,
        metrics: infos,
        values: &values,
        leaderboard: &leaderboard,
    };
    // All at the same time, since some are much longer than others.
    thread::scope(|scope| {
        let writers: Vec<_> = TABLES
            .iter()
            .map(|table| scope.spawn(|| write_table(folder, table, &content)))
            .collect();
        let written = writers.into_iter().map(|writer| {
            let ended = writer.join();
            ended.unwrap_or_else(|panic| panic::resume_unwind(panic))
        });
        written.collect::<Result<(), ReportError>>()
    })?;
    Ok(leaderboard)
}

fn write_table(
    folder: &RunFolder,
    (name, table): &Table,
    content: &Content<'_>,
) -> Result<(), ReportError> {
    let path = folder.table(name);
    let written = || {
        let mut file = PendingFile::create(&path)?;
        table(content, &mut file)?;
        file.commit()
    };
    written().map_err(|source| ReportError::Unwritten { path, source })
}

/// `leaderboard.csv` in memory.
pub(super) fn leaderboard(leaderboard: &Leaderboard) -> String {
    in_memory(|out| leaderboard::leaderboard(leaderboard, out))
}

/// `domains.csv` in memory.
pub(super) fn domains(leaderboard: &Leaderboard) -> String {
    in_memory(|out| domains::domains(leaderboard, out))
}

fn in_memory(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("memory takes every write");
    String::from_utf8(bytes).expect("made of strings")
}

#[cfg(test)]
mod tests {
    use super::file::origin;
    use super::*;
    use crate::metric::fixture::metrics;
    use crate::results::fixture::{blind, joint, record, with_classes};
    use expect_test::expect;

    /// `wanted` columns of a CSV, one line per row.
    pub(super) fn columns(csv: &str, wanted: &[&str]) -> String {
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let index = |name: &&str| header.iter().position(|h| h == *name).expect(name);
        let picked: Vec<usize> = wanted.iter().map(index).collect();
        let line = |row: ::csv::StringRecord| -> String {
            let fields: Vec<&str> = picked.iter().map(|&index| &row[index]).collect();
            fields.join(",") + "\n"
        };
        reader.records().map(|row| line(row.unwrap())).collect()
    }

    /// The columns that only this file has.
    pub(super) fn own_columns(csv: &str) -> String {
        let header = csv.lines().next().unwrap();
        let origin = origin().map(|(name, _)| name).join(",");
        let own = header.strip_prefix(&origin).expect("every file begins so");
        own.trim_start_matches(',').to_owned()
    }

    pub(super) fn cells() -> Vec<CellRecord> {
        vec![
            record("digits", "head", 1, [50, 90]),
            with_classes(record("digits", "head", 2, [60, 90])),
            blind("digits", "ncm", 1, [80, 80]),
            blind("digits", "ncm", 2, [84, 80]),
            joint("digits", "joint", 1, [97, 96]),
            joint("digits", "joint", 2, [98, 95]),
        ]
    }

    pub(super) fn board(records: &[CellRecord]) -> Leaderboard {
        Leaderboard::build(records, &metrics(), &Choice::default(), None).unwrap()
    }

    /// All files, by name.
    fn files(records: &[CellRecord]) -> Vec<(&'static str, String)> {
        let (set, board) = (metrics(), board(records));
        let content = Content {
            records,
            metrics: set.infos(),
            values: &evaluate(records, &set).unwrap(),
            leaderboard: &board,
        };
        let files = TABLES.iter();
        files
            .map(|(name, table)| (*name, in_memory(|out| table(&content, out))))
            .collect()
    }

    #[test]
    fn every_row_begins_with_its_identity() {
        let csv = files(&cells()[..1]).remove(0).1;
        let mut lines = csv.lines();
        let header = lines.next().unwrap();
        let own = own_columns(&csv);
        expect!["scenario,stream,domain,split_hash,content_digest,class_order_digest,backbone,backbone_fingerprint,backbone_plugin_hash,strategy,method,plugin,plugin_version,plugin_hash,settings,"]
            .assert_eq(header.strip_suffix(&own).unwrap());
        expect!["quick,digits,digits,digits-split,digits-images,order1,pixels,weights,pixels-file,head,head,heads,0.1.0,heads-file,9256cd0c3360"]
            .assert_eq(&lines.next().unwrap().split(',').take(15).collect::<Vec<_>>().join(","));
    }

    #[test]
    fn equal_records_give_equal_bytes_in_all_files_except_costs() {
        let mut again = cells();
        for record in &mut again {
            record.costs.wall_seconds.learn *= 3.0;
        }
        for ((name, one), (_, two)) in files(&cells()).into_iter().zip(files(&again)) {
            assert_eq!(one == two, name != "costs", "{name}");
        }
    }

    #[test]
    fn every_column_is_explained_in_the_manual() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/columns.md");
        let page = std::fs::read_to_string(page).unwrap();
        let section = |title: &str| {
            let start = page.find(&format!("\n## {title}")).expect(title);
            let end = page[start + 4..]
                .find("\n## ")
                .map_or(page.len(), |end| start + 4 + end);
            &page[start..end]
        };
        let explained = |column: &str, title: &str| {
            let row = format!("\n| `{column}` |");
            assert!(section(title).contains(&row), "{column} under {title}");
        };
        for (column, _) in origin() {
            explained(column, "Columns of every file");
        }
        for (name, csv) in files(&cells()) {
            for column in own_columns(&csv).split(',') {
                explained(column, &format!("{name}.csv"));
            }
        }
    }
}
