//! What figures are made from: a section, its records, and how each strategy is drawn.

use crate::report::against_best::AgainstBest;
use crate::report::leaderboard::Leaderboard;
use crate::report::plot::{Spread, Style};
use crate::report::standing::{Entry, Score, Section, Standing};
use crate::report::statistics::Summary;
use crate::results::CellRecord;
use std::cell::OnceCell;
use std::collections::HashMap;

/// More competitors than these cannot be told apart in one picture.
const MOST_SHOWN: usize = 12;

/// What figures are made from.
pub(in crate::report) struct Context<'a> {
    pub(in crate::report) board: &'a Leaderboard,
    pub(in crate::report) section: &'a Section,
    pub(in crate::report) records: &'a [CellRecord],
    /// The metrics of each record.
    pub(in crate::report) values: &'a [Vec<Option<f64>>],
    pub(in crate::report) styles: &'a Styles,
    comparison: OnceCell<Option<AgainstBest<'a>>>,
}

/// The style of each strategy: the same in all figures.
#[derive(Debug, Default)]
pub(in crate::report) struct Styles(HashMap<String, Style>);

impl Styles {
    /// Styles for all strategies, from the best to the last of the last section, which is the
    /// mean over streams if there is one.
    pub(in crate::report) fn of(board: &Leaderboard) -> Styles {
        let mut styles = Styles::default();
        for section in board.sections.iter().rev() {
            for entry in section.in_order() {
                let next = Style::of(styles.0.len());
                styles.0.entry(entry.label.clone()).or_insert(next);
            }
        }
        styles
    }

    pub(in crate::report) fn style(&self, entry: &Entry) -> Style {
        self.0.get(&entry.label).copied().unwrap_or(Style::of(0))
    }
}

impl<'a> Context<'a> {
    /// What figures of a section of this leaderboard are made from.
    pub(in crate::report) fn of(
        board: &'a Leaderboard,
        section: &'a Section,
        records: &'a [CellRecord],
        values: &'a [Vec<Option<f64>>],
        styles: &'a Styles,
    ) -> Self {
        Context {
            board,
            section,
            records,
            values,
            styles,
            comparison: OnceCell::new(),
        }
    }

    /// All strategies against the best one, computed once.
    pub(in crate::report) fn against_best(&self) -> Option<&AgainstBest<'a>> {
        let comparison = self.comparison.get_or_init(|| AgainstBest::of(self));
        comparison.as_ref()
    }

    /// All entries, best first.
    pub(super) fn entries(&self) -> Vec<&'a Entry> {
        self.section.in_order()
    }

    /// The entries that pictures show: the best competitors, and some references.
    pub(super) fn shown(&self) -> Vec<&'a Entry> {
        let (mut competitors, mut references): (Vec<&Entry>, Vec<&Entry>) = (self.entries())
            .into_iter()
            .partition(|entry| entry.standing != Standing::Reference);
        competitors.truncate(MOST_SHOWN);
        references.truncate(3);
        competitors.into_iter().chain(references).collect()
    }

    /// What a caption adds if not all entries are shown.
    pub(super) fn left_out(&self) -> String {
        let (shown, all) = (self.shown().len(), self.section.entries.len());
        match shown < all {
            true => {
                format!(" Shown: {shown} of {all} strategies, best first; the CSV file has all.")
            }
            false => String::new(),
        }
    }

    /// The records of an entry.
    pub(super) fn cells(&self, entry: &Entry) -> Vec<&'a CellRecord> {
        entry
            .cells
            .iter()
            .map(|&cell| &self.records[cell])
            .collect()
    }

    /// The mean of a cost over the records of an entry, which has at least one.
    pub(in crate::report) fn mean_cost(&self, entry: &Entry, of: fn(&CellRecord) -> f64) -> f64 {
        let costs: f64 = self.cells(entry).into_iter().map(of).sum();
        costs / entry.cells.len() as f64
    }

    /// The index of a metric.
    pub(super) fn metric(&self, name: &str) -> Option<usize> {
        self.board
            .metrics
            .iter()
            .position(|metric| metric.name == name)
    }

    /// The name and unit of a metric, as an axis has them.
    pub(super) fn title(&self, metric: usize) -> String {
        let metric = &self.board.metrics[metric];
        format!("{}, {}", metric.name, metric.unit)
    }

    /// The values that a metric may have.
    pub(super) fn limits(&self, metric: usize) -> [f64; 2] {
        match &*self.board.metrics[metric].unit {
            "%" => [0.0, 100.0],
            _ => [f64::NEG_INFINITY, f64::INFINITY],
        }
    }
}

/// An entry's value in a metric.
pub(super) fn measured(entry: &Entry, metric: usize) -> Option<Spread> {
    match &entry.scores[metric] {
        Score::Measured { summary, .. } => Some(spread(summary)),
        Score::Absent(_) => None,
    }
}

fn spread(summary: &Summary) -> Spread {
    Spread {
        mean: summary.mean,
        std: summary.std,
    }
}
