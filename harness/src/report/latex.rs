//! The table of a paper; needs the package `booktabs`.

use super::table::{Cell, Line, Table};

pub(super) fn write(table: &Table) -> String {
    let width = table.columns.len() + 3;
    let mut text = format!(
        "\\begin{{table}}\n\\centering\n\\caption{{{}}}\n\\begin{{tabular}}{{rll{}}}\n\\toprule\n\\# & strategy & keeps",
        escaped(&table.title),
        "r".repeat(table.columns.len())
    );
    for column in &table.columns {
        let arrow = if column.higher_is_better {
            "uparrow"
        } else {
            "downarrow"
        };
        text += &format!(
            " & {} {} $\\{arrow}$",
            escaped(&column.metric),
            escaped(&column.unit)
        );
    }
    text += " \\\\\n\\midrule\n";
    for line in &table.competitors {
        text += &row(line);
    }
    if !table.upper_bounds.is_empty() {
        text += &format!(
            "\\midrule\n\\multicolumn{{{width}}}{{l}}{{\\emph{{upper bound, unranked}}}} \\\\\n"
        );
        for line in &table.upper_bounds {
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
    text
}

fn row(line: &Line) -> String {
    let rank = line.rank.map_or_else(String::new, |rank| rank.to_string());
    let mut text = format!("{rank} & {}", escaped(&line.strategy));
    if !line.notes.is_empty() {
        let notes: Vec<String> = line.notes.iter().map(usize::to_string).collect();
        text += &format!("\\textsuperscript{{{}}}", notes.join(","));
    }
    text += &format!(" & {}", escaped(&line.keeps));
    for cell in &line.cells {
        text += &match cell {
            Cell::Value { mean, std, best } => {
                let number = match std {
                    Some(std) => format!("{mean} $\\pm$ {std}"),
                    None => mean.clone(),
                };
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
            Cell::Absent(note) => format!(" & --\\textsuperscript{{{note}}}"),
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
    // Two hyphens would be set as a dash.
    out.replace("--", "-{}-")
}
