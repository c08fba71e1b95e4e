//! Published figures below the table of their section, in every format.

use super::form::Spelling;
use crate::metric::MetricInfo;
use crate::report::beside::Beside;
use crate::report::leaderboard::Leaderboard;
use crate::report::number::decimals;
use crate::report::standing::Section;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};
use std::collections::HashMap;

const TITLE: &str = "published figures (never ranked)";
const HEADINGS: [&str; 6] = [
    "method",
    "metric",
    "published",
    "here",
    "compared with",
    "protocol",
];
/// The columns of numbers.
const NUMBERS: std::ops::Range<usize> = 2..4;
/// As wide as the tables.
const WIDTH: u16 = 120;

/// The figures as texts, and their sources, which are numbered from 1.
struct Lines {
    lines: Vec<[String; 6]>,
    sources: Vec<String>,
}

impl Lines {
    /// `marked` adds the number of a source to a method; both are spelled already.
    fn of(figures: &[Beside], spelling: &Spelling, marked: impl Fn(&str, usize) -> String) -> Self {
        let mut sources: Vec<String> = Vec::new();
        let escaped = spelling.escaped;
        let mut line = |figure: &Beside| {
            let known = sources.iter().position(|source| *source == figure.source);
            let source = known.unwrap_or_else(|| {
                sources.push(figure.source.clone());
                sources.len() - 1
            });
            let own = figure.own.as_ref().map(|own| {
                let std = own.std.map(|std| decimals(std, 2));
                spelling.number(&decimals(own.mean, 2), std.as_deref())
            });
            [
                marked(&escaped(&figure.method), source + 1),
                escaped(&figure.metric),
                escaped(&figure.printed),
                own.unwrap_or_else(|| "–".to_owned()),
                escaped(&figure.row),
                escaped(&figure.mark.to_string()),
            ]
        };
        let lines = figures.iter().map(&mut line).collect();
        Self { lines, sources }
    }
}

/// For a terminal.
pub(super) fn terminal(figures: &[Beside], spelling: &Spelling) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let marked = |method: &str, source| format!("{method} [{source}]");
    let Lines { lines, sources } = Lines::of(figures, spelling, marked);
    let mut grid = comfy_table::Table::new();
    let below_header = LineStyle::none().fill('─').junction('─');
    grid.load_style(TableStyle::new().header_separator(below_header))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .force_no_tty();
    grid.set_header(HEADINGS);
    for line in lines {
        grid.add_row(line);
    }
    for (index, column) in grid.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if NUMBERS.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("\n{TITLE}\n");
    for line in grid.lines() {
        text += &format!("{}\n", line.trim_end());
    }
    for (index, source) in sources.iter().enumerate() {
        text += &format!("[{}] {source}\n", index + 1);
    }
    text
}

/// For a README.
pub(super) fn markdown(figures: &[Beside], spelling: &Spelling) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let marked = |method: &str, source| format!("{method} ({source})");
    let Lines { lines, sources } = Lines::of(figures, spelling, marked);
    let mut text = format!(
        "\n{TITLE}\n\n| {} |\n|:--|:--|--:|--:|:--|:--|\n",
        HEADINGS.join(" | ")
    );
    for line in lines {
        text += &format!("| {} |\n", line.join(" | "));
    }
    text.push('\n');
    let sources: Vec<String> = sources
        .iter()
        .enumerate()
        .map(|(index, source)| format!("({}) {}", index + 1, (spelling.escaped)(source)))
        .collect();
    text + &sources.join("  \n") + "\n"
}

/// For a paper.
pub(super) fn latex(figures: &[Beside], spelling: &Spelling) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let marked = |method: &str, source| format!("{method}\\textsuperscript{{{source}}}");
    let Lines { lines, sources } = Lines::of(figures, spelling, marked);
    let mut text = format!(
        "\n\\begin{{table}}\n\\centering\n\\caption{{{TITLE}}}\n\\begin{{tabular}}{{llrrll}}\n\\toprule\n{} \\\\\n\\midrule\n",
        HEADINGS.join(" & ")
    );
    for line in lines {
        text += &format!("{} \\\\\n", line.join(" & ").replace('–', "--"));
    }
    text += "\\bottomrule\n\\end{tabular}\n\n\\footnotesize";
    for (index, source) in sources.iter().enumerate() {
        let source = (spelling.escaped)(source);
        text += &format!("\n\\textsuperscript{{{}}}~{source}.", index + 1);
    }
    text + "\n\\end{table}\n"
}

/// The CSV of a leaderboard with the published figures after the rows of their section, and three
/// more columns: `protocol`, `compared_with` and `source`. They are empty in own rows, and what
/// only own rows have is empty in these. A leaderboard without figures has no such columns.
pub(super) fn csv(leaderboard: &Leaderboard, own: String) -> String {
    let sections = &leaderboard.sections;
    if sections.iter().all(|section| section.published.is_empty()) {
        return own;
    }
    let mut reader = ::csv::Reader::from_reader(own.as_bytes());
    let header = reader
        .headers()
        .expect("text that was written as CSV")
        .clone();
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut write = |row: &mut dyn Iterator<Item = &str>| {
        writer
            .write_record(row)
            .expect("memory takes rows of equal length");
    };
    let more = ["protocol", "compared_with", "source"];
    write(&mut header.iter().chain(more));
    let mut own = reader.records();
    for section in sections {
        let rows = section.entries.len() * leaderboard.metrics.len();
        for row in own.by_ref().take(rows) {
            let row = row.expect("text that was written as CSV");
            write(&mut row.iter().chain(["", "", ""]));
        }
        for figure in &section.published {
            let metric = leaderboard.metrics.iter().find(|m| m.name == figure.metric);
            let values = fields(section, figure, metric);
            let value = |column| values.get(column).map_or("", String::as_str);
            write(&mut header.iter().chain(more).map(value));
        }
    }
    let bytes = writer.into_inner().expect("memory takes every write");
    String::from_utf8(bytes).expect("made of strings")
}

/// A figure's values by column.
fn fields(
    section: &Section,
    figure: &Beside,
    metric: Option<&MetricInfo>,
) -> HashMap<&'static str, String> {
    let optional = |value: Option<String>| value.unwrap_or_default();
    HashMap::from([
        ("stream", section.scope.name().to_owned()),
        ("domain", section.scope.domain_names()),
        ("strategy", figure.method.clone()),
        ("method", optional(figure.strategy.clone())),
        ("metric", figure.metric.clone()),
        ("unit", optional(metric.map(|m| m.unit.clone()))),
        (
            "higher_is_better",
            optional(metric.map(|m| m.higher_is_better.to_string())),
        ),
        (
            "matrix",
            optional(metric.and_then(|m| m.matrix).map(|m| m.to_string())),
        ),
        (
            "n_seeds",
            optional(figure.runs.map(|runs| runs.to_string())),
        ),
        ("mean", decimals(figure.mean, 6)),
        ("std", optional(figure.std.map(|std| decimals(std, 6)))),
        ("note", "published, never ranked".to_owned()),
        ("protocol", figure.mark.to_string()),
        ("compared_with", figure.row.clone()),
        ("source", figure.source.clone()),
    ])
}
