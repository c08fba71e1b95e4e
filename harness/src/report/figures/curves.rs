//! Accuracy after each task among the classes seen so far.

use super::context::Context;
use super::figure::{Figure, csv, number};
use crate::id::TaskId;
use crate::report::plot::{Line, Lines, Point};
use crate::report::standing::{Entry, Scope};
use crate::report::statistics::Summary;
use crate::results::{AfterTask, CellRecord};
use harness_abi::Matrix;

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let Scope::Stream { tasks, .. } = context.section.scope else {
        return Vec::new();
    };
    if tasks < 2 {
        return Vec::new();
    }
    let curve = |entry: &Entry| curve(&context.cells(entry), tasks as u32);
    let lines = context.shown().into_iter().map(|entry| Line {
        name: entry.label.clone(),
        style: context.styles.style(entry),
        points: (curve(entry).into_iter())
            .map(|(task, summary)| Point {
                at: task,
                mean: summary.mean,
                std: summary.std,
            })
            .collect(),
    });
    let lines = Lines {
        across: "tasks learned".to_owned(),
        upwards: "accuracy on tasks so far, %".to_owned(),
        limits: [0.0, 100.0],
        lines: lines.collect(),
    };
    let entries = context.entries();
    let rows = entries.iter().flat_map(|entry| {
        curve(entry).into_iter().map(|(task, summary)| {
            [
                entry.label.clone(),
                task.to_string(),
                number(Some(summary.mean)),
                number(summary.std),
            ]
        })
    });
    vec![Figure {
        name: "accuracy".to_owned(),
        title: "Accuracy over tasks".to_owned(),
        caption: format!(
            "Mean accuracy on the tasks learned so far, among the classes seen so far. Bands: one \
             standard deviation over seeds. A joint run has the last point alone.{}",
            context.left_out()
        ),
        on_page: true,
        svg: lines.svg(),
        csv: csv(["strategy", "after_task", "seen_accuracy", "std"], rows),
    }]
}

/// The mean over seeds after each task that every cell was evaluated after.
fn curve(cells: &[&CellRecord], tasks: u32) -> Vec<(u32, Summary)> {
    let after = |task: u32| {
        let of_cell = |cell: &&CellRecord| so_far(cell, task);
        let values: Option<Vec<f64>> = cells.iter().map(of_cell).collect();
        Some((task, Summary::of(&values?)?))
    };
    (1..=tasks).filter_map(after).collect()
}

/// The mean accuracy on tasks 1 to `task` after `task`.
fn so_far(cell: &CellRecord, task: u32) -> Option<f64> {
    let on = |on: u32| {
        let matrices = &cell.matrices;
        matrices.accuracy(Matrix::Seen, AfterTask(task), TaskId(on))
    };
    let sum: f64 = (1..=task).map(on).sum::<Option<f64>>()?;
    Some(sum / f64::from(task))
}
