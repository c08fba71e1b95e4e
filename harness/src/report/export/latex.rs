//! LaTeX tables for papers, using the package `booktabs`.

use super::form::{Export, Report, Spelling, tables};
use super::published;
use crate::report::table::{Caption, Line, Mark, Marks, REFERENCES, Table};

const SPELLING: Spelling = Spelling {
    higher_is_better: r"$\uparrow$",
    lower_is_better: r"$\downarrow$",
    plus_minus: r"$\pm$",
    dash: "--",
    escaped,
    marked: |number, mark| {
        // A minus sign, not a hyphen.
        let number = match number.strip_prefix('-') {
            Some(digits) => format!("$-${digits}"),
            None => number,
        };
        match mark {
            Mark::Best => format!("\\textbf{{{number}}}"),
            Mark::Second => format!("\\underline{{{number}}}"),
            Mark::None => number,
        }
    },
    note: |note| superscript(&note.to_string()),
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

    fn write(&self, report: &dyn Report, _: Option<usize>) -> String {
        tables(report, write)
    }
}

fn write(table: &Table) -> String {
    let width = table.columns.len() + table.lead.len();
    let caption = match &table.caption {
        Some(Caption::Raw(caption)) => caption.clone(),
        Some(Caption::Text(caption)) => escaped(caption),
        None => escaped(&table.title),
    };
    let mut text = format!("\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n");
    if let Some(anchor) = &table.anchor {
        text += &format!("\\label{{{anchor}}}\n");
    }
    let lead = table.lead.iter();
    let lead: String = lead
        .map(|lead| if lead.right { 'r' } else { 'l' })
        .collect();
    let numbers = "r".repeat(table.columns.len());
    text += &format!("\\begin{{tabular}}{{{lead}{numbers}}}\n\\toprule\n");
    let lead = table.lead.iter().map(|lead| escaped(lead.heading));
    let columns = table.columns.iter().map(|column| SPELLING.heading(column));
    text += &lead.chain(columns).collect::<Vec<_>>().join(" & ");
    text += " \\\\\n\\midrule\n";
    for line in &table.competitors {
        text += &row(table, line);
    }
    if !table.references.is_empty() {
        text +=
            &format!("\\midrule\n\\multicolumn{{{width}}}{{l}}{{\\emph{{{REFERENCES}}}}} \\\\\n");
        for line in &table.references {
            text += &row(table, line);
        }
    }
    text += "\\bottomrule\n\\end{tabular}\n\n\\footnotesize";
    text += match table.marks {
        Marks::Best => "\nBold: best.",
        Marks::BestAndSecond => "\nBold: best; underlined: second best.",
        Marks::None => "",
    };
    for (index, note) in table.notes.iter().enumerate() {
        text += &format!(
            "\n{}~{}.",
            superscript(&(index + 1).to_string()),
            escaped(note)
        );
    }
    for line in &table.footer {
        text += &format!("\n{}.", escaped(line));
    }
    text += "\n\\end{table}\n";
    text + &published::latex(&table.published, &SPELLING)
}

fn row(table: &Table, line: &Line) -> String {
    let lead = line.lead.iter().enumerate().map(|(index, lead)| {
        let mut text = escaped(lead);
        if index == table.name && !line.notes.is_empty() {
            let notes: Vec<String> = line.notes.iter().map(usize::to_string).collect();
            text += &superscript(&notes.join(","));
        }
        text
    });
    let cells = line.cells.iter().map(|cell| SPELLING.field(cell));
    lead.chain(cells).collect::<Vec<_>>().join(" & ") + " \\\\\n"
}

fn superscript(text: &str) -> String {
    format!("\\textsuperscript{{{text}}}")
}

/// Text as LaTeX sets it with its usual fonts and no package. Letters beyond Latin are for XeLaTeX
/// and LuaLaTeX.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, character) in text.char_indices() {
        match character {
            '\\' => out += "\\textbackslash{}",
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            '|' => out += "\\textbar{}",
            '<' => out += "\\textless{}",
            '>' => out += "\\textgreater{}",
            // After `\\`, these would be its arguments.
            '[' | '*' if index == 0 => out += &format!("{{{character}}}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(character);
            }
            _ => match MATHS.iter().find(|(symbol, _)| *symbol == character) {
                Some((_, command)) => out += &format!("${command}$"),
                None => out.push(character),
            },
        }
    }
    // LaTeX would set two hyphens as a dash.
    out.replace("--", "-{}-")
}

/// Symbols that are common in names of methods, as commands of maths.
const MATHS: &[(char, &str)] = &[
    ('±', r"\pm"),
    ('×', r"\times"),
    ('−', "-"),
    ('≤', r"\leq"),
    ('≥', r"\geq"),
    ('≈', r"\approx"),
    ('→', r"\to"),
    ('←', r"\leftarrow"),
    ('↑', r"\uparrow"),
    ('↓', r"\downarrow"),
    ('∞', r"\infty"),
    ('†', r"\dagger"),
    ('‡', r"\ddagger"),
    ('⋆', r"\star"),
    ('★', r"\star"),
    ('²', "^2"),
    ('³', "^3"),
    ('α', r"\alpha"),
    ('β', r"\beta"),
    ('γ', r"\gamma"),
    ('δ', r"\delta"),
    ('Δ', r"\Delta"),
    ('ε', r"\varepsilon"),
    ('η', r"\eta"),
    ('θ', r"\theta"),
    ('κ', r"\kappa"),
    ('λ', r"\lambda"),
    ('μ', r"\mu"),
    ('µ', r"\mu"),
    ('π', r"\pi"),
    ('ρ', r"\rho"),
    ('σ', r"\sigma"),
    ('Σ', r"\Sigma"),
    ('τ', r"\tau"),
    ('φ', r"\varphi"),
    ('χ', r"\chi"),
    ('ψ', r"\psi"),
    ('ω', r"\omega"),
    ('Ω', r"\Omega"),
];

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
            r"1 & 50\%\textbar{}x\_y & nothing & \textbf{70.00} \\",
            r"\caption{a\_b}",
        ] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
    }
}
