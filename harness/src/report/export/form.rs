//! What a form is, and what the forms for people have in common.

use crate::report::leaderboard::Leaderboard;
use crate::report::table::{Column, Table};
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

/// A leaderboard as tables for people, one per section, each written by `write`.
pub(super) fn tables(leaderboard: &Leaderboard, write: impl Fn(&Table) -> String) -> String {
    let tables: Vec<String> = Table::all(leaderboard).iter().map(write).collect();
    tables.join("\n")
}

/// How a form spells what all tables have.
pub(super) struct Spelling {
    pub(super) higher_is_better: &'static str,
    pub(super) lower_is_better: &'static str,
    pub(super) plus_minus: &'static str,
    pub(super) escaped: fn(&str) -> String,
}

impl Spelling {
    /// A metric's unit, and which way is up.
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

/// A rank, or nothing.
pub(super) fn rank(rank: Option<u32>) -> String {
    rank.map_or_else(String::new, |rank| rank.to_string())
}
