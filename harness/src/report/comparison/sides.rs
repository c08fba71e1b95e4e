//! What is compared: two strategies of one leaderboard, or the strategies of two runs.

use crate::report::ReportError;
use crate::report::leaderboard::Leaderboard;
use crate::report::standing::{Entry, Scope};
use crate::results::CellRecord;
use crate::suggest::hint;

/// A strategy of a leaderboard.
pub(super) struct Side {
    /// What tables call it.
    pub(super) title: String,
    /// Its cells of all streams.
    pub(super) cells: Vec<usize>,
}

/// A strategy that two runs have.
pub(super) struct InBoth {
    pub(super) title: String,
    /// Its cells in both.
    pub(super) cells: [Vec<usize>; 2],
}

/// The strategy that tables call so, or that the scenario does.
pub(super) fn strategy(board: &Leaderboard, name: &str) -> Result<Side, ReportError> {
    let streams = board.sections.iter();
    let streams = streams.filter(|section| matches!(section.scope, Scope::Stream { .. }));
    let streams: Vec<&[Entry]> = streams.map(|section| &section.entries[..]).collect();
    let entries = || streams.iter().copied().flatten();
    let is_called = |entry: &Entry| entry.label == name;
    let is_named =
        |entry: &Entry| entry.identity.strategy == name || entry.own_label.as_deref() == Some(name);
    // A table adds to the names of rows that would be called the same, stream by stream.
    let called: Vec<&Entry> = entries().filter(|entry| is_called(entry)).collect();
    let is_same = |entry: &Entry| called.iter().any(|called| row(called) == row(entry));
    let mut cells = Vec::new();
    for stream in &streams {
        let ways: [&dyn Fn(&Entry) -> bool; 3] = [&is_called, &is_named, &is_same];
        let found = ways.map(|way| stream.iter().filter(|entry| way(entry)).collect::<Vec<_>>());
        let found = found.into_iter().find(|found| !found.is_empty());
        let found = found.unwrap_or_default();
        match found[..] {
            [] => {}
            [one] => cells.extend(&one.cells),
            _ => {
                let rows = found.iter().map(|entry| entry.label.clone()).collect();
                let name = name.to_owned();
                return Err(ReportError::SeveralRows { name, rows });
            }
        }
    }
    if cells.is_empty() {
        let mut known: Vec<&str> = Vec::new();
        for entry in entries() {
            for name in [&entry.label, &entry.identity.strategy] {
                if !known.contains(&&**name) {
                    known.push(name);
                }
            }
        }
        let name = name.to_owned();
        let hint = hint(&name, known);
        return Err(ReportError::UnknownStrategy { name, hint });
    }
    let own = |entry: &&Entry| {
        let title = entry.own_label.as_ref();
        title.unwrap_or(&entry.identity.strategy).clone()
    };
    let title = match called.is_empty() {
        false => name.to_owned(),
        true => entries()
            .find(|entry| is_named(entry))
            .map_or_else(|| name.to_owned(), |entry| own(&entry)),
    };
    Ok(Side { title, cells })
}

/// The scenario's line that an entry is of.
fn row(entry: &Entry) -> [&str; 3] {
    let identity = &entry.identity;
    [&identity.scenario, &identity.strategy, &identity.backbone]
}

/// The strategies that two runs have in common, and sentences about the others. The records of the
/// first run come first, up to index `first`.
pub(super) fn strategies_in_both(
    records: &[CellRecord],
    first: usize,
    sides: &[String; 2],
) -> (Vec<InBoth>, Vec<String>) {
    let mut found: Vec<(Key<'_>, InBoth)> = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let key = Key::of(record);
        let side = usize::from(index >= first);
        let known = found.iter().position(|(other, _)| *other == key);
        let at = known.unwrap_or_else(|| {
            let title = record.cell.strategy.title().to_owned();
            let cells = Default::default();
            found.push((key, InBoth { title, cells }));
            found.len() - 1
        });
        found[at].1.cells[side].push(index);
    }
    // Of rows that differ in their backbones only, the title says which.
    let titles: Vec<String> = found.iter().map(|(_, row)| row.title.clone()).collect();
    for (key, row) in &mut found {
        if titles.iter().filter(|title| **title == row.title).count() > 1 {
            row.title += &format!(" on {}", key.backbones.join("+"));
        }
    }
    let (mut both, mut only) = (Vec::new(), [Vec::new(), Vec::new()]);
    for (_, row) in found {
        match row.cells.each_ref().map(Vec::is_empty) {
            [false, false] => both.push(row),
            [is_second, _] => only[usize::from(is_second)].push(row.title),
        }
    }
    let only = sides.iter().zip(only).filter(|(_, rows)| !rows.is_empty());
    let left_out = only.map(|(side, rows)| format!("{}: only in {side}", rows.join(", ")));
    (both, left_out.collect())
}

#[derive(PartialEq, Eq)]
struct Key<'a> {
    row: &'a str,
    backbones: Vec<&'a str>,
}

impl<'a> Key<'a> {
    fn of(record: &'a CellRecord) -> Self {
        let backbones = record.cell.backbones.iter();
        Self {
            row: &record.cell.strategy.row,
            backbones: backbones.map(|backbone| &*backbone.name).collect(),
        }
    }
}
