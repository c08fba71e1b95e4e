//! A comparison as tables and sentences, and as CSV.

use super::{Block, Compared, Comparison, OVERALL, Outcome, Verdict};
use crate::report::csv::{text, value};
use crate::report::export::Report;
use crate::report::number::{decimals, joined};
use crate::report::pair::{Alone, Why};
use crate::report::paired::FEWEST_PAIRS;
use crate::report::paired::LEVEL;
use crate::report::table::{Caption, Column, Field, Lead, Line, Mark, Marks, Notes, Table};

const COLUMNS: [&str; 7] = ["A", "B", "A − B", "95 % interval", "pairs", "p", "p (Holm)"];

impl Report for Comparison {
    fn tables(&self) -> Vec<Table> {
        let tables = self.blocks.iter().map(|block| self.table(block));
        tables.collect()
    }

    fn csv(&self) -> String {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let mut write = |fields: [String; 20]| {
            let written = writer.write_record(fields);
            written.expect("memory takes rows of equal length");
        };
        write(CSV.map(|(name, _)| name.to_owned()));
        for block in &self.blocks {
            for line in &block.lines {
                write(CSV.map(|(_, value)| value(self, block, line)));
            }
        }
        let bytes = writer.into_inner().expect("memory takes every write");
        String::from_utf8(bytes).expect("made of strings")
    }
}

type CsvColumn = (&'static str, fn(&Comparison, &Block, &Compared) -> String);

const CSV: [CsvColumn; 20] = [
    ("a", |comparison, _, _| comparison.sides[0].clone()),
    ("b", |comparison, _, _| comparison.sides[1].clone()),
    ("stream", |_, block, _| block.scope.clone()),
    ("strategy", |_, _, line| text(line.strategy.as_ref())),
    ("metric", |_, _, line| line.metric.name.clone()),
    ("unit", |_, _, line| line.metric.unit.clone()),
    ("higher_is_better", |_, _, line| {
        line.metric.higher_is_better.to_string()
    }),
    ("n_pairs", |_, _, line| {
        text(line.outcome().map(|outcome| outcome.paired.pairs))
    }),
    ("mean_a", |_, _, line| {
        value(line.outcome().map(|outcome| outcome.means[0]))
    }),
    ("mean_b", |_, _, line| {
        value(line.outcome().map(|outcome| outcome.means[1]))
    }),
    ("difference", |_, _, line| {
        value(line.outcome().map(|outcome| outcome.paired.difference.mean))
    }),
    ("std", |_, _, line| {
        value(
            line.outcome()
                .and_then(|outcome| outcome.paired.difference.std),
        )
    }),
    ("ci95_low", |_, _, line| {
        let interval = line
            .outcome()
            .and_then(|outcome| outcome.paired.difference.ci95);
        value(interval.map(|(low, _)| low))
    }),
    ("ci95_high", |_, _, line| {
        let interval = line
            .outcome()
            .and_then(|outcome| outcome.paired.difference.ci95);
        value(interval.map(|(_, high)| high))
    }),
    ("p", |_, _, line| {
        text(line.outcome().and_then(|outcome| outcome.paired.p))
    }),
    ("p_holm", |_, _, line| {
        text(line.outcome().and_then(|outcome| outcome.corrected))
    }),
    ("exact", |_, _, line| {
        let p = line.outcome().filter(|outcome| outcome.paired.p.is_some());
        text(p.map(|outcome| outcome.paired.exact))
    }),
    ("better", |comparison, _, line| match line.verdict() {
        Some(Verdict::Better(side)) => comparison.sides[side].clone(),
        _ => String::new(),
    }),
    ("verdict", |_, _, line| {
        let verdict = match line.verdict() {
            Some(Verdict::Better(0)) => "A is better",
            Some(Verdict::Better(_)) => "B is better",
            Some(Verdict::Chance) => "the difference could be chance",
            Some(Verdict::Equal) => "no difference",
            Some(Verdict::TooFew) => "too few pairs",
            None => "",
        };
        verdict.to_owned()
    }),
    ("note", |_, _, line| {
        line.outcome.as_ref().err().cloned().unwrap_or_default()
    }),
];

impl Compared {
    fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref().ok()
    }

    /// What distinguishes the line within its block.
    fn name(&self) -> &str {
        self.strategy.as_ref().unwrap_or(&self.metric.name)
    }
}

impl Comparison {
    fn table(&self, block: &Block) -> Table {
        let mut notes = Notes::default();
        let line = |line: &Compared| {
            let mut lead = vec![line.name().to_owned()];
            if !self.of_runs {
                lead.extend(direction(line));
            }
            Line {
                lead,
                notes: Vec::new(),
                cells: fields(line, &mut notes),
            }
        };
        let competitors = block.lines.iter().map(line).collect();
        let over = match &*block.scope {
            OVERALL => "over all streams",
            stream => stream,
        };
        let (title, lead) = match block.lines.first() {
            Some(first) if self.of_runs => {
                let [unit, better] = direction(first);
                let metric = &first.metric.name;
                let title = format!("{metric} ({unit}, {better} is better), {over}");
                (title, vec![Lead::text("strategy")])
            }
            _ => {
                let lead = ["metric", "unit", "better"].map(Lead::text);
                (over.to_owned(), lead.to_vec())
            }
        };
        let [a, b] = &self.sides;
        let mut footer = self.verdicts(block);
        footer.push(format!(
            "A: {a}; B: {b}; pairs: equal streams and seeds; better: p (Holm) below {LEVEL}"
        ));
        Table {
            caption: Some(Caption::Text(format!("{title}: A is {a}, B is {b}"))),
            anchor: None,
            title,
            lead,
            name: 0,
            columns: COLUMNS
                .map(|name| Column {
                    name: name.to_owned(),
                    unit: None,
                })
                .to_vec(),
            competitors,
            references: Vec::new(),
            marks: Marks::None,
            notes: notes.0,
            footer,
            published: Vec::new(),
        }
    }

    /// What the tests of a block say, in words: a sentence for each verdict.
    fn verdicts(&self, block: &Block) -> Vec<String> {
        let [a, b] = &self.sides;
        let all = [
            (Verdict::Better(0), format!("{a} is better")),
            (Verdict::Better(1), format!("{b} is better")),
            (Verdict::Chance, "the difference could be chance".to_owned()),
            (Verdict::Equal, "no difference at all".to_owned()),
            (Verdict::TooFew, "too few pairs to tell".to_owned()),
        ];
        let sentence = |(verdict, words): (Verdict, String)| {
            let lines = block.lines.iter();
            let lines = lines.filter(|line| line.verdict() == Some(verdict));
            let names: Vec<String> = lines.map(|line| line.name().to_owned()).collect();
            (!names.is_empty()).then(|| format!("{words}: {}", names.join(", ")))
        };
        all.into_iter().filter_map(sentence).collect()
    }
}

/// The unit of a line's metric, and what is better.
fn direction(line: &Compared) -> [String; 2] {
    let better = match line.metric.higher_is_better {
        true => "higher",
        false => "lower",
    };
    [line.metric.unit.clone(), better.to_owned()]
}

/// The fields of [`COLUMNS`].
fn fields(line: &Compared, notes: &mut Notes) -> Vec<Field> {
    let outcome = match &line.outcome {
        Ok(outcome) => outcome,
        Err(why) => {
            let note = notes.number(why);
            return COLUMNS.map(|_| Field::Absent(Some(note))).to_vec();
        }
    };
    let number = |mean: String, note| Field::Value {
        mean,
        std: None,
        mark: Mark::None,
        note,
    };
    let value = |value: f64| number(decimals(value, 2), None);
    let difference = &outcome.paired.difference;
    let interval = match difference.ci95 {
        Some((low, high)) => Field::Text(format!("{} to {}", decimals(low, 2), decimals(high, 2))),
        None => Field::Absent(Some(notes.number("one pair has no interval"))),
    };
    let mut p = |p: Option<f64>| match p {
        Some(p) => Field::Text(probability(p)),
        None => {
            let why = format!("a p-value needs {FEWEST_PAIRS} pairs");
            Field::Absent(Some(notes.number(&why)))
        }
    };
    let ps = [p(outcome.paired.p), p(outcome.corrected)];
    let estimated = (!outcome.paired.exact)
        .then(|| notes.number("p estimated from 100,000 random assignments of signs"));
    let fields = [
        value(outcome.means[0]),
        value(outcome.means[1]),
        value(difference.mean),
        interval,
        number(outcome.paired.pairs.to_string(), estimated),
    ];
    fields.into_iter().chain(ps).collect()
}

/// A p-value with four decimals; a smaller one only has a bound.
fn probability(p: f64) -> String {
    match p < 0.0001 {
        true => "<0.0001".to_owned(),
        false => decimals(p, 4),
    }
}

/// A sentence about cells that have no partner.
pub(super) fn alone(alone: &Alone, sides: &[String; 2]) -> String {
    let Alone { stream, seeds, why } = alone;
    let mut seeds = seeds.clone();
    seeds.sort();
    let plural = if seeds.len() == 1 { "" } else { "s" };
    let seeds = format!("{stream}, seed{plural} {}", joined(&seeds, ", "));
    match why {
        Why::Stream(side) => format!("{stream}: only in {}", sides[*side]),
        Why::Seed(side) => format!("{seeds}: only in {}", sides[*side]),
        Why::Split => format!("{seeds}: the splits differ"),
        Why::Images => format!("{seeds}: the images differ"),
        Why::Tasks => format!("{seeds}: the tasks differ"),
        Why::ClassOrder => format!("{seeds}: the class orders differ"),
    }
}
