//! A table for people, before it is written for a terminal, in Markdown or in LaTeX.
//!
//! A leaderboard has one table per section: a line per strategy, best first, and a column per
//! chosen metric. Joint runs come last, unranked: they are a reference. An absent value is a dash
//! with a note that says why. [Pivot tables](super::pivot) and
//! [comparisons](super::comparison) are tables of the same kind.

use super::csv;
use super::domain_scores::{DomainScore, Measure};
use super::export::{Report, published};
use super::figure::Beside;
use super::leaderboard::Leaderboard;
use super::number::{decimals, joined, keeps};
use super::standing::{Entry, Scope, Score, Section, Standing};
use super::statistics::Summary;
use crate::id::Seed;
use crate::metric::MetricInfo;
use crate::scenario::Regime;
use crate::stream::Augmentation;
use harness_abi::Matrix;

/// Whether a section repeats another: the mean over one stream equals that stream.
pub(super) fn repeats(section: &Section) -> bool {
    matches!(&section.scope, Scope::Overall { streams } if streams.len() == 1)
}

/// The content of a table, independent of the format.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) title: String,
    /// What a paper prints in place of the title.
    pub(super) caption: Option<Caption>,
    /// The name by which a paper refers to the table.
    pub(super) anchor: Option<String>,
    /// The columns of text that every line begins with.
    pub(super) lead: Vec<Lead>,
    /// The index of that among them with the lines' names, which bear the notes.
    pub(super) name: usize,
    pub(super) columns: Vec<Column>,
    pub(super) competitors: Vec<Line>,
    pub(super) references: Vec<Line>,
    /// Up to which place values are marked.
    pub(super) marks: Marks,
    /// Numbered from 1.
    pub(super) notes: Vec<String>,
    pub(super) footer: Vec<String>,
    pub(super) published: Vec<Beside>,
}

/// A caption.
#[derive(Debug, Clone)]
pub(super) enum Caption {
    /// In the language of the format.
    Raw(String),
    /// Text that the format escapes.
    Text(String),
}

/// A column of text at the beginning of every line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lead {
    pub(super) heading: &'static str,
    /// Whether it is a number.
    pub(super) right: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    /// `None` if the columns share one, or it has none.
    pub(super) unit: Option<Unit>,
}

#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) higher_is_better: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Line {
    /// One text for each column of the lead.
    pub(super) lead: Vec<String>,
    /// Numbers of the notes on the line as a whole.
    pub(super) notes: Vec<usize>,
    pub(super) cells: Vec<Field>,
}

#[derive(Debug, Clone)]
pub(super) enum Field {
    Value {
        mean: String,
        std: Option<String>,
        mark: Mark,
        /// The number of a note on it.
        note: Option<usize>,
    },
    Text(String),
    /// The number of the note that says why.
    Absent(Option<usize>),
}

/// How a value stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Best,
    Second,
}

/// Which marks a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    None,
    Best,
    BestAndSecond,
}

/// The note above or below the references.
pub(super) const REFERENCES: &str = "joint training, for reference (unranked)";

impl Report for Leaderboard {
    fn tables(&self) -> Vec<Table> {
        Table::all(self)
    }

    fn csv(&self) -> String {
        match self.per_domain {
            Some(_) => csv::domains(self),
            None => published::csv(self, csv::leaderboard(self)),
        }
    }
}

impl Table {
    /// The tables of a leaderboard, with its columns.
    pub(super) fn all(leaderboard: &Leaderboard) -> Vec<Self> {
        let sections = leaderboard.sections.iter();
        let sections = sections.filter(|section| !repeats(section));
        match leaderboard.per_domain {
            None => sections
                .map(|section| Self::of(leaderboard, section))
                .collect(),
            Some(candidates) => sections
                .flat_map(|section| {
                    let of_measure =
                        move |measure| Self::per_domain(leaderboard, section, candidates, measure);
                    Measure::EACH.into_iter().filter_map(of_measure)
                })
                .collect(),
        }
    }

    /// A measure of a stream's strategies on each of its domains, as papers on MTIL print it; `None`
    /// for a mean over streams.
    fn per_domain(
        leaderboard: &Leaderboard,
        section: &Section,
        candidates: Matrix,
        measure: Measure,
    ) -> Option<Self> {
        let Scope::Stream { domains, .. } = &section.scope else {
            return None;
        };
        let fields = |entry: &Entry, notes: &mut Notes| -> Vec<Field> {
            let scores = entry.domain_scores.iter();
            let scores = scores.filter(|s| (s.candidates, s.measure) == (candidates, measure));
            let field = |score: &DomainScore| match &score.summary {
                Some(summary) => Field::of(summary, Mark::None, None),
                None => Field::Absent(Some(notes.number(match measure {
                    Measure::Transfer if score.domain == 0 => "nothing comes before it",
                    _ if entry.regime == Regime::Joint => "not defined for a joint run",
                    _ => "cannot score unseen classes",
                }))),
            };
            scores.map(field).collect()
        };
        let column = |domain: &String| Column {
            name: domain.clone(),
            unit: Some(Unit {
                name: "%".to_owned(),
                higher_is_better: true,
            }),
        };
        let columns = domains.iter().map(column).collect();
        let among = match candidates {
            Matrix::Task => "the classes of each task",
            Matrix::All => "all classes",
            Matrix::Seen => "the classes seen so far",
        };
        let table = Self::with(leaderboard, section, columns, fields);
        Some(Self {
            title: format!("{}: {measure} on each domain, among {among}", table.title),
            published: Vec::new(),
            ..table
        })
    }

    /// The metrics of a section.
    pub(super) fn of(leaderboard: &Leaderboard, section: &Section) -> Self {
        let shown = &leaderboard.columns;
        let column = |&index: &usize| {
            let metric = &leaderboard.metrics[index];
            Column {
                name: metric.name.clone(),
                unit: Some(Unit::of(metric)),
            }
        };
        let fields = |entry: &Entry, notes: &mut Notes| -> Vec<Field> {
            let field = |&index: &usize| match &entry.scores[index] {
                Score::Measured { summary, best } => {
                    let mark = if *best { Mark::Best } else { Mark::None };
                    Field::of(summary, mark, None)
                }
                Score::Absent(absence) => Field::Absent(Some(notes.number(&absence.to_string()))),
            };
            shown.iter().map(field).collect()
        };
        let columns = shown.iter().map(column).collect();
        Self::with(leaderboard, section, columns, fields)
    }

    /// A table of a section with these columns, whose fields `fields` makes for each entry.
    fn with(
        leaderboard: &Leaderboard,
        section: &Section,
        columns: Vec<Column>,
        fields: impl Fn(&Entry, &mut Notes) -> Vec<Field>,
    ) -> Self {
        let mut notes = Notes::default();
        let alike = augmentations(section);
        let (mut competitors, mut references) = (Vec::new(), Vec::new());
        for entry in section.in_order() {
            let mut line = Line::of(entry, &fields, &mut notes);
            if alike.is_none() && !entry.augmentations.is_empty() {
                let trained_on = joined(&entry.augmentations, ", ");
                line.notes
                    .push(notes.number(&format!("trained with {trained_on}")));
            }
            match entry.standing {
                Standing::Reference => references.push(line),
                _ => competitors.push(line),
            }
        }
        Self {
            title: title(leaderboard, section),
            caption: None,
            anchor: None,
            lead: vec![
                Lead {
                    heading: "#",
                    right: true,
                },
                Lead::text("strategy"),
                Lead::text("keeps"),
            ],
            name: 1,
            columns,
            competitors,
            references,
            marks: Marks::Best,
            notes: notes.0,
            footer: footer(section),
            published: section.published.clone(),
        }
    }
}

impl Line {
    fn of(
        entry: &Entry,
        fields: impl Fn(&Entry, &mut Notes) -> Vec<Field>,
        notes: &mut Notes,
    ) -> Self {
        let mut own = Vec::new();
        let mut rank = String::new();
        match &entry.standing {
            Standing::Ranked(number) => rank = number.to_string(),
            Standing::Incomplete(lacking) => own.push(notes.number(lacking)),
            Standing::Reference | Standing::Unranked => {}
        }
        own.extend(notes.on_strategy(entry));
        Self {
            lead: vec![rank, entry.label.clone(), keeps(&entry.keeps)],
            cells: fields(entry, notes),
            notes: own,
        }
    }
}

impl Lead {
    /// A column of text.
    pub(super) fn text(heading: &'static str) -> Self {
        let right = false;
        Self { heading, right }
    }
}

impl Unit {
    /// That of a metric.
    pub(super) fn of(metric: &MetricInfo) -> Self {
        Self {
            name: metric.unit.clone(),
            higher_is_better: metric.higher_is_better,
        }
    }
}

impl Field {
    /// Mean and spread of a summary.
    pub(super) fn of(summary: &Summary, mark: Mark, note: Option<usize>) -> Self {
        Self::Value {
            mean: decimals(summary.mean, 2),
            std: summary.std.map(|std| decimals(std, 2)),
            mark,
            note,
        }
    }
}

/// The distinct notes, numbered in order of first use.
#[derive(Default)]
pub(super) struct Notes(pub(super) Vec<String>);

impl Notes {
    /// Those on a strategy, whatever its results.
    pub(super) fn on_strategy(&mut self, entry: &Entry) -> Vec<usize> {
        let batch = entry
            .batch_dependent
            .then(|| "predictions depend on the batch".to_owned());
        let adaptation = entry.adaptation.as_ref();
        let adaptation = adaptation.map(|adaptation| format!("an adaptation: {adaptation}"));
        let texts = batch.into_iter().chain(adaptation);
        texts.map(|text| self.number(&text)).collect()
    }

    pub(super) fn number(&mut self, text: &str) -> usize {
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

/// The stream's name; with its split if another section has a stream of the same name, with its
/// images if that has the same split too, and with the class order if that has the same images.
pub(super) fn title(leaderboard: &Leaderboard, section: &Section) -> String {
    match &section.scope {
        Scope::Overall { streams } => {
            format!("overall: mean over {}", streams.join(", "))
        }
        Scope::Stream {
            name,
            split_hash,
            content_digest,
            ..
        } => {
            let same = |split: &str, content: &str| {
                let sections = leaderboard.sections.iter();
                let others = sections.filter(|other| match &other.scope {
                    Scope::Stream {
                        name: other,
                        split_hash,
                        content_digest,
                        ..
                    } => {
                        let same = (
                            split_hash.starts_with(split),
                            content_digest.starts_with(content),
                        );
                        other == name && same == (true, true)
                    }
                    Scope::Overall { .. } => false,
                });
                others.count()
            };
            let of_split = same(split_hash, "");
            let of_content = same(split_hash, content_digest);
            if same("", "") == 1 {
                return name.clone();
            }
            let mut parts = format!("split {}", short(split_hash));
            if of_split > of_content {
                parts += &format!(", images {}", short(content_digest));
            }
            if of_content > 1 {
                let first = section.entries.first();
                let order = first.map_or("", |entry| &entry.identity.class_order_digest);
                parts += &format!(", class order {}", short(order));
            }
            format!("{name} ({parts})")
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
        Scope::Stream {
            domains,
            split_hash,
            content_digest,
            tasks,
            ..
        } => format!(
            "{tasks} task{}{}; {seeds}; split{} {}, images {}",
            if *tasks == 1 { "" } else { "s" },
            match &domains[..] {
                [_] => String::new(),
                several => format!(" over {}", several.join(", ")),
            },
            if domains.len() == 1 { "" } else { "s" },
            short(split_hash),
            short(content_digest)
        ),
        Scope::Overall { .. } if spread.is_empty() => seeds,
        Scope::Overall { .. } => format!("{seeds} of each seed's mean over streams"),
    }];
    if let Scope::Stream {
        returning: Some(returning),
        ..
    } = &section.scope
    {
        lines.push(format!(
            "domain transfer: {returning}, so transfer to tasks to come is not zero-shot ability"
        ));
    }
    if let Some(augmentations @ [_, ..]) = augmentations(section) {
        lines.push(format!(
            "training images: {}; cached features: plain images",
            joined(augmentations, ", ")
        ));
    }
    lines.extend(restrictions(section));
    lines
}

/// What makes the results of a section incomparable with those of full runs.
pub(super) fn restrictions(section: &Section) -> Vec<String> {
    let limit = section.limit.map(|limit| {
        format!("--limit {limit}: at most {limit} samples per class; not comparable with full runs")
    });
    let validation = section.validation.map(|validation| {
        format!(
            "--validation {validation}: tested on this part of the training data; not comparable with test results"
        )
    });
    limit.into_iter().chain(validation).collect()
}

/// The augmentation of training images, if it is the same for all entries; entries of different
/// scenarios may differ.
fn augmentations(section: &Section) -> Option<&[Augmentation]> {
    let mut all = section.entries.iter().map(|entry| &entry.augmentations[..]);
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// The first digits of a hash, enough to distinguish two.
fn short(hash: &str) -> &str {
    let hash = hash.strip_prefix("combined:").unwrap_or(hash);
    hash.get(..12).unwrap_or(hash)
}
