//! Tables for terminals.
//!
//! A table is as wide as the terminal at most. If not all of its columns fit, it continues in
//! further blocks below, which repeat the names of its lines.

use super::form::{Export, Report, Spelling, tables};
use super::grid::{self, Grid, how_many, total};
use super::published;
use crate::report::table::{Column, Line, Mark, Marks, REFERENCES, Table};

/// The width if no terminal shows it: wide enough for six columns of numbers, narrow enough for
/// half a screen.
const WIDTH: usize = 120;

const SPELLING: Spelling = Spelling {
    higher_is_better: "↑",
    lower_is_better: "↓",
    plus_minus: "±",
    dash: "–",
    escaped: str::to_owned,
    marked: |number, mark| match mark {
        Mark::Best => format!("* {number}"),
        Mark::Second => format!("+ {number}"),
        Mark::None => number,
    },
    note: |note| format!(" [{note}]"),
};

#[derive(Debug)]
pub(super) struct Terminal;

impl Export for Terminal {
    fn name(&self) -> &'static str {
        "table"
    }

    fn summary(&self) -> &'static str {
        "Plain table, as wide as the terminal at most, or 120 columns elsewhere"
    }

    fn write(&self, report: &dyn Report, width: Option<usize>) -> String {
        tables(report, |table| write(table, width))
    }
}

fn write(table: &Table, width: Option<usize>) -> String {
    let mut text = format!("{}\n", table.title);
    text += &blocks(table, width.unwrap_or(WIDTH)).join("\n");
    let mut below: Vec<String> = Vec::new();
    if !table.references.is_empty() {
        below.push(format!("below the rule: {REFERENCES}"));
    }
    match table.marks {
        Marks::Best => below.push("* best".to_owned()),
        Marks::BestAndSecond => below.push("* best, + second best".to_owned()),
        Marks::None => {}
    }
    let notes = table.notes.iter().enumerate();
    below.extend(notes.map(|(index, note)| format!("[{}] {note}", index + 1)));
    below.extend(table.footer.iter().cloned());
    for line in below {
        text += &match width {
            Some(width) => between_words(&line, width),
            None => line,
        };
        text.push('\n');
    }
    text + &published::terminal(&table.published, &SPELLING, width.unwrap_or(WIDTH))
}

/// The lines of the table, in as many blocks as its columns need.
fn blocks(table: &Table, width: usize) -> Vec<String> {
    let lines: Vec<&Line> = table.competitors.iter().chain(&table.references).collect();
    let rule = (!table.references.is_empty()).then_some(table.competitors.len());
    let names = |notes: &dyn Fn(&Line) -> String| {
        let name = |line: &&Line| format!("{}{}", line.lead[table.name], notes(line));
        lines.iter().map(name).collect()
    };
    let marked = |line: &Line| {
        line.notes
            .iter()
            .map(|&note| (SPELLING.note)(note))
            .collect()
    };
    let has_units = table.columns.iter().any(|column| column.unit.is_some());
    let lead = table.lead.iter().enumerate();
    let lead = lead.map(|(index, lead)| grid::Column {
        heading: heading(vec![lead.heading.to_owned()], has_units, String::new()),
        right: lead.right,
        wraps: !lead.right,
        cells: match index == table.name {
            true => names(&marked),
            false => lines.iter().map(|line| line.lead[index].clone()).collect(),
        },
    });
    let mut lead: Vec<grid::Column> = lead.collect();
    let columns = table.columns.iter().enumerate();
    let columns = columns.map(|(index, column)| number_column(index, column, &lines, has_units));
    let columns: Vec<grid::Column> = columns.collect();
    let mut rest = &columns[..];
    let mut blocks = Vec::new();
    loop {
        // One column at least, for which names give way.
        let fit = how_many(rest, total(&lead), width).max(1).min(rest.len());
        let (block, others) = rest.split_at(fit);
        let shown = lead.iter().chain(block).cloned().collect();
        let lines = Grid::new(shown).lines(width, rule);
        blocks.push(lines.join("\n") + "\n");
        rest = others;
        if rest.is_empty() {
            return blocks;
        }
        if blocks.len() == 1 {
            let mut name = lead.swap_remove(table.name);
            name.cells = names(&|_| String::new());
            lead = vec![name];
        }
    }
}

fn number_column(index: usize, column: &Column, lines: &[&Line], has_units: bool) -> grid::Column {
    grid::Column {
        heading: heading(broken(&column.name), has_units, SPELLING.unit(column)),
        right: true,
        wraps: false,
        cells: (lines.iter())
            .map(|line| SPELLING.field(&line.cells[index]))
            .collect(),
    }
}

/// Names are on the line above the units.
fn heading(mut name: Vec<String>, has_units: bool, unit: String) -> Vec<String> {
    if has_units {
        name.push(unit);
    }
    name
}

/// A name in lines that are no wider than a column of numbers, broken after hyphens and blanks.
fn broken(name: &str) -> Vec<String> {
    const LONGEST: usize = 15;
    let mut lines: Vec<String> = Vec::new();
    for part in name.split_inclusive(['-', ' ']) {
        match lines.last_mut() {
            Some(line) if line.len() + part.trim_end().len() <= LONGEST => line.push_str(part),
            _ => lines.push(part.to_owned()),
        }
    }
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// A line of text, wrapped between words.
fn between_words(line: &str, width: usize) -> String {
    let options = textwrap::Options::new(width)
        .break_words(false)
        .subsequent_indent("    ");
    textwrap::fill(line, options)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{example, written};
    use super::*;
    use crate::metric::Choice;
    use crate::metric::fixture::metrics;
    use crate::report::leaderboard::Leaderboard;
    use crate::results::CellRecord;
    use crate::results::fixture::{blind, joint, record};
    use crate::stream::Augmentation;
    use expect_test::expect;
    use harness_abi::Keeps;
    use std::num::NonZeroUsize;

    #[test]
    fn every_section_has_a_table() {
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
            below the rule: joint training, for reference (unranked)
            * best
            [1] cannot score unseen classes
            [2] predictions depend on the batch
            [3] an adaptation: on another encoder
            [4] lacks seed 2
            [5] not defined for a joint run
            2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split digits-split, images digits-image

            far_away
            #  strategy      keeps                  faa     ci-transfer  forgetting-seen
                                                    % ↑             % ↑         points ↓
            ─────────────────────────────────────────────────────────────────────────────
            1  ncm           statistics  * 70.75 ± 0.35           – [1]   * 35.00 ± 0.00
            2  head [2] [3]  nothing       60.75 ± 0.35  * 30.00 ± 0.00     63.50 ± 0.71
               half [4]      nothing              99.00           30.00            -4.00
            ─────────────────────────────────────────────────────────────────────────────
               joint         images        86.50 ± 0.00           – [5]            – [5]
            below the rule: joint training, for reference (unranked)
            * best
            [1] cannot score unseen classes
            [2] predictions depend on the batch
            [3] an adaptation: on another encoder
            [4] lacks seed 2
            [5] not defined for a joint run
            2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split far_away-spl, images far_away-ima

            overall: mean over digits, far_away
            #  strategy      keeps                  faa     ci-transfer  forgetting-seen
                                                    % ↑             % ↑         points ↓
            ─────────────────────────────────────────────────────────────────────────────
            1  ncm           statistics  * 75.75 ± 0.35           – [1]   * 25.00 ± 0.00
            2  head [2] [3]  nothing       65.75 ± 0.35  * 30.00 ± 0.00     53.50 ± 0.71
               half [4]      nothing              – [4]           – [4]            – [4]
            ─────────────────────────────────────────────────────────────────────────────
               joint         images        91.50 ± 0.00           – [5]            – [5]
            below the rule: joint training, for reference (unranked)
            * best
            [1] cannot score unseen classes
            [2] predictions depend on the batch
            [3] an adaptation: on another encoder
            [4] lacks seed 2 of digits
            [5] not defined for a joint run
            seeds 1, 2; mean ± standard deviation over seeds of each seed's mean over streams
        "#]]
        .assert_eq(&example(&Terminal, &[]));
    }

    #[test]
    fn a_limited_run_says_so_under_its_table() {
        let mut cell = record("digits", "head", 1, [50, 90]);
        cell.cell.stream.limit = NonZeroUsize::new(20);
        cell.cell.stream.validation = Some(0.2);
        expect![[r#"
            digits
            #  strategy  keeps        faa  ci-transfer  forgetting-seen
                                      % ↑          % ↑         points ↓
            ────────────────────────────────────────────────────────────
            1  head      nothing  * 70.00      * 30.00          * 45.00
            * best
            2 tasks; seed 1; split digits-split, images digits-image
            --limit 20: at most 20 samples per class; not comparable with full runs
            --validation 0.2: tested on this part of the training data; not comparable with test results
        "#]].assert_eq(&written(&Terminal, &[cell], &[]));
    }

    #[test]
    fn augmentation_is_below_the_table_or_in_notes_if_rows_differ() {
        let plain = record("digits", "head", 1, [50, 90]);
        let mut augmented = record("digits", "l2p", 1, [60, 90]);
        augmented.cell.stream.spec.augmentation = Augmentation::RandomResizedCropAndFlip;
        let mut head = plain.clone();
        head.cell.stream.spec.augmentation = augmented.cell.stream.spec.augmentation;
        head.cell.scenario = "augmented".into();
        augmented.cell.scenario = "augmented".into();
        let faa = |records: &[CellRecord]| written(&Terminal, records, &["faa"]);
        expect![[r#"
            digits
            #  strategy  keeps        faa
                                      % ↑
            ──────────────────────────────
            1  l2p       nothing  * 75.00
            2  head      nothing    70.00
            * best
            2 tasks; seed 1; split digits-split, images digits-image
            training images: random-resized-crop-and-flip; cached features: plain images
        "#]]
        .assert_eq(&faa(&[head.clone(), augmented.clone()]));
        expect![[r#"
            digits
            #  strategy              keeps        faa
                                                  % ↑
            ──────────────────────────────────────────
            1  l2p [1]               nothing  * 75.00
            2  head (quick)          nothing    70.00
            2  head (augmented) [1]  nothing    70.00
            * best
            [1] trained with random-resized-crop-and-flip
            2 tasks; seed 1; split digits-split, images digits-image
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
        let text = written(&Terminal, &records, &[]);
        let table = text
            .lines()
            .take_while(|line| !line.starts_with("below the rule"));
        for line in table {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }

    /// Five metrics, two strategies with long names, two seeds.
    fn wide(width: usize) -> String {
        let mut records = Vec::new();
        for seed in [1, 2] {
            let mut own = blind("digits", "nearest-mean-of-exemplars", seed, [80, 80 + seed]);
            own.declaration.keeps = vec![Keeps::Images, Keeps::Statistics];
            records.push(own);
            let mut other = record("digits", "ours", seed, [50, 90 - seed]);
            other.cell.strategy.label = Some("Ours (with prompts)".into());
            other.declaration.batch_dependent = true;
            records.push(other);
            records.push(joint("digits", "joint", seed, [97, 96]));
        }
        let columns = [
            "faa",
            "ci-transfer",
            "forgetting-seen",
            "faa",
            "ci-transfer",
        ];
        let choice = Choice {
            rank_by: None,
            columns: columns.map(String::from).to_vec(),
        };
        let board = Leaderboard::build(&records, &metrics(), &choice, None).unwrap();
        let text = Terminal.write(&board, Some(width));
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{line}");
        }
        text
    }

    #[test]
    fn columns_that_do_not_fit_continue_below() {
        expect![[r#"
            digits
            #  strategy                   keeps                         faa     ci-transfer  forgetting-seen             faa
                                                                        % ↑             % ↑         points ↓             % ↑
            ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
            1  nearest-mean-of-exemplars  images+statistics  * 80.75 ± 0.35           – [1]   * 15.00 ± 0.00  * 80.75 ± 0.35
            2  Ours (with prompts) [2]    nothing              69.25 ± 0.35  * 30.00 ± 0.00     45.00 ± 0.00    69.25 ± 0.35
            ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
               joint                      images               96.50 ± 0.00           – [3]            – [3]    96.50 ± 0.00

            strategy                      ci-transfer
                                                  % ↑
            ──────────────────────────────────────────
            nearest-mean-of-exemplars           – [1]
            Ours (with prompts)        * 30.00 ± 0.00
            ──────────────────────────────────────────
            joint                               – [3]
            below the rule: joint training, for reference (unranked)
            * best
            [1] cannot score unseen classes
            [2] predictions depend on the batch
            [3] not defined for a joint run
            2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split digits-split, images digits-image
        "#]].assert_eq(&wide(120));
        expect![[r#"
            digits
            #  strategy                   keeps                         faa     ci-transfer
                                                                        % ↑             % ↑
            ────────────────────────────────────────────────────────────────────────────────
            1  nearest-mean-of-exemplars  images+statistics  * 80.75 ± 0.35           – [1]
            2  Ours (with prompts) [2]    nothing              69.25 ± 0.35  * 30.00 ± 0.00
            ────────────────────────────────────────────────────────────────────────────────
               joint                      images               96.50 ± 0.00           – [3]

            strategy                   forgetting-seen             faa     ci-transfer
                                              points ↓             % ↑             % ↑
            ───────────────────────────────────────────────────────────────────────────
            nearest-mean-of-exemplars   * 15.00 ± 0.00  * 80.75 ± 0.35           – [1]
            Ours (with prompts)           45.00 ± 0.00    69.25 ± 0.35  * 30.00 ± 0.00
            ───────────────────────────────────────────────────────────────────────────
            joint                                – [3]    96.50 ± 0.00           – [3]
            below the rule: joint training, for reference (unranked)
            * best
            [1] cannot score unseen classes
            [2] predictions depend on the batch
            [3] not defined for a joint run
            2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split digits-split,
                images digits-image
        "#]]
        .assert_eq(&wide(80));
        // One column at a time, whose numbers stay whole.
        let narrow = wide(54);
        assert_eq!(narrow.matches("strategy").count(), 5, "{narrow}");
        assert!(narrow.contains("* 80.75 ± 0.35"), "{narrow}");
    }
}
