//! Tables for terminals.

use super::form::{Export, Spelling, rank, tables};
use super::published;
use crate::report::leaderboard::Leaderboard;
use crate::report::table::{Column, Field, Line, Table};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Row, TableStyle};

/// Wide enough for six columns of numbers, narrow enough for half a screen.
const WIDTH: u16 = 120;

/// Placeholder for a rule until the widths are known; no cell contains it.
const RULE: &str = "\u{2500}\u{2500}rule";

const SPELLING: Spelling = Spelling {
    higher_is_better: "↑",
    lower_is_better: "↓",
    plus_minus: "±",
    escaped: str::to_owned,
};

#[derive(Debug)]
pub(super) struct Terminal;

impl Export for Terminal {
    fn name(&self) -> &'static str {
        "table"
    }

    fn summary(&self) -> &'static str {
        "Plain table for a terminal, at most 120 columns wide"
    }

    fn write(&self, leaderboard: &Leaderboard) -> String {
        tables(leaderboard, write)
    }
}

fn write(table: &Table) -> String {
    let mut grid = comfy_table::Table::new();
    // No vertical lines, one line below the header.
    let below_header = LineStyle::none().fill('─').junction('─');
    grid.load_style(TableStyle::new().header_separator(below_header))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .force_no_tty();
    grid.set_header(headers(&table.columns));
    for line in &table.competitors {
        grid.add_row(row(line));
    }
    if !table.references.is_empty() {
        grid.add_row(["", RULE]);
        for line in &table.references {
            grid.add_row(row(line));
        }
    }
    for (index, column) in grid.column_iter_mut().enumerate() {
        // With the blank in place of a vertical line, that makes two between columns.
        column.set_padding((0, 1));
        if !(1..3).contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = grid
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = format!("{}\n", table.title);
    for line in lines {
        if line.contains(RULE) {
            text += &"─".repeat(width);
        } else {
            text += &line;
        }
        text.push('\n');
    }
    if !table.references.is_empty() {
        text += "below the rule: joint training, for reference (unranked)\n";
    }
    text += "* best\n";
    for (index, note) in table.notes.iter().enumerate() {
        text += &format!("[{}] {note}\n", index + 1);
    }
    for line in &table.footer {
        text += &format!("{line}\n");
    }
    text + &published::terminal(&table.published, &SPELLING)
}

/// Names are on the line above the units; a long name starts further up.
fn headers(columns: &[Column]) -> Vec<String> {
    let names: Vec<Vec<String>> = columns
        .iter()
        .map(|column| broken(&column.metric))
        .collect();
    let lines = names.iter().map(Vec::len).max().unwrap_or(1);
    let lowered = |name: &[String]| "\n".repeat(lines - name.len()) + &name.join("\n");
    let fixed = ["#", "strategy", "keeps"].map(|name| lowered(&[name.into()]));
    let metrics = columns.iter().zip(&names);
    let metrics =
        metrics.map(|(column, name)| format!("{}\n{}", lowered(name), SPELLING.unit(column)));
    fixed.into_iter().chain(metrics).collect()
}

/// A name in lines that are no wider than a column of numbers, broken after hyphens.
fn broken(name: &str) -> Vec<String> {
    const LONGEST: usize = 15;
    let mut lines: Vec<String> = Vec::new();
    for part in name.split_inclusive('-') {
        match lines.last_mut() {
            Some(line) if line.len() + part.len() <= LONGEST => line.push_str(part),
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}

fn row(line: &Line) -> Row {
    let notes: String = line.notes.iter().map(|note| format!(" [{note}]")).collect();
    let cell = |cell: &Field| match cell {
        Field::Value { mean, std, best } => {
            let star = if *best { "* " } else { "" };
            format!("{star}{}", SPELLING.number(mean, std.as_deref()))
        }
        Field::Absent(note) => format!("– [{note}]"),
    };
    let begin = [
        rank(line.rank),
        format!("{}{notes}", line.strategy),
        line.keeps.clone(),
    ];
    Row::from(
        begin
            .into_iter()
            .chain(line.cells.iter().map(cell))
            .collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{example, written};
    use super::*;
    use crate::results::CellRecord;
    use crate::results::fixture::{joint, record};
    use crate::stream::Augmentation;
    use expect_test::expect;
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
}
