//! The figures of a section: a file each, and one line in [`FIGURES`].
//!
//! A figure is a picture and the numbers in it. The page shows the pictures; `clbench report
//! --figures` writes both as files.

mod classes;
mod cost;
mod curves;
mod differences;
mod forgetting;
mod matrices;
mod trade_off;

use super::against_best::AgainstBest;
use super::leaderboard::Leaderboard;
use super::plot::{Spread, Style, Svg};
use super::standing::{Entry, Score, Section, Standing};
use super::statistics::Summary;
use crate::results::CellRecord;
use std::cell::OnceCell;
use std::collections::HashMap;

/// All figures, in the order of the page.
const FIGURES: &[fn(&Context<'_>) -> Vec<Figure>] = &[
    trade_off::figures,
    curves::figures,
    forgetting::figures,
    differences::figures,
    cost::figures,
    classes::figures,
    matrices::figures,
];

/// More competitors than these cannot be told apart in one picture.
const MOST_SHOWN: usize = 12;

/// A picture of a section and the numbers in it.
#[derive(Debug)]
pub struct Figure {
    /// The end of its files' names.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// Whether the page shows it. Matrices of single strategies are files only: the page draws
    /// those of every cell.
    pub on_page: bool,
    /// The picture.
    pub svg: Svg,
    /// The numbers, as CSV.
    pub csv: String,
}

/// What figures are made from.
pub(super) struct Context<'a> {
    pub(super) board: &'a Leaderboard,
    pub(super) section: &'a Section,
    pub(super) records: &'a [CellRecord],
    /// The metrics of each record.
    pub(super) values: &'a [Vec<Option<f64>>],
    pub(super) styles: &'a Styles,
    comparison: OnceCell<Option<AgainstBest<'a>>>,
}

/// The style of each strategy: the same in all figures.
#[derive(Debug, Default)]
pub(super) struct Styles(HashMap<String, Style>);

impl Styles {
    /// Styles for all strategies, from the best to the last of the last section, which is the
    /// mean over streams if there is one.
    pub(super) fn of(board: &Leaderboard) -> Styles {
        let mut styles = Styles::default();
        for section in board.sections.iter().rev() {
            for entry in in_order(section) {
                let next = Style::of(styles.0.len());
                styles.0.entry(entry.label.clone()).or_insert(next);
            }
        }
        styles
    }

    pub(super) fn style(&self, entry: &Entry) -> Style {
        self.0.get(&entry.label).copied().unwrap_or(Style::of(0))
    }
}

/// The entries of a section as tables show them: best first, references last.
pub(super) fn in_order(section: &Section) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = section.entries.iter().collect();
    entries.sort_by_key(|entry| match entry.standing {
        Standing::Ranked(rank) => (0, rank),
        Standing::Unranked => (1, 0),
        Standing::Incomplete(_) => (2, 0),
        Standing::Reference => (3, 0),
    });
    entries
}

impl<'a> Context<'a> {
    /// What figures of a section of this leaderboard are made from.
    pub(super) fn of(
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
    pub(super) fn against_best(&self) -> Option<&AgainstBest<'a>> {
        let comparison = self.comparison.get_or_init(|| AgainstBest::of(self));
        comparison.as_ref()
    }

    /// All figures of the section.
    pub(super) fn figures(&self) -> Vec<Figure> {
        FIGURES.iter().flat_map(|figures| figures(self)).collect()
    }

    /// All entries, best first.
    fn entries(&self) -> Vec<&'a Entry> {
        in_order(self.section)
    }

    /// The entries that pictures show: the best competitors, and some references.
    fn shown(&self) -> Vec<&'a Entry> {
        let (mut competitors, mut references): (Vec<&Entry>, Vec<&Entry>) = (self.entries())
            .into_iter()
            .partition(|entry| entry.standing != Standing::Reference);
        competitors.truncate(MOST_SHOWN);
        references.truncate(3);
        competitors.into_iter().chain(references).collect()
    }

    /// What a caption adds if not all entries are shown.
    fn left_out(&self) -> String {
        let (shown, all) = (self.shown().len(), self.section.entries.len());
        match shown < all {
            true => {
                format!(" Shown: {shown} of {all} strategies, best first; the CSV file has all.")
            }
            false => String::new(),
        }
    }

    /// The records of an entry.
    fn cells(&self, entry: &Entry) -> Vec<&'a CellRecord> {
        entry
            .cells
            .iter()
            .map(|&cell| &self.records[cell])
            .collect()
    }

    /// The index of a metric.
    fn metric(&self, name: &str) -> Option<usize> {
        self.board
            .metrics
            .iter()
            .position(|metric| metric.name == name)
    }

    /// The name and unit of a metric, as an axis has them.
    fn title(&self, metric: usize) -> String {
        let metric = &self.board.metrics[metric];
        format!("{}, {}", metric.name, metric.unit)
    }

    /// The values that a metric may have.
    fn limits(&self, metric: usize) -> [f64; 2] {
        match &*self.board.metrics[metric].unit {
            "%" => [0.0, 100.0],
            _ => [f64::NEG_INFINITY, f64::INFINITY],
        }
    }
}

/// An entry's value in a metric.
fn measured(entry: &Entry, metric: usize) -> Option<Spread> {
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

/// A CSV file with these columns.
fn csv<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let full = "memory takes rows of equal length";
    writer.write_record(header).expect(full);
    for row in rows {
        writer.write_record(row).expect(full);
    }
    let bytes = writer.into_inner().expect("memory takes every write");
    String::from_utf8(bytes).expect("made of strings")
}

/// A number of a CSV file, or an empty field.
fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| super::number::decimals(value, 6))
}
