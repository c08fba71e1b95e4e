//! How much of each task is forgotten in the end.

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
    let forgotten = |entry: &Entry| forgotten(&context.cells(entry), tasks as u32);
    let entries = context.entries();
    if !entries.iter().any(|entry| !forgotten(entry).is_empty()) {
        return Vec::new();
    }
    let lines = context.shown().into_iter().filter_map(|entry| {
        let points: Vec<Point> = (forgotten(entry).into_iter())
            .map(|(task, summary)| Point {
                at: task,
                mean: summary.mean,
                std: summary.std,
            })
            .collect();
        (!points.is_empty()).then(|| Line {
            name: entry.label.clone(),
            style: context.styles.style(entry),
            points,
        })
    });
    let lines = Lines {
        across: "task".to_owned(),
        upwards: "forgetting, points".to_owned(),
        limits: [-100.0, 100.0],
        lines: lines.collect(),
    };
    let rows = entries.iter().flat_map(|entry| {
        forgotten(entry).into_iter().map(|(task, summary)| {
            [
                entry.label.clone(),
                task.to_string(),
                number(Some(summary.mean)),
                number(summary.std),
            ]
        })
    });
    vec![Figure {
        name: "forgetting".to_owned(),
        title: "Forgetting per task".to_owned(),
        caption: format!(
            "The best accuracy that a task had before the end, minus its accuracy in the end, among \
             the classes seen so far. Part of it comes from the classes that were added. Bands: one \
             standard deviation over seeds.{}",
            context.left_out()
        ),
        on_page: true,
        svg: lines.svg(),
        csv: csv(["strategy", "on_task", "forgetting_seen", "std"], rows),
    }]
}

/// The forgetting of each task but the last, as a mean over seeds: max over t < T of A\[t\]\[j\],
/// minus A\[T\]\[j\], with A the accuracy on task j after task t ≥ j among the seen classes
/// (Chaudhry et al., ECCV 2018).
fn forgotten(cells: &[&CellRecord], tasks: u32) -> Vec<(u32, Summary)> {
    let of_task = |on: u32| {
        let of_cell = |cell: &&CellRecord| {
            let accuracy = |after: u32| {
                let matrices = &cell.matrices;
                matrices.accuracy(Matrix::Seen, AfterTask(after), TaskId(on))
            };
            let before: Option<Vec<f64>> = (on..tasks).map(accuracy).collect();
            let best = before?.into_iter().fold(f64::NEG_INFINITY, f64::max);
            Some(best - accuracy(tasks)?)
        };
        let values: Option<Vec<f64>> = cells.iter().map(of_cell).collect();
        Some((on, Summary::of(&values?)?))
    };
    (1..tasks).filter_map(of_task).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixture::{joint, record};

    #[test]
    fn forgetting_is_the_loss_since_the_best_accuracy() {
        let cells = [
            record("digits", "a", 1, [50, 90]),
            record("digits", "a", 2, [60, 90]),
        ];
        let cells: Vec<&CellRecord> = cells.iter().collect();
        let found = forgotten(&cells, 2);
        assert_eq!(found.len(), 1);
        // 95 after the first task; 50 and 60 in the end.
        assert_eq!((found[0].0, found[0].1.mean), (1, 40.0));
        assert!(forgotten(&[&joint("digits", "a", 1, [50, 90])], 2).is_empty());
    }
}
