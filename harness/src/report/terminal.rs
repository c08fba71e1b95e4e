//! The table of a terminal.

use super::table::{Cell, Column, Line, Table};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Row, TableStyle};

/// Wide enough for six columns of numbers, narrow enough for half a screen.
const WIDTH: u16 = 120;

/// Stands for a rule until the widths are known; no cell begins with it.
const RULE: &str = "\u{2500}\u{2500}rule";

pub(super) fn write(table: &Table) -> String {
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
    if !table.upper_bounds.is_empty() {
        grid.add_row(["", RULE]);
        for line in &table.upper_bounds {
            grid.add_row(row(line));
        }
    }
    for (index, column) in grid.column_iter_mut().enumerate() {
        // Together with the blank where a vertical line would be: two between columns.
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
    if !table.upper_bounds.is_empty() {
        text += "below the rule: upper bound, unranked\n";
    }
    text += "* best\n";
    for (index, note) in table.notes.iter().enumerate() {
        text += &format!("[{}] {note}\n", index + 1);
    }
    for line in &table.footer {
        text += &format!("{line}\n");
    }
    text
}

/// The names stand on the line above the units; a long one begins further up.
fn headers(columns: &[Column]) -> Vec<String> {
    let names: Vec<Vec<String>> = columns
        .iter()
        .map(|column| broken(&column.metric))
        .collect();
    let lines = names.iter().map(Vec::len).max().unwrap_or(1);
    let lowered = |name: &[String]| "\n".repeat(lines - name.len()) + &name.join("\n");
    let fixed = ["#", "strategy", "keeps"].map(|name| lowered(&[name.into()]));
    let metrics = columns.iter().zip(&names).map(|(column, name)| {
        let arrow = if column.higher_is_better {
            "↑"
        } else {
            "↓"
        };
        format!("{}\n{} {arrow}", lowered(name), column.unit)
    });
    fixed.into_iter().chain(metrics).collect()
}

/// A name in lines no longer than a column of numbers is wide, broken behind hyphens.
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
    let cell = |cell: &Cell| match cell {
        Cell::Value { mean, std, best } => {
            let star = if *best { "* " } else { "" };
            match std {
                Some(std) => format!("{star}{mean} ± {std}"),
                None => format!("{star}{mean}"),
            }
        }
        Cell::Absent(note) => format!("– [{note}]"),
    };
    let rank = line.rank.map_or_else(String::new, |rank| rank.to_string());
    let begin = [
        rank,
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
