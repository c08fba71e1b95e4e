//! One metric of every strategy on every stream: the main table of a paper.
//!
//! A section of the leaderboard is a column, so two splits of one stream are two columns. The mean
//! over streams comes last, where the leaderboard has one. Best and second best values are marked
//! column by column, among ranked competitors.

use super::csv::value;
use super::export::Report;
use super::leaderboard::Leaderboard;
use super::number::joined;
use super::rank::places;
use super::standing::{Entry, Scope, Score, Section, Standing};
use super::statistics::Summary;
use super::table::{
    Caption, Column, Field, Lead, Line, Mark, Marks, Notes, Table, repeats, restrictions, title,
};
use crate::id::Seed;
use crate::metric::{Choice, MetricError, MetricInfo};
use std::cmp::Reverse;

/// A pivot table of a leaderboard.
#[derive(Debug, Clone)]
pub struct Pivot<'a> {
    metric: &'a MetricInfo,
    /// The index of the metric.
    index: usize,
    columns: Vec<PivotColumn<'a>>,
    /// Best first.
    rows: Vec<Row<'a>>,
    caption: Option<String>,
    anchor: Option<String>,
}

#[derive(Debug, Clone)]
struct PivotColumn<'a> {
    name: String,
    section: &'a Section,
    /// One for each entry of the section.
    marks: Vec<Mark>,
}

/// A strategy: for each column, its entry there and the entry's index in the section.
#[derive(Debug, Clone)]
struct Row<'a>(Vec<Option<(usize, &'a Entry)>>);

impl<'a> Pivot<'a> {
    /// The table of the metric with this name. The leaderboard should rank by it, so that what
    /// lacks a value has no rank.
    ///
    /// # Errors
    ///
    /// If there is no such metric.
    pub fn of(leaderboard: &'a Leaderboard, metric: &str) -> Result<Self, MetricError> {
        let choice = Choice {
            rank_by: None,
            columns: vec![metric.to_owned()],
        };
        let index = choice.columns(&leaderboard.metrics)?[0];
        let metric = &leaderboard.metrics[index];
        let columns = columns(leaderboard, index, metric);
        let rows = rows(&columns, index, metric);
        Ok(Self {
            metric,
            index,
            columns,
            rows,
            caption: None,
            anchor: None,
        })
    }

    /// The same with a caption and a label for LaTeX, both as LaTeX has them.
    #[must_use]
    pub fn captioned(self, caption: Option<String>, label: Option<String>) -> Self {
        Self {
            caption,
            anchor: label,
            ..self
        }
    }

    /// The metric's unit, and which direction is better.
    fn unit(&self) -> String {
        let better = match self.metric.higher_is_better {
            true => "higher is better",
            false => "lower is better",
        };
        format!("{}, {better}", self.metric.unit)
    }

    fn seeds(&self) -> String {
        let entries = self.rows.iter().flat_map(Row::entries);
        let mut seeds: Vec<Seed> = entries.flat_map(|entry| &entry.seeds).copied().collect();
        seeds.sort();
        seeds.dedup();
        match &seeds[..] {
            [only] => format!("seed {only}"),
            _ => format!(
                "mean ± standard deviation over seeds {}",
                joined(&seeds, ", ")
            ),
        }
    }

    /// What the metric is: the words before the colon of its summary, if it has one, and its name.
    fn metric_in_words(&self) -> String {
        let name = &self.metric.name;
        let Some((words, _)) = self.metric.summary.split_once(':') else {
            return name.clone();
        };
        let mut letters = words.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        format!("{}, {name}", first.chain(letters).collect::<String>())
    }

    /// What tables call each row: its label or name, with more only if another row has the same.
    fn titles(&self) -> Vec<String> {
        let by_name = |row: &Row<'_>| {
            let entry = row.first();
            let own = entry.own_label.as_ref();
            own.unwrap_or(&entry.identity.strategy).clone()
        };
        let by_label = |row: &Row<'_>| {
            let labels = row.entries().map(|entry| &entry.label);
            labels
                .max_by_key(|label| label.len())
                .cloned()
                .unwrap_or_default()
        };
        let by_scenario = |row: &Row<'_>| {
            let identity = &row.first().identity;
            format!(
                "{} ({}) [{}]",
                by_name(row),
                identity.scenario,
                identity.settings
            )
        };
        let ways: [&dyn Fn(&Row<'_>) -> String; 3] = [&by_name, &by_label, &by_scenario];
        let all = ways.map(|way| self.rows.iter().map(way).collect::<Vec<_>>());
        let unique = |titles: &[String], title: &String| {
            titles.iter().filter(|other| *other == title).count() == 1
        };
        (0..self.rows.len())
            .map(|row| {
                let mut ways = all.iter();
                let found = ways.find(|titles| unique(titles, &titles[row]));
                found.unwrap_or(&all[2])[row].clone()
            })
            .collect()
    }

    fn line(&self, row: &Row<'_>, title: &str, notes: &mut Notes) -> Line {
        let own = notes.on_strategy(row.first());
        let field = |(column, entry): (&PivotColumn<'_>, &Option<(usize, &Entry)>)| {
            let Some((at, entry)) = entry else {
                let why = match column.section.scope {
                    Scope::Stream { .. } => "not run on this stream",
                    Scope::Overall { .. } => "has no mean over these streams",
                };
                return Field::Absent(Some(notes.number(why)));
            };
            match &entry.scores[self.index] {
                Score::Measured { summary, .. } => {
                    let note = match &entry.standing {
                        Standing::Incomplete(lacking) => Some(notes.number(lacking)),
                        _ => None,
                    };
                    Field::of(summary, column.marks[*at], note)
                }
                Score::Absent(absence) => Field::Absent(Some(notes.number(&absence.to_string()))),
            }
        };
        Line {
            lead: vec![title.to_owned()],
            cells: self.columns.iter().zip(&row.0).map(field).collect(),
            notes: own,
        }
    }

    fn footer(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.metric.summary.is_empty() {
            lines.push(format!("{}: {}", self.metric.name, self.metric.summary));
        }
        let tasks = self.columns.iter().filter_map(|column| {
            let Scope::Stream { tasks, .. } = column.section.scope else {
                return None;
            };
            Some((&column.name, tasks))
        });
        let tasks: Vec<(&String, usize)> = tasks.collect();
        let plural = |tasks| if tasks == 1 { "" } else { "s" };
        let tasks = match &tasks[..] {
            [(_, first), rest @ ..] if rest.iter().all(|(_, other)| other == first) => {
                format!("{first} task{}", plural(*first))
            }
            _ => {
                let each = tasks
                    .iter()
                    .map(|(name, tasks)| format!("{name}: {tasks} task{}", plural(*tasks)));
                each.collect::<Vec<_>>().join(", ")
            }
        };
        let mean = match self.columns.iter().any(PivotColumn::is_mean) {
            true => "; mean: of each seed's mean over streams",
            false => "",
        };
        lines.push(format!("{tasks}; {}{mean}", self.seeds()));
        let means = self.columns.iter().filter(|column| column.is_mean());
        if means.clone().count() > 1 {
            lines.extend(means.filter_map(|column| match &column.section.scope {
                Scope::Overall { streams } => {
                    Some(format!("{}: over {}", column.name, streams.join(", ")))
                }
                Scope::Stream { .. } => None,
            }));
        }
        let restricted = |column: &PivotColumn<'_>| restrictions(column.section);
        let first = self.columns.first().map(restricted).unwrap_or_default();
        match self
            .columns
            .iter()
            .all(|column| restricted(column) == first)
        {
            true => lines.extend(first),
            false => lines.extend(self.columns.iter().flat_map(|column| {
                let lines = restricted(column).into_iter();
                lines.map(|line| format!("{}: {line}", column.name))
            })),
        }
        lines
    }
}

impl Report for Pivot<'_> {
    fn tables(&self) -> Vec<Table> {
        let mut notes = Notes::default();
        let (mut competitors, mut references) = (Vec::new(), Vec::new());
        let titles = self.titles();
        // Competitors first, so that notes are numbered as they are read.
        for reference in [false, true] {
            let rows = self.rows.iter().zip(&titles);
            for (row, title) in rows.filter(|(row, _)| row.is_reference() == reference) {
                let line = self.line(row, title, &mut notes);
                match reference {
                    true => references.push(line),
                    false => competitors.push(line),
                }
            }
        }
        let name = &self.metric.name;
        let caption = match &self.caption {
            Some(caption) => Caption::Raw(caption.clone()),
            None => Caption::Text(format!(
                "{} ({}): {}",
                self.metric_in_words(),
                self.unit(),
                self.seeds()
            )),
        };
        let anchor = self.anchor.clone();
        let columns = self.columns.iter().map(|column| Column {
            name: column.name.clone(),
            unit: None,
        });
        vec![Table {
            title: format!("{name} ({})", self.unit()),
            caption: Some(caption),
            anchor: Some(anchor.unwrap_or_else(|| format!("tab:{name}"))),
            lead: vec![Lead::text("strategy")],
            name: 0,
            columns: columns.collect(),
            competitors,
            references,
            marks: Marks::BestAndSecond,
            notes: notes.0,
            footer: self.footer(),
            published: Vec::new(),
        }]
    }

    fn csv(&self) -> String {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let mut write = |fields: Vec<String>| {
            let written = writer.write_record(fields);
            written.expect("memory takes rows of equal length");
        };
        let fixed = [
            "scenario",
            "strategy",
            "label",
            "backbone",
            "regime",
            "settings",
            "metric",
            "unit",
            "higher_is_better",
        ];
        let streams = self.columns.iter().flat_map(|column| {
            let name = match column.is_mean() {
                true => column.name.replacen("mean", "overall", 1).replace(' ', "_"),
                false => column.name.clone(),
            };
            ["mean", "std"].map(|part| format!("{name}_{part}"))
        });
        write(fixed.map(String::from).into_iter().chain(streams).collect());
        let rows = |reference| {
            let rows = self.rows.iter();
            rows.filter(move |row| row.is_reference() == reference)
        };
        for row in rows(false).chain(rows(true)) {
            let entry = row.first();
            let identity = &entry.identity;
            let fixed = [
                identity.scenario.clone(),
                identity.strategy.clone(),
                entry.own_label.clone().unwrap_or_default(),
                identity.backbone.clone(),
                entry.regime.to_string(),
                identity.settings.clone(),
                self.metric.name.clone(),
                self.metric.unit.clone(),
                self.metric.higher_is_better.to_string(),
            ];
            let values = row.0.iter().flat_map(|entry| {
                let summary = entry.and_then(|(_, entry)| summary(entry, self.index));
                [
                    value(summary.map(|summary| summary.mean)),
                    value(summary.and_then(|summary| summary.std)),
                ]
            });
            write(fixed.into_iter().chain(values).collect());
        }
        let bytes = writer.into_inner().expect("memory takes every write");
        String::from_utf8(bytes).expect("made of strings")
    }
}

impl PivotColumn<'_> {
    fn is_mean(&self) -> bool {
        matches!(self.section.scope, Scope::Overall { .. })
    }
}

impl<'a> Row<'a> {
    fn entries(&self) -> impl Iterator<Item = &'a Entry> {
        self.0.iter().flatten().map(|(_, entry)| *entry)
    }

    fn first(&self) -> &'a Entry {
        self.entries().next().expect("a row is made with an entry")
    }

    fn is_reference(&self) -> bool {
        self.first().standing == Standing::Reference
    }

    /// How well an entry fits into an empty column of the row: the smaller the better. `None` if it
    /// is of another strategy.
    fn fits(&self, entry: &Entry, alone: bool) -> Option<u32> {
        let (ours, theirs) = (&self.first().identity, &entry.identity);
        let same_row = (&ours.strategy, &ours.backbone) == (&theirs.strategy, &theirs.backbone);
        let same_settings = ours.settings == theirs.settings;
        match ours.scenario == theirs.scenario {
            _ if !same_row => None,
            true if same_settings => Some(0),
            // A mean over streams has them combined.
            true if alone => Some(1),
            // Two scenarios have this row in common.
            false if same_settings && self.first().seeds == entry.seeds => Some(2),
            _ => None,
        }
    }
}

/// The streams, and the means over them.
fn columns<'a>(
    leaderboard: &'a Leaderboard,
    index: usize,
    metric: &MetricInfo,
) -> Vec<PivotColumn<'a>> {
    // A mean that no strategy has needs no column.
    let is_shown = |section: &&Section| match section.scope {
        Scope::Stream { .. } => true,
        Scope::Overall { .. } => {
            let mut entries = section.entries.iter();
            !repeats(section) && entries.any(|entry| summary(entry, index).is_some())
        }
    };
    let sections: Vec<&Section> = leaderboard.sections.iter().filter(is_shown).collect();
    let is_mean = |section: &&&Section| matches!(section.scope, Scope::Overall { .. });
    let means = sections.iter().filter(is_mean).count();
    let mut number = 0;
    let column = |section: &'a Section| {
        let marks = places(section, index, metric).into_iter();
        let marks = marks.map(|place| match place {
            Some(1) => Mark::Best,
            Some(2) => Mark::Second,
            _ => Mark::None,
        });
        let name = match &section.scope {
            Scope::Overall { .. } if means == 1 => "mean".to_owned(),
            Scope::Overall { .. } => {
                number += 1;
                format!("mean {number}")
            }
            Scope::Stream { .. } => title(leaderboard, section),
        };
        PivotColumn {
            name,
            section,
            marks: marks.collect(),
        }
    };
    sections.into_iter().map(column).collect()
}

/// The strategies, by their values in the last column if that is a mean over all others or the only
/// one; otherwise in the order of the records.
fn rows<'a>(columns: &[PivotColumn<'a>], index: usize, metric: &MetricInfo) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        for (number, entry) in column.section.entries.iter().enumerate() {
            let alike = column.section.entries.iter().filter(|other| {
                let (one, other) = (&entry.identity, &other.identity);
                (&one.scenario, &one.strategy, &one.backbone)
                    == (&other.scenario, &other.strategy, &other.backbone)
            });
            let alone = alike.count() == 1;
            let free = rows.iter_mut().filter(|row| row.0[at].is_none());
            let fitting = free.filter_map(|row| Some((row.fits(entry, alone)?, row)));
            match fitting.min_by_key(|(distance, _)| *distance) {
                Some((_, row)) => row.0[at] = Some((number, entry)),
                None => {
                    let mut row = vec![None; columns.len()];
                    row[at] = Some((number, entry));
                    rows.push(Row(row));
                }
            }
        }
    }
    let means = columns.iter().filter(|column| column.is_mean()).count();
    if columns.len() == 1 || means == 1 {
        let key = |row: &Row<'_>| {
            let (_, entry) = row.0[columns.len() - 1]?;
            let competes = !matches!(entry.standing, Standing::Incomplete(_));
            let millionths = (summary(entry, index)?.mean * 1e6).round() as i64;
            let key = match metric.higher_is_better {
                true => millionths,
                false => -millionths,
            };
            Some((competes, key))
        };
        // Stable, best first, and those without a value last.
        rows.sort_by_key(|row| Reverse(key(row)));
    }
    rows
}

fn summary(entry: &Entry, index: usize) -> Option<&Summary> {
    match &entry.scores[index] {
        Score::Measured { summary, .. } => Some(summary),
        Score::Absent(_) => None,
    }
}

#[cfg(test)]
mod tests;
