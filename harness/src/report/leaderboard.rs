//! The leaderboard: means over seeds and streams, and ranks.

use super::ReportError;
use super::coverage::Coverage;
use super::rank::judged;
use super::row::{Row, Source};
use super::section;
use super::standing::Section;
use crate::metric::{Choice, MetricInfo, MetricSet, evaluate};
use crate::results::CellRecord;
use harness_abi::Matrix;

/// A comparison of all strategies, per stream and over streams.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaderboard {
    /// The metrics, in the order of [`Entry::scores`](super::Entry::scores).
    pub metrics: Vec<MetricInfo>,
    /// The index of the metric that ranks, if there is one.
    pub rank_by: Option<usize>,
    /// The indices of the metrics that tables show.
    pub columns: Vec<usize>,
    /// The streams in the order of the records, followed by the means over streams.
    pub sections: Vec<Section>,
    /// Whether tables show Transfer, Avg and Last on each domain instead of metrics, and among
    /// which candidates.
    pub per_domain: Option<Matrix>,
}

impl Leaderboard {
    /// Computes the metrics of every record and aggregates them. By default, the coverage is what
    /// the records of a scenario cover together.
    ///
    /// # Errors
    ///
    /// If a metric cannot be computed, a chosen metric is unknown, or records contradict each
    /// other.
    pub fn build(
        records: &[CellRecord],
        metrics: &dyn MetricSet,
        choice: &Choice,
        coverage: Option<&Coverage>,
    ) -> Result<Self, ReportError> {
        let values = evaluate(records, metrics)?;
        Self::of_values(records, metrics.infos(), &values, choice, coverage)
    }

    /// The same, from values that are already computed.
    pub(super) fn of_values(
        records: &[CellRecord],
        metrics: &[MetricInfo],
        values: &[Vec<Option<f64>>],
        choice: &Choice,
        coverage: Option<&Coverage>,
    ) -> Result<Self, ReportError> {
        let rank_by = choice.rank_by(metrics)?;
        let columns = choice.columns(metrics)?;
        let source = Source {
            records,
            metrics,
            values,
        };
        let (units, places) = section::sort(records, coverage)?;
        let rows: Vec<Vec<Row<'_>>> = places
            .iter()
            .map(|place| source.rows(place))
            .collect::<Result<_, _>>()?;
        let streams = rows.iter().map(|rows| source.stream(rows, &units));
        let sections = streams.chain(source.overall(&rows, &units));
        Ok(Self {
            metrics: metrics.to_vec(),
            rank_by,
            columns,
            per_domain: None,
            sections: sections
                .map(|section| judged(section, metrics, rank_by))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::standing::{Absence, Entry, Score, Standing};
    use super::*;
    use crate::id::Seed;
    use crate::metric::fixture::metrics;
    use crate::results::fixture::{blind, joint, record};
    use crate::stream::{ClassOrder, Convention, SeedRef};
    use harness_abi::{Matrix, MetricInfo};
    use std::num::NonZeroUsize;

    fn build(records: &[CellRecord]) -> Leaderboard {
        Leaderboard::build(records, &metrics(), &Choice::default(), None).unwrap()
    }

    /// Label, standing and mean FAA of each entry.
    fn standings(section: &Section) -> Vec<(&str, Standing, Option<f64>)> {
        let faa = |entry: &Entry| match &entry.scores[0] {
            Score::Measured { summary, .. } => Some(summary.mean),
            Score::Absent(_) => None,
        };
        let entries = section.entries.iter();
        entries
            .map(|entry| (entry.label.as_str(), entry.standing.clone(), faa(entry)))
            .collect()
    }

    fn names(leaderboard: &Leaderboard) -> Vec<&str> {
        leaderboard
            .sections
            .iter()
            .map(|section| section.scope.name())
            .collect()
    }

    #[test]
    fn equal_means_share_a_rank_and_joint_runs_have_none() {
        let board = build(&[
            record("digits", "d", 1, [10, 10]),
            record("digits", "b", 1, [70, 80]),
            joint("digits", "joint", 1, [99, 99]),
            blind("digits", "c", 1, [80, 70]),
            record("digits", "a", 1, [80, 90]),
        ]);
        use Standing::{Ranked, Reference};
        assert_eq!(
            standings(&board.sections[0]),
            [
                ("d", Ranked(4), Some(10.0)),
                ("b", Ranked(2), Some(75.0)),
                ("joint", Reference, Some(99.0)),
                ("c", Ranked(2), Some(75.0)),
                ("a", Ranked(1), Some(85.0)),
            ]
        );
        let absences: Vec<&Score> = board.sections[0]
            .entries
            .iter()
            .map(|entry| &entry.scores[1])
            .collect();
        assert_eq!(*absences[2], Score::Absent(Absence::Joint));
        assert_eq!(*absences[3], Score::Absent(Absence::CannotScoreUnseen));
    }

    #[test]
    fn a_negative_loss_of_accuracy_is_not_marked_as_best() {
        struct Loss(Vec<MetricInfo>);
        impl MetricSet for Loss {
            fn infos(&self) -> &[MetricInfo] {
                &self.0
            }
            fn compute(&self, record: &CellRecord) -> Result<Vec<Option<f64>>, String> {
                let loss = record.cell.strategy.row.parse().map(Some);
                loss.map(|loss| vec![loss])
                    .map_err(|_| "not a number".into())
            }
        }
        let best = |unit: &str| {
            let loss = Loss(vec![MetricInfo {
                name: "loss".into(),
                unit: unit.into(),
                higher_is_better: false,
                matrix: Some(Matrix::All),
                summary: String::new(),
            }]);
            let records = ["-20", "3", "5"].map(|loss| record("digits", loss, 1, [80, 80]));
            let board = Leaderboard::build(&records, &loss, &Choice::default(), None).unwrap();
            let entries = board.sections[0].entries.iter();
            let best =
                |entry: &&Entry| matches!(entry.scores[0], Score::Measured { best: true, .. });
            entries
                .filter(best)
                .map(|entry| entry.label.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(best("points"), ["3"]);
        assert_eq!(best("nats"), ["-20"]);
    }

    #[test]
    fn overall_averages_each_seed_over_streams_first() {
        let board = build(&[
            record("near", "a", 1, [80, 80]),
            record("near", "a", 2, [90, 90]),
            record("far", "a", 1, [30, 30]),
            record("far", "a", 2, [20, 20]),
        ]);
        assert_eq!(names(&board), ["near", "far", "overall"]);
        // Seed 1: (80 + 30) / 2; seed 2: (90 + 20) / 2. Pooling the four cells would give a spread.
        let Score::Measured { summary, .. } = &board.sections[2].entries[0].scores[0] else {
            panic!("no overall mean");
        };
        assert_eq!((summary.n, summary.mean, summary.std), (2, 55.0, Some(0.0)));
    }

    #[test]
    fn a_strategy_that_lacks_a_seed_or_a_stream_has_no_overall_mean_and_no_rank() {
        let records = [
            record("near", "a", 1, [80, 80]),
            record("near", "a", 2, [80, 80]),
            record("near", "b", 1, [99, 99]),
            record("near", "b", 2, [99, 99]),
            record("near", "c", 2, [90, 90]),
            record("far", "a", 1, [30, 30]),
            record("far", "a", 2, [30, 30]),
            record("far", "c", 1, [30, 30]),
            record("far", "c", 2, [30, 30]),
        ];
        let board = build(&records);
        let lacks = |what: &str| Standing::Incomplete(what.to_owned());
        assert_eq!(
            standings(&board.sections[0]),
            [
                ("a", Standing::Ranked(2), Some(80.0)),
                ("b", Standing::Ranked(1), Some(99.0)),
                ("c", lacks("lacks seed 1"), Some(90.0)),
            ]
        );
        assert_eq!(
            standings(&board.sections[2]),
            [
                ("a", Standing::Ranked(1), Some(55.0)),
                ("b", lacks("lacks stream far"), None),
                ("c", lacks("lacks seed 1 of near"), None),
            ]
        );
        // A planned domain or seed that failed everywhere counts as lacking too.
        let coverage = Coverage {
            streams: ["near", "far", "lost"].map(String::from).to_vec(),
            seeds: vec![Seed(1), Seed(2), Seed(3)],
        };
        let board =
            Leaderboard::build(&records, &metrics(), &Choice::default(), Some(&coverage)).unwrap();
        assert_eq!(standings(&board.sections[0])[0].1, lacks("lacks seed 3"));
        assert_eq!(
            standings(&board.sections[2])[0].1,
            lacks("lacks stream lost")
        );
    }

    #[test]
    fn a_different_split_gets_a_separate_section() {
        let mut limited = record("digits", "b", 1, [99, 99]);
        limited.cell.stream.domains[0].split_hash = "small-split".into();
        limited.cell.stream.limit = NonZeroUsize::new(5);
        let board = build(&[record("digits", "a", 1, [80, 80]), limited]);
        assert_eq!(names(&board), ["digits", "digits", "overall", "overall"]);
        assert_eq!(
            standings(&board.sections[0]),
            [("a", Standing::Ranked(1), Some(80.0))]
        );
        assert_eq!(
            standings(&board.sections[1]),
            [("b", Standing::Ranked(1), Some(99.0))]
        );
        assert_eq!(board.sections[1].limit, NonZeroUsize::new(5));
    }

    #[test]
    fn different_images_get_a_separate_section() {
        let mut swapped = record("digits", "b", 1, [99, 99]);
        swapped.stream.domains[0].content_digest = "other-images".into();
        let board = build(&[record("digits", "a", 1, [80, 80]), swapped]);
        assert_eq!(names(&board), ["digits", "digits", "overall"]);
        assert_eq!(
            standings(&board.sections[1]),
            [("b", Standing::Ranked(1), Some(99.0))]
        );
        let incomplete = "stream digits was run in two versions".to_owned();
        for (_, standing, _) in standings(&board.sections[2]) {
            assert_eq!(standing, Standing::Incomplete(incomplete.clone()));
        }
    }

    #[test]
    fn two_scenarios_share_a_section_if_they_learned_the_same_stream() {
        let other = |mut record: CellRecord, order: &str| {
            record.cell.scenario = "other".into();
            record.stream.class_order_digest = order.into();
            record
        };
        let first = record("digits", "a", 1, [80, 80]);
        let board = build(&[
            first.clone(),
            other(record("digits", "a", 1, [90, 90]), "order1"),
        ]);
        assert_eq!(names(&board), ["digits", "overall"]);
        let labels: Vec<_> = standings(&board.sections[0])
            .into_iter()
            .map(|line| line.0)
            .collect();
        assert_eq!(labels, ["a (quick)", "a (other)"]);

        let board = build(&[first, other(record("digits", "a", 1, [90, 90]), "reversed")]);
        assert_eq!(names(&board), ["digits", "digits", "overall", "overall"]);
    }

    #[test]
    fn different_settings_get_a_separate_row() {
        let mut longer = record("digits", "a", 2, [90, 90]);
        longer.cell.strategy.parameters = serde_json::json!({"epochs": 50});
        let board = build(&[record("digits", "a", 1, [80, 80]), longer]);
        let rows = standings(&board.sections[0]);
        assert_eq!(rows.len(), 2, "never one mean over both");
        assert!(rows[0].0.starts_with("a [") && rows[0].0 != rows[1].0);
        assert_eq!(
            standings(&board.sections[1])[0].1,
            Standing::Incomplete("digits was run with different settings".into())
        );
    }

    #[test]
    fn a_changed_class_order_gets_a_separate_section_even_without_a_common_seed() {
        let listed = record("digits", "a", 1, [80, 80]);
        let drawn = |seed: u64, digest: &str| {
            let mut record = record("digits", "a", seed, [90, 90]);
            record.cell.stream.spec.cuts[0].class_order = ClassOrder::Python {
                seed: SeedRef::CellSeed,
                convention: Convention::NewToOld,
            };
            record.stream.class_order_digest = digest.into();
            record
        };
        for changed in [drawn(1, "drawn1"), drawn(2, "drawn2")] {
            let board = build(&[listed.clone(), changed]);
            assert_eq!(names(&board), ["digits", "digits", "overall"]);
            assert_eq!(
                standings(&board.sections[2])[0].1,
                Standing::Incomplete("stream digits was run in two versions".into())
            );
        }
        // Another spelling of the same order.
        let mut respelled = drawn(1, "order1");
        respelled.cell.strategy.row = "b".into();
        let board = build(&[listed, respelled]);
        assert_eq!(names(&board), ["digits", "overall"]);
    }

    #[test]
    fn contradictions_are_errors() {
        let message = |second: &CellRecord| {
            let records = [record("digits", "a", 1, [80, 80]), second.clone()];
            Leaderboard::build(&records, &metrics(), &Choice::default(), None)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message(&record("digits", "a", 1, [81, 80])),
            "two records of cell `digits-a-s1-0123456789ab` have different results, although nothing that affects them differs\n\
             the strategy depends on more than its seed; find out why, or delete one of the records"
        );
        let mut reversed = record("digits", "b", 1, [80, 80]);
        reversed.stream.class_order_digest = "reversed".into();
        assert_eq!(
            message(&reversed),
            "cells `digits-a-s1-0123456789ab` and `digits-b-s1-0123456789ab` of scenario `quick` have the same stream, split and seed 1, \
             but different class orders\nthe scenario's class order was changed between two runs; delete the older records"
        );
    }

    #[test]
    fn a_chosen_metric_ranks() {
        let records = [
            record("digits", "forgets", 1, [80, 99]),
            record("digits", "keeps", 1, [90, 80]),
        ];
        let ranks = |choice: &Choice| {
            let board = Leaderboard::build(&records, &metrics(), choice, None).unwrap();
            let entries = board.sections[0].entries.iter();
            entries.map(|e| e.standing.clone()).collect::<Vec<_>>()
        };
        use Standing::Ranked;
        assert_eq!(ranks(&Choice::default()), [Ranked(1), Ranked(2)]);
        // Lower is better.
        let by_forgetting = Choice {
            rank_by: Some("forgetting-seen".into()),
            columns: Vec::new(),
        };
        assert_eq!(ranks(&by_forgetting), [Ranked(2), Ranked(1)]);
    }
}
