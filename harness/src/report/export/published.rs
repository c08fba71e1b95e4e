//! Published figures below the table of their section, in every format.

use super::form::Spelling;
use super::grid::{Column, Grid};
use crate::metric::MetricInfo;
use crate::report::figure::Beside;
use crate::report::leaderboard::Leaderboard;
use crate::report::number::decimals;
use crate::report::standing::Section;
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
pub(super) fn terminal(figures: &[Beside], spelling: &Spelling, width: usize) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let marked = |method: &str, source| format!("{method} [{source}]");
    let Lines { lines, sources } = Lines::of(figures, spelling, marked);
    let columns = HEADINGS.iter().enumerate().map(|(index, heading)| Column {
        heading: vec![(*heading).to_owned()],
        right: NUMBERS.contains(&index),
        wraps: !NUMBERS.contains(&index),
        cells: lines.iter().map(|line| line[index].clone()).collect(),
    });
    let mut text = format!("\n{TITLE}\n");
    for line in Grid::new(columns.collect()).lines(width, None) {
        text += &format!("{line}\n");
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
pub(in crate::report) fn csv(leaderboard: &Leaderboard, own: String) -> String {
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

#[cfg(test)]
mod tests {
    use crate::metric::Choice;
    use crate::metric::fixture::metrics;
    use crate::published::Published;
    use crate::report::export::by_name;
    use crate::report::leaderboard::Leaderboard;
    use crate::results::CellRecord;
    use crate::results::fixture::{blind, record};
    use expect_test::expect;
    use std::path::Path;

    const FIGURES: &str = r#"
format: 1
datasets:
  digits:
    name: Digits
    splits:
      official: { train: 400, test: 200, by_counts: true }
  letters: { name: Letters }
weights:
  ours: { name: Pixels, fingerprints: [000000000000] }
  theirs: { name: Eyes, use: eyes }
entries:
  - source: { arxiv: "1234.56789", in: Table 2 }
    datasets: [digits]
    weights: theirs
    runs: 3
    figures:
      - { method: "ncm, by_eye", strategy: ncm, values: { faa: "91.0 ± 0.4" }, other_values: { Top-5: "99.5" } }
  - source: { arxiv: "1234.56789", in: Table 1 }
    datasets: [digits]
    split: official
    tasks: 2
    class_order: listed
    templates: none
    augmentation: none
    weights: ours
    preprocessing: own
    output: embedding
    seeds: [1]
    figures:
      - { method: ncm, strategy: ncm, values: { faa: "80.5" } }
      - { method: head, strategy: head, parameters: { epochs: 50 }, values: { faa: "71.25", ci-transfer: "30" } }
  - source: { in: a log }
    datasets: [letters]
    figures: [{ method: nobody, values: { faa: "1" } }]
"#;

    fn written(format: &str, columns: &[&str], shown_only: bool) -> String {
        let fingerprint = |mut record: CellRecord| {
            record.cell.backbones[0].fingerprint = "0".repeat(64);
            record
        };
        let mut cells = vec![
            record("digits", "head", 1, [50, 90]),
            record("digits", "head", 2, [52, 90]),
            blind("digits", "ncm", 1, [80, 81]),
            blind("digits", "ncm", 2, [80, 82]),
            record("pictures", "head", 1, [50, 90]),
            record("pictures", "head", 2, [50, 90]),
        ];
        cells = cells.into_iter().map(fingerprint).collect();
        let choice = Choice {
            rank_by: None,
            columns: columns.iter().map(ToString::to_string).collect(),
        };
        let published = Published::parse(Path::new("figures.yaml"), FIGURES)
            .unwrap_or_else(|error| panic!("{error}"));
        let board = Leaderboard::build(&cells, &metrics(), &choice, None).unwrap();
        let board = board.beside(&published, &cells, shown_only);
        by_name(format).unwrap().write(&board, None)
    }

    /// Up to the first line of the next section.
    fn section(format: &str, next: &str) -> String {
        let text = written(format, &["faa"], false);
        let end = text.find(next).unwrap();
        text[..end].to_owned()
    }

    #[test]
    fn they_are_below_the_table_of_the_same_data_set() {
        expect![[r#"
            digits
            #  strategy  keeps                  faa
                                                % ↑
            ────────────────────────────────────────
            1  ncm       statistics  * 80.75 ± 0.35
            2  head      nothing       70.50 ± 0.71
            * best
            2 tasks; seeds 1, 2; mean ± standard deviation over seeds; split digits-split, images digits-image

            published figures (never ranked)
            method           metric        published          here  compared with  protocol
            ──────────────────────────────────────────────────────────────────────────────────────────
            ncm [1]          faa                80.5  80.75 ± 0.35  ncm            same protocol
            head [1]         faa               71.25             –  head           same protocol
            head [1]         ci-transfer          30             –  head           same protocol
            ncm, by_eye [2]  faa          91.0 ± 0.4  80.75 ± 0.35  ncm            differs in weights
            ncm, by_eye [2]  Top-5              99.5             –  ncm            differs in weights
            [1] arXiv 1234.56789; Table 1; Pixels; 1 run
            [2] arXiv 1234.56789; Table 2; Eyes; 3 runs

        "#]].assert_eq(&section("table", "pictures\n"));
    }

    #[test]
    fn the_manual_shows_this_table() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/published-figures.md");
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains(section("table", "pictures\n").trim_end()));
    }

    #[test]
    fn only_shown_metrics_if_some_were_chosen() {
        let text = written("table", &["ci-transfer"], true);
        let figures = text.split("(never ranked)\n").nth(1).unwrap();
        let figures: Vec<&str> = figures.lines().skip(2).take(2).collect();
        expect![[r#"
            head [1]  ci-transfer         30     –  head           same protocol
            [1] arXiv 1234.56789; Table 1; Pixels; 1 run"#]]
        .assert_eq(&figures.join("\n"));
        assert!(!text.contains("Top-5"), "{text}");
    }

    #[test]
    fn markdown() {
        let text = section("markdown", "**pictures**");
        expect![[r#"


            published figures (never ranked)

            | method | metric | published | here | compared with | protocol |
            |:--|:--|--:|--:|:--|:--|
            | ncm (1) | faa | 80.5 | 80.75 ± 0.35 | ncm | same protocol |
            | head (1) | faa | 71.25 | – | head | same protocol |
            | head (1) | ci-transfer | 30 | – | head | same protocol |
            | ncm, by\_eye (2) | faa | 91.0 ± 0.4 | 80.75 ± 0.35 | ncm | differs in weights |
            | ncm, by\_eye (2) | Top-5 | 99.5 | – | ncm | differs in weights |

            (1) arXiv 1234.56789; Table 1; Pixels; 1 run  
            (2) arXiv 1234.56789; Table 2; Eyes; 3 runs

        "#]]
        .assert_eq(text.split_once("images digits-image").unwrap().1);
    }

    #[test]
    fn latex() {
        let text = section("latex", "\\caption{pictures}");
        let text = text.split_once("images digits-image").unwrap().1;
        expect![[r#"
            .
            \end{table}

            \begin{table}
            \centering
            \caption{published figures (never ranked)}
            \begin{tabular}{llrrll}
            \toprule
            method & metric & published & here & compared with & protocol \\
            \midrule
            ncm\textsuperscript{1} & faa & 80.5 & 80.75 $\pm$ 0.35 & ncm & same protocol \\
            head\textsuperscript{1} & faa & 71.25 & -- & head & same protocol \\
            head\textsuperscript{1} & ci-transfer & 30 & -- & head & same protocol \\
            ncm, by\_eye\textsuperscript{2} & faa & 91.0 $\pm$ 0.4 & 80.75 $\pm$ 0.35 & ncm & differs in weights \\
            ncm, by\_eye\textsuperscript{2} & Top-5 & 99.5 & -- & ncm & differs in weights \\
            \bottomrule
            \end{tabular}

            \footnotesize
            \textsuperscript{1}~arXiv 1234.56789; Table 1; Pixels; 1 run.
            \textsuperscript{2}~arXiv 1234.56789; Table 2; Eyes; 3 runs.
            \end{table}

            \begin{table}
            \centering
        "#]].assert_eq(text);
    }

    #[test]
    fn csv_has_rows_for_them_and_three_more_columns() {
        let csv = written("csv", &["faa"], false);
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let shown = [
            "scenario",
            "domain",
            "strategy",
            "method",
            "metric",
            "n_seeds",
            "mean",
            "std",
            "rank",
            "note",
            "protocol",
            "compared_with",
            "source",
        ];
        let at = |name: &&str| header.iter().position(|column| column == *name).unwrap();
        let rows = reader.records().map(Result::unwrap);
        let rows = rows.filter(|row| &row[at(&"domain")] == "digits");
        let rows = rows.filter(|row| &row[at(&"metric")] != "forgetting-seen");
        let line = |row: ::csv::StringRecord| {
            shown
                .iter()
                .map(|name| row[at(name)].to_owned())
                .collect::<Vec<_>>()
                .join("|")
                + "\n"
        };
        expect![[r#"
            quick|digits|head|head|faa|2|70.500000|0.707107|2||||
            quick|digits|head|head|ci-transfer|2|30.000000|0.000000|2||||
            quick|digits|ncm|ncm|faa|2|80.750000|0.353553|1||||
            quick|digits|ncm|ncm|ci-transfer||||1|cannot score unseen classes|||
            |digits|ncm|ncm|faa|1|80.500000|||published, never ranked|same protocol|ncm|arXiv 1234.56789; Table 1; Pixels; 1 run
            |digits|head|head|faa|1|71.250000|||published, never ranked|same protocol|head|arXiv 1234.56789; Table 1; Pixels; 1 run
            |digits|head|head|ci-transfer|1|30.000000|||published, never ranked|same protocol|head|arXiv 1234.56789; Table 1; Pixels; 1 run
            |digits|ncm, by_eye|ncm|faa|3|91.000000|0.400000||published, never ranked|differs in weights|ncm|arXiv 1234.56789; Table 2; Eyes; 3 runs
            |digits|ncm, by_eye|ncm|Top-5|3|99.500000|||published, never ranked|differs in weights|ncm|arXiv 1234.56789; Table 2; Eyes; 3 runs
        "#]].assert_eq(&rows.map(line).collect::<String>());
    }
}
