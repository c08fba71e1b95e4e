//! The forms in which a leaderboard is written: one file each, and one line in [`EXPORTS`].

mod csv;
#[cfg(test)]
mod fixture;
mod latex;
mod markdown;
mod terminal;

use super::leaderboard::Leaderboard;
use super::table::{Column, Table};
use std::fmt;

/// A form in which a leaderboard is written.
pub trait Export: fmt::Debug + Sync {
    /// What `--format` calls it.
    fn name(&self) -> &'static str;

    /// What it is for, as `--help` says it.
    fn summary(&self) -> &'static str;

    /// Writes a leaderboard.
    fn write(&self, leaderboard: &Leaderboard) -> String;
}

/// All of them; the first is the default.
pub const EXPORTS: [&dyn Export; 4] = [
    &terminal::Terminal,
    &csv::Csv,
    &markdown::Markdown,
    &latex::Latex,
];

/// The one for a terminal.
pub const TERMINAL: &dyn Export = EXPORTS[0];

/// The one of this name.
pub fn by_name(name: &str) -> Option<&'static dyn Export> {
    EXPORTS.into_iter().find(|export| export.name() == name)
}

/// A leaderboard as tables for people, one per section, each written by `write`.
fn tables(leaderboard: &Leaderboard, write: impl Fn(&Table) -> String) -> String {
    let tables: Vec<String> = Table::all(leaderboard).iter().map(write).collect();
    tables.join("\n")
}

/// How a form spells what all tables have.
struct Spelling {
    higher_is_better: &'static str,
    lower_is_better: &'static str,
    plus_minus: &'static str,
    escaped: fn(&str) -> String,
}

impl Spelling {
    /// A metric's unit, and which way is up.
    fn unit(&self, column: &Column) -> String {
        let arrow = match column.higher_is_better {
            true => self.higher_is_better,
            false => self.lower_is_better,
        };
        format!("{} {arrow}", (self.escaped)(&column.unit))
    }

    /// A metric's name, and its unit.
    fn heading(&self, column: &Column) -> String {
        format!("{} {}", (self.escaped)(&column.metric), self.unit(column))
    }

    /// A mean with its spread, if it has one.
    fn number(&self, mean: &str, std: Option<&str>) -> String {
        match std {
            Some(std) => format!("{mean} {} {std}", self.plus_minus),
            None => mean.to_owned(),
        }
    }
}

/// A rank, or nothing.
fn rank(rank: Option<u32>) -> String {
    rank.map_or_else(String::new, |rank| rank.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        for export in EXPORTS {
            assert_eq!(by_name(export.name()).unwrap().summary(), export.summary());
        }
        assert_eq!(TERMINAL.name(), "table");
    }
}
