//! The leaderboard: means over seeds and domains, and who stands where.

use super::metric::compute_all;
use super::rank::judged;
use super::row::{Row, Source};
use super::section;
use super::{
    CellRecord, Identity, Keeps, MetricInfo, MetricSet, Provenance, Regime, ReportError, Summary,
};
use crate::id::Seed;
use crate::stream::Augmentation;
use std::fmt;

/// The domains and seeds that were to be run: a strategy that lacks one has no overall mean and no rank.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Names of the domains.
    pub domains: Vec<String>,
    /// The seeds.
    pub seeds: Vec<Seed>,
}

/// All strategies against each other, per domain and over domains.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaderboard {
    /// The metrics, in the order of [`Entry::scores`].
    pub metrics: Vec<MetricInfo>,
    /// The domains in the order of the records, then the means over domains.
    pub sections: Vec<Section>,
}

/// Strategies that can be compared with each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// What the numbers are about.
    pub scope: Scope,
    /// Samples per class, where `--limit` was given.
    pub limit: Option<u64>,
    /// The part of the training data that was tested on, where `--validation` was given.
    pub validation: Option<f64>,
    /// One per strategy, in the order of the records.
    pub entries: Vec<Entry>,
}

/// What the numbers of a section are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One domain.
    Domain {
        /// Its name.
        name: String,
        /// Hash of its split.
        split_hash: String,
        /// Number of tasks.
        tasks: usize,
    },
    /// The mean over domains, of each seed first.
    Overall {
        /// Their names.
        domains: Vec<String>,
    },
}

impl Scope {
    /// The domain's name, or `overall`.
    pub fn name(&self) -> &str {
        match self {
            Self::Domain { name, .. } => name,
            Self::Overall { .. } => "overall",
        }
    }
}

/// One strategy in a section.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The strategy's row, and what tells it from others of that name in the section.
    pub label: String,
    /// What made the numbers.
    pub identity: Identity,
    /// Sequential, or the joint upper bound.
    pub regime: Regime,
    /// What became of the images that it was trained on, where something did; one per way that its cells have.
    pub augmentations: Vec<Augmentation>,
    /// What it keeps of past data.
    pub keeps: Vec<Keeps>,
    /// How it departs from the method as published.
    pub adaptation: Option<String>,
    /// Whether it can score classes that it has not learned yet.
    pub scores_unseen: bool,
    /// Whether its prediction for an image depends on the batch.
    pub batch_dependent: bool,
    /// The most that any of its cells has.
    pub trainable_parameters: u64,
    /// Where its parameters come from.
    pub provenance: Option<Provenance>,
    /// How many settings were tried.
    pub trials: Option<u32>,
    /// The seeds that it was run with.
    pub seeds: Vec<Seed>,
    /// Its place.
    pub standing: Standing,
    /// One per metric.
    pub scores: Vec<Score>,
}

/// An entry's place among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// From 1; equals share a rank, and the next one counts them.
    Ranked(u32),
    /// A joint run: no competitor.
    UpperBound,
    /// It lacks something that the others have.
    Incomplete(String),
    /// The metric that ranks has no value.
    Unranked,
}

/// An entry's result in one metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Score {
    /// Over the entry's seeds.
    Measured {
        /// Mean and spread.
        summary: Summary,
        /// Whether no competitor of the section is better.
        best: bool,
    },
    /// There is none.
    Absent(Absence),
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// A joint run learns once: nothing is yet to come, nothing can be forgotten.
    Joint,
    /// The metric needs predictions among classes that the strategy has not seen.
    CannotScoreUnseen,
    /// The accuracy matrix lacks an entry that the metric needs.
    Undefined,
    /// No mean over domains is possible.
    Incomplete(String),
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Joint => "not defined for a joint run",
            Self::CannotScoreUnseen => "cannot score unseen classes",
            Self::Undefined => "not defined on this stream",
            Self::Incomplete(reason) => reason,
        })
    }
}

impl Leaderboard {
    /// Computes the metrics of every record and sums them up. Without a plan, what the records of a scenario cover together is taken for
    /// it.
    pub fn build(
        records: &[CellRecord],
        metrics: &dyn MetricSet,
        plan: Option<&Plan>,
    ) -> Result<Self, ReportError> {
        Self::from_values(
            records,
            metrics.infos(),
            &compute_all(records, metrics)?,
            plan,
        )
    }

    pub(super) fn from_values(
        records: &[CellRecord],
        metrics: &[MetricInfo],
        values: &[Vec<Option<f64>>],
        plan: Option<&Plan>,
    ) -> Result<Self, ReportError> {
        let source = Source {
            records,
            metrics,
            values,
        };
        let (units, places) = section::sort(records, plan)?;
        let rows: Vec<Vec<Row<'_>>> = places
            .iter()
            .map(|place| source.rows(place))
            .collect::<Result<_, _>>()?;
        let domains = rows.iter().map(|rows| source.domain(rows, &units));
        let sections: Vec<Section> = domains.chain(source.overall(&rows, &units)).collect();
        Ok(Self {
            metrics: metrics.to_vec(),
            sections: sections
                .into_iter()
                .map(|section| judged(section, metrics))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{blind, joint, metrics, record};
    use super::*;

    fn build(records: &[CellRecord]) -> Leaderboard {
        Leaderboard::build(records, &metrics(), None).unwrap()
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
    fn equals_share_a_rank_and_upper_bounds_have_none() {
        let board = build(&[
            record("digits", "d", 1, [10, 10]),
            record("digits", "b", 1, [70, 80]),
            joint("digits", "joint", 1, [99, 99]),
            blind("digits", "c", 1, [80, 70]),
            record("digits", "a", 1, [80, 90]),
        ]);
        use Standing::{Ranked, UpperBound};
        assert_eq!(
            standings(&board.sections[0]),
            [
                ("d", Ranked(4), Some(10.0)),
                ("b", Ranked(2), Some(75.0)),
                ("joint", UpperBound, Some(99.0)),
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
    fn overall_takes_each_seeds_mean_over_domains_first() {
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
    fn whoever_lacks_a_seed_or_a_domain_has_no_overall_mean_and_no_rank() {
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
                ("b", lacks("lacks domain far"), None),
                ("c", lacks("lacks seed 1 of near"), None),
            ]
        );
        // What was planned and failed everywhere is lacking too.
        let plan = Plan {
            domains: ["near", "far", "lost"].map(String::from).to_vec(),
            seeds: vec![Seed(1), Seed(2), Seed(3)],
        };
        let board = Leaderboard::build(&records, &metrics(), Some(&plan)).unwrap();
        assert_eq!(standings(&board.sections[0])[0].1, lacks("lacks seed 3"));
        assert_eq!(
            standings(&board.sections[2])[0].1,
            lacks("lacks domain lost")
        );
    }

    #[test]
    fn another_split_is_another_section() {
        let mut limited = record("digits", "b", 1, [99, 99]);
        limited.domain.split_hash = "small-split".into();
        limited.domain.limit = Some(5);
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
        assert_eq!(board.sections[1].limit, Some(5));
    }

    #[test]
    fn two_scenarios_meet_where_they_learned_the_same_stream() {
        let other = |mut record: CellRecord, order: &str| {
            record.scenario = "other".into();
            record.domain.class_order_digest = order.into();
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
    fn other_settings_are_another_row() {
        let mut longer = record("digits", "a", 2, [90, 90]);
        longer.strategy.parameters = serde_json::json!({"epochs": 50});
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
    fn contradictions_are_errors() {
        let message = |second: &CellRecord| {
            let records = [record("digits", "a", 1, [80, 80]), second.clone()];
            Leaderboard::build(&records, &metrics(), None)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message(&record("digits", "a", 1, [81, 80])),
            "cell `digits-a-s1-0123456789ab` is there twice with different results, though nothing that moves its numbers differs\n\
             a strategy's result does not depend on its seed alone; delete one of the two records, or find out why they differ"
        );
        let mut reversed = record("digits", "b", 1, [80, 80]);
        reversed.domain.class_order_digest = "reversed".into();
        assert_eq!(
            message(&reversed),
            "cells `digits-a-s1-0123456789ab` and `digits-b-s1-0123456789ab` of scenario `quick` share domain, split and seed 1, but not \
             the class order\nthe scenario's class order was changed between two runs; delete the older records"
        );
    }

    #[test]
    fn a_metric_that_gives_nan_is_an_error_that_names_the_cell() {
        struct Broken(Vec<MetricInfo>);
        impl MetricSet for Broken {
            fn infos(&self) -> &[MetricInfo] {
                &self.0
            }
            fn compute(&self, _: &CellRecord) -> Result<Vec<Option<f64>>, String> {
                Ok(vec![Some(f64::NAN)])
            }
        }
        let broken = Broken(metrics().infos()[..1].to_vec());
        let records = [record("digits", "a", 1, [80, 80])];
        assert_eq!(
            Leaderboard::build(&records, &broken, None)
                .unwrap_err()
                .to_string(),
            "metric `faa` of cell `digits-a-s1-0123456789ab`: NaN is not a number; a value that is not defined must be absent"
        );
    }
}
