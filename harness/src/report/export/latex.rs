//! LaTeX tables for papers, using the package `booktabs`.

use super::form::{Export, Spelling, rank, tables};
use super::published;
use crate::report::leaderboard::Leaderboard;
use crate::report::table::{Field, Line, Table};

const SPELLING: Spelling = Spelling {
    higher_is_better: r"$\uparrow$",
    lower_is_better: r"$\downarrow$",
    plus_minus: r"$\pm$",
    escaped,
};

#[derive(Debug)]
pub(super) struct Latex;

impl Export for Latex {
    fn name(&self) -> &'static str {
        "latex"
    }

    fn summary(&self) -> &'static str {
        "LaTeX table for a paper, using booktabs"
    }

    fn write(&self, leaderboard: &Leaderboard) -> String {
        tables(leaderboard, write)
    }
}

fn write(table: &Table) -> String {
    let width = table.columns.len() + 3;
    let mut text = format!(
        "\\begin{{table}}\n\\centering\n\\caption{{{}}}\n\\begin{{tabular}}{{rll{}}}\n\\toprule\n\\# & strategy & keeps",
        escaped(&table.title),
        "r".repeat(table.columns.len())
    );
    for column in &table.columns {
        text += &format!(" & {}", SPELLING.heading(column));
    }
    text += " \\\\\n\\midrule\n";
    for line in &table.competitors {
        text += &row(line);
    }
    if !table.references.is_empty() {
        text += &format!(
            "\\midrule\n\\multicolumn{{{width}}}{{l}}{{\\emph{{joint training, for reference (unranked)}}}} \\\\\n"
        );
        for line in &table.references {
            text += &row(line);
        }
    }
    text += "\\bottomrule\n\\end{tabular}\n\n\\footnotesize\nBold: best.";
    for (index, note) in table.notes.iter().enumerate() {
        text += &format!("\n\\textsuperscript{{{}}}~{}.", index + 1, escaped(note));
    }
    for line in &table.footer {
        text += &format!("\n{}.", escaped(line));
    }
    text += "\n\\end{table}\n";
    text + &published::latex(&table.published, &SPELLING)
}

fn row(line: &Line) -> String {
    let mut text = format!("{} & {}", rank(line.rank), escaped(&line.strategy));
    if !line.notes.is_empty() {
        let notes: Vec<String> = line.notes.iter().map(usize::to_string).collect();
        text += &format!("\\textsuperscript{{{}}}", notes.join(","));
    }
    text += &format!(" & {}", escaped(&line.keeps));
    for cell in &line.cells {
        text += &match cell {
            Field::Value { mean, std, best } => {
                let number = SPELLING.number(mean, std.as_deref());
                // A minus sign, not a hyphen.
                let number = match number.strip_prefix('-') {
                    Some(digits) => format!("$-${digits}"),
                    None => number,
                };
                if *best {
                    format!(" & \\textbf{{{number}}}")
                } else {
                    format!(" & {number}")
                }
            }
            Field::Absent(note) => format!(" & --\\textsuperscript{{{note}}}"),
        };
    }
    text += " \\\\\n";
    text
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out += "\\textbackslash{}",
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            '±' => out += "$\\pm$",
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    // LaTeX would set two hyphens as a dash.
    out.replace("--", "-{}-")
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
            \multicolumn{5}{l}{\emph{joint training, for reference (unranked)}} \\
             & joint & images & 96.50 $\pm$ 0.00 & --\textsuperscript{5} \\
            \bottomrule
            \end{tabular}

            \footnotesize
            Bold: best.
            \textsuperscript{1}~cannot score unseen classes.
            \textsuperscript{2}~predictions depend on the batch.
            \textsuperscript{3}~an adaptation: on another encoder.
            \textsuperscript{4}~lacks seed 2.
            \textsuperscript{5}~not defined for a joint run.
            2 tasks; seeds 1, 2; mean $\pm$ standard deviation over seeds; split digits-split, images digits-image.
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
            \multicolumn{5}{l}{\emph{joint training, for reference (unranked)}} \\
             & joint & images & 86.50 $\pm$ 0.00 & --\textsuperscript{5} \\
            \bottomrule
            \end{tabular}

            \footnotesize
            Bold: best.
            \textsuperscript{1}~cannot score unseen classes.
            \textsuperscript{2}~predictions depend on the batch.
            \textsuperscript{3}~an adaptation: on another encoder.
            \textsuperscript{4}~lacks seed 2.
            \textsuperscript{5}~not defined for a joint run.
            2 tasks; seeds 1, 2; mean $\pm$ standard deviation over seeds; split far\_away-spl, images far\_away-ima.
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
            \multicolumn{5}{l}{\emph{joint training, for reference (unranked)}} \\
             & joint & images & 91.50 $\pm$ 0.00 & --\textsuperscript{5} \\
            \bottomrule
            \end{tabular}

            \footnotesize
            Bold: best.
            \textsuperscript{1}~cannot score unseen classes.
            \textsuperscript{2}~predictions depend on the batch.
            \textsuperscript{3}~an adaptation: on another encoder.
            \textsuperscript{4}~lacks seed 2 of digits.
            \textsuperscript{5}~not defined for a joint run.
            seeds 1, 2; mean $\pm$ standard deviation over seeds of each seed's mean over streams.
            \end{table}
        "#]].assert_eq(&example(&Latex, &["faa", "ci-transfer"]));
    }

    #[test]
    fn names_are_escaped() {
        let text = written(&Latex, &[record("a_b", "50%|x_y", 1, [50, 90])], &["faa"]);
        for line in [
            r"1 & 50\%|x\_y & nothing & \textbf{70.00} \\",
            r"\caption{a\_b}",
        ] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
    }
}
