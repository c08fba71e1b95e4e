//! The accuracy matrices of each strategy, as a mean over seeds. They are files only: the page
//! draws those of every cell.

use super::context::Context;
use super::figure::{Figure, csv, number};
use crate::report::plot::Heat;
use crate::report::standing::{Entry, Scope};
use crate::results::CellRecord;
use harness_abi::Matrix;

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    if !matches!(context.section.scope, Scope::Stream { .. }) {
        return Vec::new();
    }
    let of_entry = |entry: &Entry| {
        Matrix::EACH.map(|candidates| matrix(&context.cells(entry), &entry.label, candidates))
    };
    let entries = context.shown().into_iter();
    entries.flat_map(of_entry).flatten().collect()
}

/// The matrix of an entry with these cells; `None` if it has no entries.
fn matrix(cells: &[&CellRecord], label: &str, candidates: Matrix) -> Option<Figure> {
    let first = &cells.first()?.matrices;
    let mean = |after, on| {
        let of_cell = |cell: &&CellRecord| cell.matrices.accuracy(candidates, after, on);
        let sum: f64 = cells.iter().map(of_cell).sum::<Option<f64>>()?;
        Some(sum / cells.len() as f64)
    };
    let rows: Vec<(String, Vec<Option<f64>>)> = (first.rows())
        .map(|after| {
            let values = first.tasks().map(|on| mean(after, on));
            (format!("after {after}"), values.collect::<Vec<_>>())
        })
        .filter(|(_, values)| values.iter().any(Option::is_some))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let lines = rows.iter().flat_map(|(after, values)| {
        (1..).zip(values).map(move |(task, value)| {
            let after = after.trim_start_matches("after ").to_owned();
            [after, i32::to_string(&task), number(*value)]
        })
    });
    let column = format!("{}_accuracy", candidates.name());
    let numbers = csv(["after_task", "on_task", &column], lines);
    let heat = Heat {
        across: "task".to_owned(),
        columns: first.tasks().map(|task| task.to_string()).collect(),
        rows,
    };
    Some(Figure {
        name: format!("matrix-{}-{label}", candidates.name()),
        title: format!("{label}: accuracy matrix, {}", candidates.name()),
        caption: "Accuracy on each task after each task, in percent, as a mean over seeds."
            .to_owned(),
        on_page: false,
        svg: heat.svg(),
        csv: numbers,
    })
}
