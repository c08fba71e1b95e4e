//! A table for people, before it takes the form of a terminal, Markdown or LaTeX.
//!
//! One table per section: a line per strategy, best first; a column per chosen metric. Upper bounds
//! stand below, unranked. What is absent is a dash with a note that says why; nothing in a table is
//! left to be guessed.

use super::leaderboard::Leaderboard;
use super::number::{decimals, joined, keeps};
use super::standing::{Entry, Scope, Score, Section, Standing};
use crate::id::Seed;
use crate::metric::MetricInfo;
use crate::stream::Augmentation;

/// The mean over one domain is that domain again.
fn repeats(section: &Section) -> bool {
    matches!(&section.scope, Scope::Overall { domains } if domains.len() == 1)
}

/// The content of a table, format aside.
pub(super) struct Table {
    pub(super) title: String,
    pub(super) columns: Vec<Column>,
    pub(super) competitors: Vec<Line>,
    pub(super) upper_bounds: Vec<Line>,
    /// Numbered from 1.
    pub(super) notes: Vec<String>,
    pub(super) footer: Vec<String>,
}

pub(super) struct Column {
    pub(super) metric: String,
    pub(super) unit: String,
    pub(super) higher_is_better: bool,
}

pub(super) struct Line {
    pub(super) rank: Option<u32>,
    pub(super) strategy: String,
    /// Numbers of notes on the strategy as a whole.
    pub(super) notes: Vec<usize>,
    pub(super) keeps: String,
    pub(super) cells: Vec<Field>,
}

pub(super) enum Field {
    Value {
        mean: String,
        std: Option<String>,
        best: bool,
    },
    /// With the number of the note that says why.
    Absent(usize),
}

impl Table {
    /// The tables of a leaderboard, with its columns.
    pub(super) fn all(leaderboard: &Leaderboard) -> Vec<Self> {
        let sections = leaderboard.sections.iter();
        sections
            .filter(|section| !repeats(section))
            .map(|section| Self::of(leaderboard, section))
            .collect()
    }

    fn of(leaderboard: &Leaderboard, section: &Section) -> Self {
        let columns = &leaderboard.columns;
        let mut notes = Notes::default();
        let mut entries: Vec<&Entry> = section.entries.iter().collect();
        // Stable: equals stay in the order of the scenario.
        entries.sort_by_key(|entry| match entry.standing {
            Standing::Ranked(rank) => (0, rank),
            Standing::Unranked => (1, 0),
            Standing::Incomplete(_) => (2, 0),
            Standing::UpperBound => (3, 0),
        });
        let alike = augmentations(section);
        let (mut competitors, mut upper_bounds) = (Vec::new(), Vec::new());
        for entry in entries {
            let mut line = Line::of(entry, columns, &mut notes);
            if alike.is_none() && !entry.augmentations.is_empty() {
                let trained_on = joined(&entry.augmentations, ", ");
                line.notes
                    .push(notes.number(&format!("trained on images after {trained_on}")));
            }
            match entry.standing {
                Standing::UpperBound => upper_bounds.push(line),
                _ => competitors.push(line),
            }
        }
        let column = |metric: &MetricInfo| Column {
            metric: metric.name.clone(),
            unit: metric.unit.clone(),
            higher_is_better: metric.higher_is_better,
        };
        Self {
            title: title(leaderboard, section),
            columns: columns
                .iter()
                .map(|&index| column(&leaderboard.metrics[index]))
                .collect(),
            competitors,
            upper_bounds,
            notes: notes.0,
            footer: footer(section),
        }
    }
}

impl Line {
    fn of(entry: &Entry, columns: &[usize], notes: &mut Notes) -> Self {
        let mut own = Vec::new();
        let mut rank = None;
        match &entry.standing {
            Standing::Ranked(number) => rank = Some(*number),
            Standing::Incomplete(lacking) => own.push(notes.number(lacking)),
            Standing::UpperBound | Standing::Unranked => {}
        }
        if entry.batch_dependent {
            own.push(notes.number("its prediction for an image depends on the batch"));
        }
        if let Some(adaptation) = &entry.adaptation {
            own.push(notes.number(&format!("an adaptation: {adaptation}")));
        }
        let mut cell = |&index: &usize| match &entry.scores[index] {
            Score::Measured { summary, best } => Field::Value {
                mean: decimals(summary.mean, 2),
                std: summary.std.map(|std| decimals(std, 2)),
                best: *best,
            },
            Score::Absent(absence) => Field::Absent(notes.number(&absence.to_string())),
        };
        Self {
            rank,
            strategy: entry.label.clone(),
            cells: columns.iter().map(&mut cell).collect(),
            notes: own,
            keeps: keeps(&entry.keeps),
        }
    }
}

/// Each note once, numbered in the order of first use.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn number(&mut self, text: &str) -> usize {
        let index = self
            .0
            .iter()
            .position(|note| note == text)
            .unwrap_or_else(|| {
                self.0.push(text.to_owned());
                self.0.len() - 1
            });
        index + 1
    }
}

/// The domain; with its split where another section has a domain of that name.
fn title(leaderboard: &Leaderboard, section: &Section) -> String {
    match &section.scope {
        Scope::Overall { domains } => {
            format!("overall: mean over {}", domains.join(", "))
        }
        Scope::Domain {
            name, split_hash, ..
        } => {
            let same_name = leaderboard
                .sections
                .iter()
                .filter(|other| other.scope.name() == name)
                .count();
            if same_name > 1 {
                format!("{name} (split {})", short(split_hash))
            } else {
                name.clone()
            }
        }
    }
}

fn footer(section: &Section) -> Vec<String> {
    let mut seeds: Vec<Seed> = section
        .entries
        .iter()
        .flat_map(|entry| entry.seeds.iter().copied())
        .collect();
    seeds.sort();
    seeds.dedup();
    let (plural, spread) = match seeds.len() {
        1 => ("", ""),
        _ => ("s", "; mean ± standard deviation over seeds"),
    };
    let seeds = format!("seed{plural} {}{spread}", joined(&seeds, ", "));
    let mut lines = vec![match &section.scope {
        Scope::Domain {
            split_hash, tasks, ..
        } => format!(
            "{tasks} task{}; {seeds}; split {}",
            if *tasks == 1 { "" } else { "s" },
            short(split_hash)
        ),
        Scope::Overall { .. } if spread.is_empty() => seeds,
        Scope::Overall { .. } => format!("{seeds}, each seed's mean over domains first"),
    }];
    if let Some(augmentations @ [_, ..]) = augmentations(section) {
        lines.push(format!(
            "images that are trained on: {}; cached features are of the plain ones",
            joined(augmentations, ", ")
        ));
    }
    if let Some(limit) = section.limit {
        lines.push(format!(
            "--limit {limit}: at most {limit} samples per class; not comparable with full runs"
        ));
    }
    if let Some(validation) = section.validation {
        lines.push(format!(
            "--validation {validation}: tested on that part of the training data; not comparable with test results"
        ));
    }
    lines
}

/// What became of the images that were trained on, if it is the same for all entries; entries of
/// several scenarios may differ in it.
fn augmentations(section: &Section) -> Option<&[Augmentation]> {
    let mut all = section.entries.iter().map(|entry| &entry.augmentations[..]);
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// Enough of a hash to tell two apart.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
