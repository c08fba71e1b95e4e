//! The manual's page of metrics is made from their definitions and from the docs of their formulas.

use clbench_metrics::accuracies::Accuracies;
use clbench_metrics::formula::*;
use clbench_metrics::{DEFINITIONS, Formula};
use harness_abi::{Matrix, Metric, Run};
use std::fs;
use std::path::Path;

const NOTE: &str = "<!-- Generated. `UPDATE_EXPECT=1 cargo test -p clbench-metrics --test manual` writes it anew. -->\n\n";

/// Every file of formulas, in the order of the page.
const SOURCES: &[&str] = &[
    include_str!("../src/formula/final_average.rs"),
    include_str!("../src/formula/average_incremental.rs"),
    include_str!("../src/formula/pooled.rs"),
    include_str!("../src/formula/transfer.rs"),
    include_str!("../src/formula/matrix_average.rs"),
    include_str!("../src/formula/forgetting.rs"),
    include_str!("../src/formula/backward_transfer.rs"),
    include_str!("../src/formula/forward_transfer.rs"),
];

type Function = fn(&Accuracies<'_>) -> Option<f64>;

/// The formulas, by their names in these files.
const FUNCTIONS: &[(&str, Function)] = &[
    ("final_average", final_average::final_average),
    (
        "average_incremental",
        average_incremental::average_incremental,
    ),
    ("pooled_final", pooled::pooled_final),
    ("pooled_average", pooled::pooled_average),
    ("transfer_by_row", transfer::transfer_by_row),
    ("transfer_by_column", transfer::transfer_by_column),
    ("matrix_average", matrix_average::matrix_average),
    ("forgetting", forgetting::forgetting),
    ("forgetting_with_last", forgetting::forgetting_with_last),
    (
        "forgetting_first_minus_last",
        forgetting::forgetting_first_minus_last,
    ),
    ("backward_transfer", backward_transfer::backward_transfer),
    ("forward_transfer", forward_transfer::forward_transfer),
];

#[test]
fn the_page_of_metrics_is_up_to_date() {
    let page = format!(
        "{NOTE}## All metrics\n\n{}\n## Formulas\n\n{}",
        table(),
        formulas()
    );
    let file = "../../harness/book/src/reference/metrics.md";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&file, page).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(&file).unwrap_or_default() == page,
        "{} is out of date; `UPDATE_EXPECT=1 cargo test -p clbench-metrics --test manual` writes it anew",
        file.display()
    );
}

/// One line for each metric.
fn table() -> String {
    let mut text = String::from(
        "| metric | meaning | unit | better | matrix | formula |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for definition in DEFINITIONS {
        let info = Formula::named(definition.name).info();
        let better = if info.higher_is_better {
            "higher"
        } else {
            "lower"
        };
        let formula = title(name_of(definition.formula));
        text += &format!(
            "| `{}` | {} | {} | {better} | `{}` | [{formula}](#{}) |\n",
            info.name,
            info.summary,
            info.unit,
            definition.matrix.name(),
            formula.replace(' ', "-"),
        );
    }
    text
}

/// The formula's name: that of the one function with this value. Addresses of functions are not
/// unique.
fn name_of(formula: Function) -> &'static str {
    // Four rows of three tasks of different sizes, on which no two formulas agree.
    let counts = [3, 7, 19, 61, 11, 29, 80, 90, 41, 47, 95, 99];
    let run = Run::new(&[100, 120, 140], &counts, &counts, &counts, b"{}");
    let accuracies = Accuracies::new(run, Matrix::Seen);
    let value = formula(&accuracies);
    let mut same = FUNCTIONS
        .iter()
        .filter(|(_, known)| known(&accuracies) == value);
    let (name, _) = same.next().expect("every formula is among FUNCTIONS");
    assert_eq!(same.count(), 0, "another formula agrees with `{name}`");
    name
}

/// The docs of each formula.
fn formulas() -> String {
    let mut sections = Vec::new();
    for source in SOURCES {
        let mut docs = Vec::new();
        for line in source.lines() {
            if let Some(doc) = line.strip_prefix("///") {
                docs.push(doc.trim());
                continue;
            }
            if let Some(rest) = line.strip_prefix("pub fn ") {
                let name = rest.split('(').next().unwrap_or_default();
                assert!(FUNCTIONS.iter().any(|(known, _)| *known == name), "{name}");
                sections.push(format!("### {}\n\n{}\n", title(name), docs.join("\n")));
            }
            docs.clear();
        }
    }
    assert_eq!(sections.len(), FUNCTIONS.len());
    sections.join("\n")
}

fn title(function: &str) -> String {
    function.replace('_', " ")
}
