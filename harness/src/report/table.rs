//! A table for people, before it takes the form of a terminal, Markdown or LaTeX.
//!
//! One table per section: a line per strategy, best first; a column per chosen metric. Upper bounds stand below, unranked. What is
//! absent is a dash with a note that says why; nothing in a table is left to be guessed.

use super::csv::{decimals, joined, keeps};
use super::{
    Entry, Leaderboard, MetricInfo, ReportError, Scope, Score, Section, Standing, csv, latex,
    markdown, terminal,
};
use crate::id::Seed;
use crate::stream::Augmentation;

/// The metrics that a table shows where none are chosen.
pub const DEFAULT_METRICS: [&str; 5] = [
    "faa",
    "average-incremental-accuracy",
    "ci-transfer",
    "forgetting-seen",
    "forgetting-all",
];

/// How a leaderboard is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For a terminal, at most 120 columns wide.
    #[default]
    Table,
    /// All metrics, one row per domain, strategy and metric, as in `leaderboard.csv`.
    Csv,
    /// For a README.
    Markdown,
    /// For a paper, with booktabs.
    Latex,
}

impl Leaderboard {
    /// Writes the leaderboard out, with these metrics as columns (CSV has them all); with [`DEFAULT_METRICS`] if there are none.
    pub fn render(&self, format: Format, metrics: &[String]) -> Result<String, ReportError> {
        let columns = self.columns(metrics)?;
        let write = match format {
            Format::Csv => return Ok(csv::leaderboard(self)),
            Format::Table => terminal::write,
            Format::Markdown => markdown::write,
            Format::Latex => latex::write,
        };
        let shown = self.sections.iter().filter(|section| !repeats(section));
        let tables: Vec<String> = shown
            .map(|section| write(&Table::of(self, section, &columns)))
            .collect();
        Ok(tables.join("\n"))
    }

    /// Indices of the metrics to show.
    fn columns(&self, chosen: &[String]) -> Result<Vec<usize>, ReportError> {
        let index = |name: &str| self.metrics.iter().position(|metric| metric.name == name);
        if chosen.is_empty() {
            let usual: Vec<usize> = DEFAULT_METRICS.into_iter().filter_map(index).collect();
            return Ok(if usual.is_empty() {
                (0..self.metrics.len()).collect()
            } else {
                usual
            });
        }
        let unknown = |name: &String| {
            let names = || self.metrics.iter().map(|metric| metric.name.as_str());
            // Not `suggest`: metrics are called by the beginning of their names, `forgetting` for `forgetting-seen`.
            let similarity = |known: &&str| strsim::jaro_winkler(name, known);
            let nearest = names().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
            ReportError::UnknownMetric {
                name: name.clone(),
                suggestion: nearest
                    .filter(|known| similarity(known) > 0.8)
                    .map(str::to_owned),
                known: names().collect::<Vec<_>>().join(", "),
            }
        };
        chosen
            .iter()
            .map(|name| index(name).ok_or_else(|| unknown(name)))
            .collect()
    }
}

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
    pub(super) cells: Vec<Cell>,
}

pub(super) enum Cell {
    Value {
        mean: String,
        std: Option<String>,
        best: bool,
    },
    /// With the number of the note that says why.
    Absent(usize),
}

impl Table {
    fn of(leaderboard: &Leaderboard, section: &Section, columns: &[usize]) -> Self {
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
            Score::Measured { summary, best } => Cell::Value {
                mean: decimals(summary.mean, 2),
                std: summary.std.map(|std| decimals(std, 2)),
                best: *best,
            },
            Score::Absent(absence) => Cell::Absent(notes.number(&absence.to_string())),
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

/// What became of the images that were trained on, if it is the same for all entries; entries of several scenarios may
/// differ in it.
fn augmentations(section: &Section) -> Option<&[Augmentation]> {
    let mut all = section.entries.iter().map(|entry| &entry.augmentations[..]);
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// Enough of a hash to tell two apart.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{blind, joint, metrics, record};
    use super::*;
    use crate::report::CellRecord;
    use expect_test::{Expect, expect};

    /// Two domains, two seeds: a head that forgets, a strategy that cannot score unseen classes, a joint run, one without seed 2.
    fn cells() -> Vec<CellRecord> {
        let mut cells = Vec::new();
        for (domain, offset) in [("digits", 0), ("far_away", 20)] {
            for seed in [1, 2] {
                let mut head = record(domain, "head", seed, [50 - offset + seed, 90]);
                head.strategy.batch_dependent = true;
                head.strategy.adaptation = Some("on another encoder".into());
                cells.push(head);
                cells.push(blind(domain, "ncm", seed, [80 - offset, 80 + seed]));
                cells.push(joint(domain, "joint", seed, [97 - offset, 96]));
            }
            cells.push(record(domain, "half", 1, [99, 99]));
        }
        cells
    }

    fn check(format: Format, chosen: &[&str], expected: Expect) {
        let board = Leaderboard::build(&cells(), &metrics(), None).unwrap();
        let chosen: Vec<String> = chosen.iter().map(ToString::to_string).collect();
        expected.assert_eq(&board.render(format, &chosen).unwrap());
    }

    #[test]
    fn terminal() {
        check(
            Format::Table,
            &[],
            expect![[r#"
                digits
                #  strategy      keeps                  faa     ci-transfer  forgetting-seen
                                                        % ↑             % ↑         points ↓
                ─────────────────────────────────────────────────────────────────────────────
                1  ncm           statistics  * 80.75 ± 0.35           – [1]   * 15.00 ± 0.00
                2  head [2] [3]  nothing       70.75 ± 0.35  * 30.00 ± 0.00     43.50 ± 0.71
                   half [4]      nothing              99.00           30.00            -4.00
                ─────────────────────────────────────────────────────────────────────────────
                   joint         images        96.50 ± 0.00           – [5]            – [5]
                below the rule: upper bound, unranked
                * best
                [1] cannot score unseen classes
                [2] its prediction for an image depends on the batch
                [3] an adaptation: on another encoder
                [4] lacks seed 2
                [5] not defined for a joint run
                2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split digits-split

                far_away
                #  strategy      keeps                  faa     ci-transfer  forgetting-seen
                                                        % ↑             % ↑         points ↓
                ─────────────────────────────────────────────────────────────────────────────
                1  ncm           statistics  * 70.75 ± 0.35           – [1]   * 35.00 ± 0.00
                2  head [2] [3]  nothing       60.75 ± 0.35  * 30.00 ± 0.00     63.50 ± 0.71
                   half [4]      nothing              99.00           30.00            -4.00
                ─────────────────────────────────────────────────────────────────────────────
                   joint         images        86.50 ± 0.00           – [5]            – [5]
                below the rule: upper bound, unranked
                * best
                [1] cannot score unseen classes
                [2] its prediction for an image depends on the batch
                [3] an adaptation: on another encoder
                [4] lacks seed 2
                [5] not defined for a joint run
                2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split far_away-spl

                overall: mean over digits, far_away
                #  strategy      keeps                  faa     ci-transfer  forgetting-seen
                                                        % ↑             % ↑         points ↓
                ─────────────────────────────────────────────────────────────────────────────
                1  ncm           statistics  * 75.75 ± 0.35           – [1]   * 25.00 ± 0.00
                2  head [2] [3]  nothing       65.75 ± 0.35  * 30.00 ± 0.00     53.50 ± 0.71
                   half [4]      nothing              – [4]           – [4]            – [4]
                ─────────────────────────────────────────────────────────────────────────────
                   joint         images        91.50 ± 0.00           – [5]            – [5]
                below the rule: upper bound, unranked
                * best
                [1] cannot score unseen classes
                [2] its prediction for an image depends on the batch
                [3] an adaptation: on another encoder
                [4] lacks seed 2 of digits
                [5] not defined for a joint run
                seeds 1, 2; mean ± standard deviation over seeds, each seed's mean over domains first
            "#]],
        );
    }

    #[test]
    fn markdown() {
        check(
            Format::Markdown,
            &["faa", "ci-transfer"],
            expect![[r#"
                **digits**

                | # | strategy | keeps | faa % ↑ | ci-transfer % ↑ |
                |--:|:--|:--|--:|--:|
                | 1 | ncm | statistics | **80.75 ± 0.35** | – (1) |
                | 2 | head (2) (3) | nothing | 70.75 ± 0.35 | **30.00 ± 0.00** |
                |  | half (4) | nothing | 99.00 | 30.00 |
                | | *upper bound, unranked* | | | |
                |  | joint | images | 96.50 ± 0.00 | – (5) |

                **Bold**: best; (1) cannot score unseen classes; (2) its prediction for an image depends on the batch; (3) an adaptation: on another encoder; (4) lacks seed 2; (5) not defined for a joint run.  
                2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split digits-split

                **far\_away**

                | # | strategy | keeps | faa % ↑ | ci-transfer % ↑ |
                |--:|:--|:--|--:|--:|
                | 1 | ncm | statistics | **70.75 ± 0.35** | – (1) |
                | 2 | head (2) (3) | nothing | 60.75 ± 0.35 | **30.00 ± 0.00** |
                |  | half (4) | nothing | 99.00 | 30.00 |
                | | *upper bound, unranked* | | | |
                |  | joint | images | 86.50 ± 0.00 | – (5) |

                **Bold**: best; (1) cannot score unseen classes; (2) its prediction for an image depends on the batch; (3) an adaptation: on another encoder; (4) lacks seed 2; (5) not defined for a joint run.  
                2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split far\_away-spl

                **overall: mean over digits, far\_away**

                | # | strategy | keeps | faa % ↑ | ci-transfer % ↑ |
                |--:|:--|:--|--:|--:|
                | 1 | ncm | statistics | **75.75 ± 0.35** | – (1) |
                | 2 | head (2) (3) | nothing | 65.75 ± 0.35 | **30.00 ± 0.00** |
                |  | half (4) | nothing | – (4) | – (4) |
                | | *upper bound, unranked* | | | |
                |  | joint | images | 91.50 ± 0.00 | – (5) |

                **Bold**: best; (1) cannot score unseen classes; (2) its prediction for an image depends on the batch; (3) an adaptation: on another encoder; (4) lacks seed 2 of digits; (5) not defined for a joint run.  
                seeds 1, 2; mean ± standard deviation over seeds, each seed's mean over domains first
            "#]],
        );
    }

    #[test]
    fn latex() {
        check(
            Format::Latex,
            &["faa", "ci-transfer"],
            expect![[r#"
                \begin{table}
                \centering
                \caption{digits}
                \begin{tabular}{rllrr}
                \toprule
                \# & strategy & keeps & faa \% $\uparrow$ & ci-transfer \% $\uparrow$ \\
                \midrule
                1 & ncm & statistics & \textbf{80.75 $\pm$ 0.35} & --\textsuperscript{1} \\
                2 & head\textsuperscript{2,3} & nothing & 70.75 $\pm$ 0.35 & \textbf{30.00 $\pm$ 0.00} \\
                 & half\textsuperscript{4} & nothing & 99.00 & 30.00 \\
                \midrule
                \multicolumn{5}{l}{\emph{upper bound, unranked}} \\
                 & joint & images & 96.50 $\pm$ 0.00 & --\textsuperscript{5} \\
                \bottomrule
                \end{tabular}

                \footnotesize
                Bold: best.
                \textsuperscript{1}~cannot score unseen classes.
                \textsuperscript{2}~its prediction for an image depends on the batch.
                \textsuperscript{3}~an adaptation: on another encoder.
                \textsuperscript{4}~lacks seed 2.
                \textsuperscript{5}~not defined for a joint run.
                2 tasks; seeds 1, 2; mean $\pm$ standard deviation over seeds; split digits-split.
                \end{table}

                \begin{table}
                \centering
                \caption{far\_away}
                \begin{tabular}{rllrr}
                \toprule
                \# & strategy & keeps & faa \% $\uparrow$ & ci-transfer \% $\uparrow$ \\
                \midrule
                1 & ncm & statistics & \textbf{70.75 $\pm$ 0.35} & --\textsuperscript{1} \\
                2 & head\textsuperscript{2,3} & nothing & 60.75 $\pm$ 0.35 & \textbf{30.00 $\pm$ 0.00} \\
                 & half\textsuperscript{4} & nothing & 99.00 & 30.00 \\
                \midrule
                \multicolumn{5}{l}{\emph{upper bound, unranked}} \\
                 & joint & images & 86.50 $\pm$ 0.00 & --\textsuperscript{5} \\
                \bottomrule
                \end{tabular}

                \footnotesize
                Bold: best.
                \textsuperscript{1}~cannot score unseen classes.
                \textsuperscript{2}~its prediction for an image depends on the batch.
                \textsuperscript{3}~an adaptation: on another encoder.
                \textsuperscript{4}~lacks seed 2.
                \textsuperscript{5}~not defined for a joint run.
                2 tasks; seeds 1, 2; mean $\pm$ standard deviation over seeds; split far\_away-spl.
                \end{table}

                \begin{table}
                \centering
                \caption{overall: mean over digits, far\_away}
                \begin{tabular}{rllrr}
                \toprule
                \# & strategy & keeps & faa \% $\uparrow$ & ci-transfer \% $\uparrow$ \\
                \midrule
                1 & ncm & statistics & \textbf{75.75 $\pm$ 0.35} & --\textsuperscript{1} \\
                2 & head\textsuperscript{2,3} & nothing & 65.75 $\pm$ 0.35 & \textbf{30.00 $\pm$ 0.00} \\
                 & half\textsuperscript{4} & nothing & --\textsuperscript{4} & --\textsuperscript{4} \\
                \midrule
                \multicolumn{5}{l}{\emph{upper bound, unranked}} \\
                 & joint & images & 91.50 $\pm$ 0.00 & --\textsuperscript{5} \\
                \bottomrule
                \end{tabular}

                \footnotesize
                Bold: best.
                \textsuperscript{1}~cannot score unseen classes.
                \textsuperscript{2}~its prediction for an image depends on the batch.
                \textsuperscript{3}~an adaptation: on another encoder.
                \textsuperscript{4}~lacks seed 2 of digits.
                \textsuperscript{5}~not defined for a joint run.
                seeds 1, 2; mean $\pm$ standard deviation over seeds, each seed's mean over domains first.
                \end{table}
            "#]],
        );
    }

    #[test]
    fn a_limited_run_says_so_under_its_table() {
        let mut cell = record("digits", "head", 1, [50, 90]);
        cell.domain.limit = Some(20);
        cell.domain.validation = Some(0.2);
        let board = Leaderboard::build(&[cell], &metrics(), None).unwrap();
        expect![[r#"
            digits
            #  strategy  keeps        faa  ci-transfer  forgetting-seen
                                      % ↑          % ↑         points ↓
            ────────────────────────────────────────────────────────────
            1  head      nothing  * 70.00      * 30.00          * 45.00
            * best
            2 tasks; seed 1; split digits-split
            --limit 20: at most 20 samples per class; not comparable with full runs
            --validation 0.2: tested on that part of the training data; not comparable with test results
        "#]].assert_eq(&board.render(Format::Table, &[]).unwrap());
    }

    #[test]
    fn augmentation_stands_under_the_table_or_where_rows_differ_beside_them() {
        let plain = record("digits", "head", 1, [50, 90]);
        let mut augmented = record("digits", "l2p", 1, [60, 90]);
        augmented.domain.augmentation = Augmentation::RandomResizedCropAndFlip;
        let mut head = plain.clone();
        head.domain.augmentation = augmented.domain.augmentation;
        head.scenario = "augmented".into();
        augmented.scenario = "augmented".into();
        let faa = |records: &[CellRecord]| {
            let board = Leaderboard::build(records, &metrics(), None).unwrap();
            board.render(Format::Table, &["faa".into()]).unwrap()
        };
        expect![[r#"
            digits
            #  strategy  keeps        faa
                                      % ↑
            ──────────────────────────────
            1  l2p       nothing  * 75.00
            2  head      nothing    70.00
            * best
            2 tasks; seed 1; split digits-split
            images that are trained on: random-resized-crop-and-flip; cached features are of the plain ones
        "#]].assert_eq(&faa(&[head.clone(), augmented.clone()]));
        expect![[r#"
            digits
            #  strategy              keeps        faa
                                                  % ↑
            ──────────────────────────────────────────
            1  l2p [1]               nothing  * 75.00
            2  head (quick)          nothing    70.00
            2  head (augmented) [1]  nothing    70.00
            * best
            [1] trained on images after random-resized-crop-and-flip
            2 tasks; seed 1; split digits-split
        "#]]
        .assert_eq(&faa(&[plain, head, augmented]));
    }

    #[test]
    fn no_line_is_wider_than_120_columns() {
        let long = "a-strategy-with-a-name-that-goes-on-".repeat(5);
        let records = [
            record("digits", &long, 1, [50, 90]),
            joint("digits", "joint", 1, [9, 9]),
        ];
        let board = Leaderboard::build(&records, &metrics(), None).unwrap();
        let text = board.render(Format::Table, &[]).unwrap();
        let table = text
            .lines()
            .take_while(|line| !line.starts_with("below the rule"));
        for line in table {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }

    #[test]
    fn an_unknown_metric_is_answered_with_the_nearest() {
        let board = Leaderboard::build(&cells(), &metrics(), None).unwrap();
        let message = board
            .render(Format::Table, &["forgeting".into()])
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "no metric is called `forgeting`; did you mean `forgetting-seen`?\nthis leaderboard has: faa, ci-transfer, forgetting-seen"
        );
    }

    #[test]
    fn names_are_escaped_for_each_format() {
        let records = [record("a_b", "50%|x_y", 1, [50, 90])];
        let board = Leaderboard::build(&records, &metrics(), None).unwrap();
        let line = |format, start: &str| {
            let text = board.render(format, &["faa".into()]).unwrap();
            text.lines()
                .find(|line| line.starts_with(start))
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            line(Format::Markdown, "| 1"),
            r"| 1 | 50%\|x\_y | nothing | **70.00** |"
        );
        assert_eq!(
            line(Format::Latex, "1"),
            r"1 & 50\%|x\_y & nothing & \textbf{70.00} \\"
        );
        assert_eq!(line(Format::Latex, r"\caption"), r"\caption{a\_b}");
    }
}
