//! The trait of formats, and what the formats for people have in common.

use crate::report::table::{Column, Field, Mark, Table};
use std::fmt;

/// What a format writes: a leaderboard, a pivot table, a comparison.
pub trait Report {
    /// Its tables for people.
    fn tables(&self) -> Vec<Table>;

    /// The same for programs, as CSV.
    fn csv(&self) -> String;
}

/// A format in which reports are written.
pub trait Export: fmt::Debug + Sync {
    /// Its name for `--format`.
    fn name(&self) -> &'static str;

    /// Its description in `--help`.
    fn summary(&self) -> &'static str;

    /// Writes a report. `width` is that of the terminal that shows it, if one does.
    fn write(&self, report: &dyn Report, width: Option<usize>) -> String;
}

/// The tables of a report, each written by `write`.
pub(super) fn tables(report: &dyn Report, write: impl Fn(&Table) -> String) -> String {
    let tables: Vec<String> = report.tables().iter().map(write).collect();
    tables.join("\n")
}

/// How a format writes what all tables have in common.
pub(super) struct Spelling {
    pub(super) higher_is_better: &'static str,
    pub(super) lower_is_better: &'static str,
    pub(super) plus_minus: &'static str,
    pub(super) dash: &'static str,
    pub(super) escaped: fn(&str) -> String,
    /// The best value, and the second best.
    pub(super) marked: fn(String, Mark) -> String,
    /// A reference to the note with this number.
    pub(super) note: fn(usize) -> String,
}

impl Spelling {
    /// The unit of a column, and whether higher or lower is better; empty if it has none.
    pub(super) fn unit(&self, column: &Column) -> String {
        let Some(unit) = &column.unit else {
            return String::new();
        };
        let arrow = match unit.higher_is_better {
            true => self.higher_is_better,
            false => self.lower_is_better,
        };
        format!("{} {arrow}", (self.escaped)(&unit.name))
    }

    /// A column's name, and its unit.
    pub(super) fn heading(&self, column: &Column) -> String {
        let heading = format!("{} {}", (self.escaped)(&column.name), self.unit(column));
        heading.trim_end().to_owned()
    }

    /// A mean with its spread, if it has one.
    pub(super) fn number(&self, mean: &str, std: Option<&str>) -> String {
        match std {
            Some(std) => format!("{mean} {} {std}", self.plus_minus),
            None => mean.to_owned(),
        }
    }

    /// A field of a table, with its mark and its note.
    pub(super) fn field(&self, field: &Field) -> String {
        let (text, note) = match field {
            Field::Value {
                mean,
                std,
                mark,
                note,
            } => {
                let number = self.number(mean, std.as_deref());
                ((self.marked)(number, *mark), note)
            }
            Field::Text(text) => ((self.escaped)(text), &None),
            Field::Absent(note) => (self.dash.to_owned(), note),
        };
        match note {
            Some(note) => text + &(self.note)(*note),
            None => text,
        }
    }
}
