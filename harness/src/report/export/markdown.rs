//! Markdown tables for READMEs.

use super::form::{Export, Report, Spelling, tables};
use super::published;
use crate::report::table::{Line, Mark, Marks, REFERENCES, Table};

const SPELLING: Spelling = Spelling {
    higher_is_better: "↑",
    lower_is_better: "↓",
    plus_minus: "±",
    dash: "–",
    escaped,
    marked: |number, mark| match mark {
        Mark::Best => format!("**{number}**"),
        Mark::Second => format!("<u>{number}</u>"),
        Mark::None => number,
    },
    note: |note| format!(" ({note})"),
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

    fn write(&self, report: &dyn Report, _: Option<usize>) -> String {
        tables(report, write)
    }
}

fn write(table: &Table) -> String {
    let mut text = format!("**{}**\n\n|", escaped(&table.title));
    for lead in &table.lead {
        text += &format!(" {} |", lead.heading);
    }
    for column in &table.columns {
        text += &format!(" {} |", SPELLING.heading(column));
    }
    text += "\n|";
    for lead in &table.lead {
        text += if lead.right { "--:|" } else { ":--|" };
    }
    text += &"--:|".repeat(table.columns.len());
    text.push('\n');
    for line in &table.competitors {
        text += &row(table, line);
    }
    if !table.references.is_empty() {
        text.push('|');
        for index in 0..table.lead.len() {
            text += &match index == table.name {
                true => format!(" *{REFERENCES}* |"),
                false => " |".to_owned(),
            };
        }
        text += &" |".repeat(table.columns.len());
        text.push('\n');
        for line in &table.references {
            text += &row(table, line);
        }
    }
    let marks = match table.marks {
        Marks::Best => Some("**Bold**: best".to_owned()),
        Marks::BestAndSecond => Some("**Bold**: best; <u>underlined</u>: second best".to_owned()),
        Marks::None => None,
    };
    let notes = table.notes.iter().enumerate();
    let notes = notes.map(|(index, note)| format!("({}) {}", index + 1, escaped(note)));
    let legend: Vec<String> = marks.into_iter().chain(notes).collect();
    let legend = (!legend.is_empty()).then(|| legend.join("; ") + ".");
    let footer = table.footer.iter().map(|line| escaped(line));
    let below: Vec<String> = legend.into_iter().chain(footer).collect();
    // With a line break after each line.
    text += &format!("\n{}\n", below.join("  \n"));
    text + &published::markdown(&table.published, &SPELLING)
}

fn row(table: &Table, line: &Line) -> String {
    let mut text = String::from("|");
    for (index, lead) in line.lead.iter().enumerate() {
        text += &format!(" {}", escaped(lead));
        if index == table.name {
            text.extend(line.notes.iter().map(|&note| (SPELLING.note)(note)));
        }
        text += " |";
    }
    for cell in &line.cells {
        text += &format!(" {} |", SPELLING.field(cell));
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
