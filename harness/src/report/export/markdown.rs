//! Markdown tables for READMEs.

use super::form::{Export, Spelling, rank, tables};
use super::published;
use crate::report::leaderboard::Leaderboard;
use crate::report::table::{Field, Line, Table};

const SPELLING: Spelling = Spelling {
    higher_is_better: "↑",
    lower_is_better: "↓",
    plus_minus: "±",
    escaped,
};

#[derive(Debug)]
pub(super) struct Markdown;

impl Export for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn summary(&self) -> &'static str {
        "Markdown table for a README"
    }

    fn write(&self, leaderboard: &Leaderboard) -> String {
        tables(leaderboard, write)
    }
}

fn write(table: &Table) -> String {
    let mut text = format!("**{}**\n\n| # | strategy | keeps |", escaped(&table.title));
    for column in &table.columns {
        text += &format!(" {} |", SPELLING.heading(column));
    }
    text += "\n|--:|:--|:--|";
    text += &"--:|".repeat(table.columns.len());
    text.push('\n');
    for line in &table.competitors {
        text += &row(line);
    }
    if !table.references.is_empty() {
        text += "| | *joint training, for reference (unranked)* | |";
        text += &" |".repeat(table.columns.len());
        text.push('\n');
        for line in &table.references {
            text += &row(line);
        }
    }
    text += "\n**Bold**: best";
    for (index, note) in table.notes.iter().enumerate() {
        text += &format!("; ({}) {}", index + 1, escaped(note));
    }
    text += ".\n";
    for line in &table.footer {
        // A line break after the previous line.
        text.insert_str(text.len() - 1, "  ");
        text += &format!("{}\n", escaped(line));
    }
    text + &published::markdown(&table.published, &SPELLING)
}

fn row(line: &Line) -> String {
    let rank = rank(line.rank);
    let notes: String = line.notes.iter().map(|note| format!(" ({note})")).collect();
    let mut text = format!(
        "| {rank} | {}{notes} | {} |",
        escaped(&line.strategy),
        line.keeps
    );
    for cell in &line.cells {
        text += &match cell {
            Field::Value { mean, std, best } => {
                let number = SPELLING.number(mean, std.as_deref());
                let bold = if *best { "**" } else { "" };
                format!(" {bold}{number}{bold} |")
            }
            Field::Absent(note) => format!(" – ({note}) |"),
        };
    }
    text.push('\n');
    text
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '|' | '*' | '_' | '`' | '\\' | '<' | '[' | ']') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{example, written};
    use super::*;
    use crate::results::fixture::record;
    use expect_test::expect;

    #[test]
    fn every_section_has_a_table() {
        expect![[r#"
            **digits**

            | # | strategy | keeps | faa % ↑ | ci-transfer % ↑ |
            |--:|:--|:--|--:|--:|
            | 1 | ncm | statistics | **80.75 ± 0.35** | – (1) |
            | 2 | head (2) (3) | nothing | 70.75 ± 0.35 | **30.00 ± 0.00** |
            |  | half (4) | nothing | 99.00 | 30.00 |
            | | *joint training, for reference (unranked)* | | | |
            |  | joint | images | 96.50 ± 0.00 | – (5) |

            **Bold**: best; (1) cannot score unseen classes; (2) predictions depend on the batch; (3) an adaptation: on another encoder; (4) lacks seed 2; (5) not defined for a joint run.  
            2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split digits-split, images digits-image

            **far\_away**

            | # | strategy | keeps | faa % ↑ | ci-transfer % ↑ |
            |--:|:--|:--|--:|--:|
            | 1 | ncm | statistics | **70.75 ± 0.35** | – (1) |
            | 2 | head (2) (3) | nothing | 60.75 ± 0.35 | **30.00 ± 0.00** |
            |  | half (4) | nothing | 99.00 | 30.00 |
            | | *joint training, for reference (unranked)* | | | |
            |  | joint | images | 86.50 ± 0.00 | – (5) |

            **Bold**: best; (1) cannot score unseen classes; (2) predictions depend on the batch; (3) an adaptation: on another encoder; (4) lacks seed 2; (5) not defined for a joint run.  
            2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split far\_away-spl, images far\_away-ima

            **overall: mean over digits, far\_away**

            | # | strategy | keeps | faa % ↑ | ci-transfer % ↑ |
            |--:|:--|:--|--:|--:|
            | 1 | ncm | statistics | **75.75 ± 0.35** | – (1) |
            | 2 | head (2) (3) | nothing | 65.75 ± 0.35 | **30.00 ± 0.00** |
            |  | half (4) | nothing | – (4) | – (4) |
            | | *joint training, for reference (unranked)* | | | |
            |  | joint | images | 91.50 ± 0.00 | – (5) |

            **Bold**: best; (1) cannot score unseen classes; (2) predictions depend on the batch; (3) an adaptation: on another encoder; (4) lacks seed 2 of digits; (5) not defined for a joint run.  
            seeds 1, 2; mean ± standard deviation over seeds of each seed's mean over streams
        "#]].assert_eq(&example(&Markdown, &["faa", "ci-transfer"]));
    }

    #[test]
    fn names_are_escaped() {
        let text = written(
            &Markdown,
            &[record("a_b", "50%|x_y", 1, [50, 90])],
            &["faa"],
        );
        let line = r"| 1 | 50%\|x\_y | nothing | **70.00** |";
        assert!(text.lines().any(|found| found == line), "{text}");
    }
}
