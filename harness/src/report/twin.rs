//! Cells that say the same twice.
//!
//! Two scenarios may have a row in common, or two machines may have run the same one. If its cells
//! have the same numbers, a table shows it once. The plugin files may differ: the same source gives
//! another file on another machine, and if it gave other numbers, they would show it.

use crate::results::{CellBackbone, CellRecord};

/// Whether two cells of one section learned with the same seed, under the same conditions, and have
/// the same numbers.
pub(super) fn are_twins(one: &CellRecord, other: &CellRecord) -> bool {
    conditions(one) == conditions(other) && one.matrices == other.matrices
}

/// What a row says about how a cell learned, except for the files of plugins.
fn conditions(record: &CellRecord) -> impl PartialEq + '_ {
    let cell = &record.cell;
    let strategy = &cell.strategy;
    let backbones: Vec<_> = cell.backbones.iter().map(weights).collect();
    (
        (&strategy.row, &strategy.use_, strategy.regime),
        (&strategy.parameters, strategy.provenance, strategy.trials),
        (backbones, cell.seed, cell.threads, &cell.device),
        cell.stream.spec.augmentation,
        &record.declaration,
    )
}

/// A backbone: where its weights lie does not matter.
fn weights(backbone: &CellBackbone) -> [&str; 4] {
    [
        &backbone.name,
        &backbone.use_,
        &backbone.fingerprint,
        &backbone.dtype,
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{Leaderboard, Score, Section};
    use super::*;
    use crate::metric::Choice;
    use crate::metric::fixture::metrics;
    use crate::results::fixture::{joint, record};

    fn sections(records: &[CellRecord]) -> Vec<Section> {
        let board = Leaderboard::build(records, &metrics(), &Choice::default(), None);
        board.unwrap().sections
    }

    /// Label, rank and mean of each entry.
    fn shown(section: &Section) -> Vec<String> {
        let entries = section.entries.iter();
        let line = |entry: &super::super::Entry| match &entry.scores[0] {
            Score::Measured { summary, .. } => {
                format!("{} {:?} {}", entry.label, entry.standing, summary.mean)
            }
            Score::Absent(_) => format!("{} {:?}", entry.label, entry.standing),
        };
        entries.map(line).collect()
    }

    fn of_scenario(scenario: &str, mut record: CellRecord) -> CellRecord {
        record.cell.scenario = scenario.into();
        record
    }

    #[test]
    fn a_row_that_two_scenarios_have_in_common_is_shown_once() {
        let common = |domain, last| record(domain, "ncm", 1, last);
        let other = |record| of_scenario("other", record);
        let mut rebuilt = other(common("far", [40, 50]));
        rebuilt.cell.strategy.plugin.hash = "built elsewhere".into();
        let sections = sections(&[
            common("near", [80, 90]),
            common("far", [40, 50]),
            record("near", "best", 1, [99, 99]),
            record("far", "best", 1, [99, 99]),
            other(common("near", [80, 90])),
            rebuilt,
            other(record("near", "new", 1, [10, 20])),
            other(record("far", "new", 1, [10, 20])),
        ]);
        let near = ["ncm Ranked(2) 85", "best Ranked(1) 99", "new Ranked(3) 15"];
        assert_eq!(shown(&sections[0]), near);
        let overall = ["ncm Ranked(2) 65", "best Ranked(1) 99", "new Ranked(3) 15"];
        assert_eq!(shown(&sections[2]), overall);
    }

    #[test]
    fn one_scenario_run_on_two_machines_is_one_row() {
        let mut rebuilt = record("digits", "ncm", 1, [80, 90]);
        rebuilt.cell.backbones[0].plugin.hash = "built elsewhere".into();
        let sections = sections(&[record("digits", "ncm", 1, [80, 90]), rebuilt]);
        assert_eq!(shown(&sections[0]), ["ncm Ranked(1) 85"]);
        assert_eq!(shown(&sections[1]), ["ncm Ranked(1) 85"]);
    }

    #[test]
    fn other_numbers_settings_or_seeds_are_another_row() {
        let first = record("digits", "ncm", 1, [80, 90]);
        let other = |record| of_scenario("other", record);
        let mut longer = other(first.clone());
        longer.cell.strategy.parameters = serde_json::json!({"epochs": 50});
        let mut device = other(first.clone());
        device.cell.device = "cuda".into();
        let more_seeds = other(record("digits", "ncm", 2, [80, 90]));
        for different in [
            vec![other(record("digits", "ncm", 1, [80, 91]))],
            vec![longer],
            vec![device],
            vec![other(joint("digits", "ncm", 1, [80, 90]))],
            vec![other(first.clone()), more_seeds],
        ] {
            let records = [vec![first.clone()], different].concat();
            let labels: Vec<_> = sections(&records)[0]
                .entries
                .iter()
                .map(|entry| entry.label.clone())
                .collect();
            assert_eq!(labels, ["ncm (quick)", "ncm (other)"]);
        }
    }

    #[test]
    fn of_two_rows_that_say_the_same_a_complete_one_is_shown() {
        let other = |record| of_scenario("other", record);
        let sections = sections(&[
            record("digits", "ncm", 1, [80, 90]),
            // The first scenario has another seed, which `ncm` lacks.
            record("digits", "head", 1, [10, 10]),
            record("digits", "head", 2, [10, 10]),
            other(record("digits", "ncm", 1, [80, 90])),
        ]);
        for section in sections {
            assert_eq!(shown(&section), ["ncm Ranked(1) 85", "head Ranked(2) 10"]);
        }
    }
}
