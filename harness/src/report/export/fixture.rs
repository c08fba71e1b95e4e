//! A leaderboard for the tests of every format.

use super::form::Export;
use crate::metric::Choice;
use crate::metric::fixture::metrics;
use crate::report::leaderboard::Leaderboard;
use crate::results::CellRecord;
use crate::results::fixture::{blind, joint, record};

/// Two domains, two seeds: a head that forgets, a strategy that cannot score unseen classes, a
/// joint run, and one that lacks seed 2.
pub(in crate::report) fn cells() -> Vec<CellRecord> {
    let mut cells = Vec::new();
    for (domain, offset) in [("digits", 0), ("far_away", 20)] {
        for seed in [1, 2] {
            let mut head = record(domain, "head", seed, [50 - offset + seed, 90]);
            head.declaration.batch_dependent = true;
            head.declaration.adaptation = Some("on another encoder".into());
            cells.push(head);
            cells.push(blind(domain, "ncm", seed, [80 - offset, 80 + seed]));
            cells.push(joint(domain, "joint", seed, [97 - offset, 96]));
        }
        cells.push(record(domain, "half", 1, [99, 99]));
    }
    cells
}

/// The example records in a format.
pub(super) fn example(export: &dyn Export, columns: &[&str]) -> String {
    written(export, &cells(), columns)
}

/// Records in a format, with these metrics as columns.
pub(super) fn written(export: &dyn Export, records: &[CellRecord], columns: &[&str]) -> String {
    let choice = Choice {
        rank_by: None,
        columns: columns.iter().map(ToString::to_string).collect(),
    };
    let board = Leaderboard::build(records, &metrics(), &choice, None).unwrap();
    export.write(&board, None)
}
