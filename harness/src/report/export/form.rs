//! The trait of formats, and what the formats for people have in common.

use crate::report::leaderboard::Leaderboard;
use crate::report::table::{Column, Table};
use std::fmt;

/// A format in which a leaderboard is written.
pub trait Export: fmt::Debug + Sync {
    /// Its name for `--format`.
    fn name(&self) -> &'static str;

    /// Its description in `--help`.
    fn summary(&self) -> &'static str;

    /// Writes a leaderboard.
    fn write(&self, leaderboard: &Leaderboard) -> String;
}

/// A leaderboard as tables for people, one per section, each written by `write`.
pub(super) fn tables(leaderboard: &Leaderboard, write: impl Fn(&Table) -> String) -> String {
    let tables: Vec<String> = Table::all(leaderboard).iter().map(write).collect();
    tables.join("\n")
}

/// How a format writes what all tables have in common.
pub(super) struct Spelling {
    pub(super) higher_is_better: &'static str,
    pub(super) lower_is_better: &'static str,
    pub(super) plus_minus: &'static str,
    pub(super) escaped: fn(&str) -> String,
}

impl Spelling {
    /// A metric's unit, and whether higher or lower is better.
    pub(super) fn unit(&self, column: &Column) -> String {
        let arrow = match column.higher_is_better {
            true => self.higher_is_better,
            false => self.lower_is_better,
        };
        format!("{} {arrow}", (self.escaped)(&column.unit))
    }

    /// A metric's name, and its unit.
    pub(super) fn heading(&self, column: &Column) -> String {
        format!("{} {}", (self.escaped)(&column.metric), self.unit(column))
    }

    /// A mean with its spread, if it has one.
    pub(super) fn number(&self, mean: &str, std: Option<&str>) -> String {
        match std {
            Some(std) => format!("{mean} {} {std}", self.plus_minus),
            None => mean.to_owned(),
        }
    }
}

/// A rank, or an empty text.
pub(super) fn rank(rank: Option<u32>) -> String {
    rank.map_or_else(String::new, |rank| rank.to_string())
}
