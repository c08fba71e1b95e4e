//! `classes.csv`: one row per class and row of a cell's accuracy matrices.

use super::file::{Column, File, Origin, text, value};
use crate::id::{ClassId, TaskId};
use crate::results::{AfterTask, CellRecord, ClassCounts};
use harness_abi::Matrix;
use std::io::{self, Write};

struct Row<'a> {
    record: &'a CellRecord,
    counts: &'a ClassCounts,
    after: AfterTask,
    class: ClassId,
    task: TaskId,
}

impl Row<'_> {
    fn count(&self, candidates: Matrix) -> Option<u64> {
        self.counts.correct(candidates, self.after, self.class)
    }

    fn correct(&self, candidates: Matrix) -> String {
        text(self.count(candidates))
    }

    fn accuracy(&self, candidates: Matrix) -> String {
        value(self.counts.accuracy(candidates, self.after, self.class))
    }
}

fn columns<'a>() -> [Column<Row<'a>>; 11] {
    [
        ("seed", |row| row.record.cell.seed.to_string()),
        ("after_task", |row| row.after.to_string()),
        ("class", |row| {
            row.record.stream.classes[row.class.index()].clone()
        }),
        ("task", |row| row.task.to_string()),
        ("n", |row| row.counts.n[row.class.index()].to_string()),
        ("seen_correct", |row| row.correct(Matrix::Seen)),
        ("seen_accuracy", |row| row.accuracy(Matrix::Seen)),
        ("all_correct", |row| row.correct(Matrix::All)),
        ("all_accuracy", |row| row.accuracy(Matrix::All)),
        ("task_correct", |row| row.correct(Matrix::Task)),
        ("task_accuracy", |row| row.accuracy(Matrix::Task)),
    ]
}

pub(super) fn classes(records: &[CellRecord], out: &mut dyn Write) -> io::Result<()> {
    let mut file = File::new(columns(), out)?;
    for record in records {
        let Some(counts) = &record.classes else {
            continue;
        };
        let stream = &record.stream;
        let domains = record.cell.stream.domains.iter();
        let origins: Vec<Origin> = domains
            .map(|domain| Origin::on(record, &domain.name))
            .collect();
        let first = first_tasks(record);
        for after in record.matrices.rows() {
            for (class, &task) in (0..).map(ClassId).zip(&first) {
                let row = Row {
                    record,
                    counts,
                    after,
                    class,
                    task,
                };
                // Half of the rows of many cells would be empty.
                if Matrix::EACH.iter().any(|&of| row.count(of).is_some()) {
                    file.row(&origins[stream.domain_of(task)], &row)?;
                }
            }
        }
    }
    Ok(())
}

/// The task with which each class first arrives.
fn first_tasks(record: &CellRecord) -> Vec<TaskId> {
    let mut first = Vec::new();
    for (task, classes) in (1..).map(TaskId).zip(record.stream.classes_of_tasks()) {
        // Classes are numbered in the order in which they arrive.
        let new = classes.iter().filter(|class| class.index() >= first.len());
        let new = new.count();
        first.extend(std::iter::repeat_n(task, new));
    }
    first
}

#[cfg(test)]
mod tests {
    use super::super::in_memory;
    use super::super::tests::{columns, own_columns};
    use super::*;
    use crate::results::fixture::{blind, record, with_classes};
    use expect_test::expect;

    #[test]
    fn every_class_that_was_measured_has_a_row() {
        let records = [
            with_classes(blind("digits", "ncm", 1, [80, 71])),
            // Of an earlier version.
            record("digits", "ncm", 2, [80, 71]),
        ];
        let csv = in_memory(|out| classes(&records, out));
        let own = own_columns(&csv);
        expect!["seed,after_task,class,task,n,seen_correct,seen_accuracy,all_correct,all_accuracy,task_correct,task_accuracy"]
            .assert_eq(&own);
        expect![[r#"
            1,1,zero,1,50,48,96.000000,,,50,100.000000
            1,1,one,1,50,47,94.000000,,,49,98.000000
            1,2,zero,1,50,40,80.000000,40,80.000000,50,100.000000
            1,2,one,1,50,40,80.000000,40,80.000000,49,98.000000
            1,2,two,2,50,36,72.000000,36,72.000000,50,100.000000
            1,2,three,2,50,35,70.000000,35,70.000000,49,98.000000
        "#]]
        .assert_eq(&columns(&csv, &own.split(',').collect::<Vec<_>>()));
    }

    #[test]
    fn a_class_that_comes_back_is_listed_with_its_first_task() {
        let mut record = record("digits", "ncm", 1, [80, 70]);
        record.stream.task_classes = [vec![0, 1], vec![0, 2, 3]]
            .map(|task| task.into_iter().map(ClassId).collect())
            .to_vec();
        assert_eq!(first_tasks(&record), [1, 1, 2, 2].map(TaskId));
    }
}
