//! The table of a README.

use super::table::{Cell, Line, Table};

pub(super) fn write(table: &Table) -> String {
    let mut text = format!("**{}**\n\n| # | strategy | keeps |", escaped(&table.title));
    for column in &table.columns {
        let arrow = if column.higher_is_better {
            "↑"
        } else {
            "↓"
        };
        text += &format!(
            " {} {} {arrow} |",
            escaped(&column.metric),
            escaped(&column.unit)
        );
    }
    text += "\n|--:|:--|:--|";
    text += &"--:|".repeat(table.columns.len());
    text.push('\n');
    for line in &table.competitors {
        text += &row(line);
    }
    if !table.upper_bounds.is_empty() {
        text += "| | *upper bound, unranked* | |";
        text += &" |".repeat(table.columns.len());
        text.push('\n');
        for line in &table.upper_bounds {
            text += &row(line);
        }
    }
    text += "\n**Bold**: best";
    for (index, note) in table.notes.iter().enumerate() {
        text += &format!("; ({}) {}", index + 1, escaped(note));
    }
    text += ".\n";
    for line in &table.footer {
        // A line break, where another line comes before.
        text.insert_str(text.len() - 1, "  ");
        text += &format!("{}\n", escaped(line));
    }
    text
}

fn row(line: &Line) -> String {
    let rank = line.rank.map_or_else(String::new, |rank| rank.to_string());
    let notes: String = line.notes.iter().map(|note| format!(" ({note})")).collect();
    let mut text = format!(
        "| {rank} | {}{notes} | {} |",
        escaped(&line.strategy),
        line.keeps
    );
    for cell in &line.cells {
        text += &match cell {
            Cell::Value { mean, std, best } => {
                let std = std
                    .as_ref()
                    .map_or_else(String::new, |std| format!(" ± {std}"));
                let bold = if *best { "**" } else { "" };
                format!(" {bold}{mean}{std}{bold} |")
            }
            Cell::Absent(note) => format!(" – ({note}) |"),
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
