//! A section as the template reads it.

use super::cells::Cells;
use super::glance;
use crate::report::against_best::{Against, AgainstBest, Verdict};
use crate::report::figures::{Context, figures};
use crate::report::number::decimals;
use crate::report::standing::{Entry, Scope, Standing};
use crate::report::statistics::Summary;
use crate::report::table::{Column, Field, Lead, Line, Mark, Table};
use crate::results::CellRecord;
use serde::Serialize;

/// A section.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    id: String,
    title: String,
    /// Whether it is a mean over streams.
    pub(super) is_overall: bool,
    /// What a closed section says.
    summary: String,
    /// What its numbers say in a few sentences.
    glance: Vec<String>,
    leaderboard: Sortable,
    notes: Vec<String>,
    footer: Vec<String>,
    differences: Option<Differences>,
    costs: Sortable,
    published: Vec<Published>,
    figures: Vec<Figure>,
    cells: Option<Cells>,
}

/// A table that can be sorted.
#[derive(Debug, Serialize)]
struct Sortable {
    columns: Vec<Heading>,
    competitors: Vec<Row>,
    references: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Heading {
    name: String,
    /// Unit, and whether higher or lower is better.
    unit: String,
    number: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    cells: Vec<Value>,
}

/// What stands in a table.
#[derive(Debug, Default, Serialize)]
struct Value {
    text: String,
    /// What it is sorted by, if not by its text.
    sort: String,
    best: bool,
    /// Numbers of notes.
    notes: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct Differences {
    best: String,
    metric: String,
    rows: Vec<Difference>,
    /// What the verdicts rest on.
    basis: &'static str,
}

#[derive(Debug, Serialize)]
struct Difference {
    strategy: String,
    pairs: usize,
    mean: String,
    interval: String,
    p: String,
    verdict: &'static str,
}

#[derive(Debug, Serialize)]
struct Published {
    method: String,
    metric: String,
    printed: String,
    own: String,
    row: String,
    source: String,
}

#[derive(Debug, Serialize)]
struct Figure {
    title: String,
    caption: String,
    svg: String,
}

impl Section {
    /// The section with this number.
    pub(super) fn of(context: &Context<'_>, number: usize) -> Section {
        let table = Table::of(context.board, context.section);
        let row = |line: &Line| row(line, &table.lead, table.name);
        let comparison = context.against_best();
        let figures = figures(context).into_iter();
        let figures = figures.filter(|figure| figure.on_page);
        Section {
            id: format!("section-{number}"),
            is_overall: matches!(context.section.scope, Scope::Overall { .. }),
            summary: summary(context),
            glance: glance::sentences(context, comparison),
            differences: comparison.map(|comparison| differences(context, comparison)),
            costs: costs(context),
            published: published(context),
            figures: figures
                .map(|figure| Figure {
                    svg: figure
                        .svg
                        .element(&format!("{}. {}", figure.title, figure.caption)),
                    title: figure.title,
                    caption: figure.caption,
                })
                .collect(),
            cells: Cells::of(context),
            leaderboard: Sortable {
                columns: (table.lead.iter())
                    .map(|lead| Heading {
                        name: lead.heading.to_owned(),
                        unit: String::new(),
                        number: lead.right,
                    })
                    .chain(table.columns.iter().map(heading))
                    .collect(),
                competitors: table.competitors.iter().map(row).collect(),
                references: table.references.iter().map(row).collect(),
            },
            title: table.title,
            notes: table.notes,
            footer: table.footer,
        }
    }
}

fn heading(column: &Column) -> Heading {
    let unit = column.unit.as_ref().map_or(String::new(), |unit| {
        let arrow = if unit.higher_is_better { "↑" } else { "↓" };
        format!("{} {arrow}", unit.name)
    });
    Heading {
        name: column.name.clone(),
        unit,
        number: true,
    }
}

/// A line of the leaderboard, whose notes stand at its name.
fn row(line: &Line, leads: &[Lead], name: usize) -> Row {
    let lead = (line.lead.iter().zip(leads))
        .enumerate()
        .map(|(index, (text, lead))| Value {
            text: text.clone(),
            // Whoever has no rank comes last.
            sort: match lead.right && text.is_empty() {
                true => "1e9".to_owned(),
                false => String::new(),
            },
            notes: match index == name {
                true => line.notes.clone(),
                false => Vec::new(),
            },
            ..Value::default()
        });
    let fields = line.cells.iter().map(|field| match field {
        Field::Value {
            mean,
            std,
            mark,
            note,
        } => Value {
            text: match std {
                Some(std) => format!("{} ± {std}", minus(mean)),
                None => minus(mean),
            },
            sort: mean.clone(),
            best: *mark == Mark::Best,
            notes: note.iter().copied().collect(),
        },
        Field::Text(text) => Value {
            text: text.clone(),
            ..Value::default()
        },
        Field::Absent(note) => Value {
            text: "–".to_owned(),
            notes: note.iter().copied().collect(),
            ..Value::default()
        },
    });
    Row {
        cells: lead.chain(fields).collect(),
    }
}

/// What a closed section says: its size, and who is best.
fn summary(context: &Context<'_>) -> String {
    let Scope::Stream { tasks, .. } = &context.section.scope else {
        return String::new();
    };
    let tasks = format!("{tasks} task{}", if *tasks == 1 { "" } else { "s" });
    match glance::best(context) {
        Some((best, value)) => format!("{tasks}; {best} {value}"),
        None => tasks,
    }
}

fn differences(context: &Context<'_>, comparison: &AgainstBest<'_>) -> Differences {
    let row = |other: &Against<'_>| {
        let difference = &other.paired.difference;
        Difference {
            strategy: other.entry.label.clone(),
            pairs: other.paired.pairs,
            mean: signed(difference.mean),
            interval: difference.ci95.map_or("–".to_owned(), |(low, high)| {
                format!("{} to {}", signed(low), signed(high))
            }),
            p: match other.p {
                Some(p) if p < 0.001 => "< 0.001".to_owned(),
                Some(p) => decimals(p, 3),
                None => "–".to_owned(),
            },
            verdict: match comparison.verdict(other) {
                _ if !other.competes() => "reference",
                None => "unknown",
                Some(Verdict::MayBeChance) => "may be chance",
                Some(Verdict::Found) => {
                    match (difference.mean > 0.0) == comparison.higher_is_better {
                        true => "better",
                        false => "worse",
                    }
                }
            },
        }
    };
    Differences {
        best: comparison.best.label.clone(),
        metric: (context.board.rank_by).map_or(String::new(), |metric| {
            context.board.metrics[metric].name.clone()
        }),
        rows: comparison.others.iter().map(row).collect(),
        basis: match comparison.can_find() {
            true => "by the paired permutation test",
            false => "by the interval, since there are too few pairs for a test",
        },
    }
}

fn signed(number: f64) -> String {
    let text = decimals(number, 2);
    match number > 0.0 && text != "0.00" {
        true => format!("+{text}"),
        false => minus(&text),
    }
}

/// A number with a minus sign in place of a hyphen.
fn minus(number: &str) -> String {
    number.replace('-', "−")
}

/// What the strategies cost, as means over cells.
fn costs(context: &Context<'_>) -> Sortable {
    type Cost = (&'static str, &'static str, fn(&CellRecord) -> Option<f64>);
    const COSTS: [Cost; 6] = [
        ("learning", "s", |cell| Some(cell.costs.wall_seconds.learn)),
        ("evaluation", "s", |cell| {
            Some(cell.costs.wall_seconds.evaluate)
        }),
        ("cell", "s", |cell| Some(cell.costs.wall_seconds.total)),
        ("peak memory", "MB", |cell| {
            cell.costs.peak_memory_bytes.map(|bytes| bytes as f64 / 1e6)
        }),
        ("state", "MB", |cell| {
            Some(cell.costs.state_bytes as f64 / 1e6)
        }),
        ("optimiser steps", "", |cell| {
            Some(cell.costs.optimiser_steps as f64)
        }),
    ];
    let row = |entry: &&Entry| {
        let cells: Vec<&CellRecord> = (entry.cells.iter())
            .map(|&cell| &context.records[cell])
            .collect();
        let value = |(_, unit, of): &Cost| {
            let values: Option<Vec<f64>> = cells.iter().map(|cell| of(cell)).collect();
            match values.and_then(|values| Summary::of(&values)) {
                Some(summary) => Value {
                    text: decimals(summary.mean, if unit.is_empty() { 0 } else { 2 }),
                    ..Value::default()
                },
                None => Value {
                    text: "–".to_owned(),
                    ..Value::default()
                },
            }
        };
        let name = Value {
            text: entry.label.clone(),
            ..Value::default()
        };
        Row {
            cells: std::iter::once(name)
                .chain(COSTS.iter().map(value))
                .collect(),
        }
    };
    let headings = COSTS.iter().map(|(name, unit, _)| Heading {
        name: (*name).to_owned(),
        unit: (*unit).to_owned(),
        number: true,
    });
    let strategy = Heading {
        name: "strategy".to_owned(),
        unit: String::new(),
        number: false,
    };
    let entries = context.section.in_order();
    let (references, competitors): (Vec<&Entry>, Vec<&Entry>) =
        (entries.into_iter()).partition(|entry| entry.standing == Standing::Reference);
    Sortable {
        columns: std::iter::once(strategy).chain(headings).collect(),
        competitors: competitors.iter().map(row).collect(),
        references: references.iter().map(row).collect(),
    }
}

fn published(context: &Context<'_>) -> Vec<Published> {
    let figures = context.section.published.iter();
    figures
        .map(|figure| Published {
            method: figure.method.clone(),
            metric: figure.metric.clone(),
            printed: figure.printed.clone(),
            own: figure
                .own
                .map_or("–".to_owned(), |own| decimals(own.mean, 2)),
            row: figure.row.clone(),
            source: figure.source.clone(),
        })
        .collect()
}
