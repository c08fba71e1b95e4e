//! `accuracy.csv`: one row per entry of a cell's accuracy matrices.

use super::file::{Column, File, Origin, text, value};
use crate::id::TaskId;
use crate::results::{AfterTask, CellRecord};
use harness_abi::Matrix;
use std::io::{self, Write};

struct Row<'a> {
    record: &'a CellRecord,
    after: AfterTask,
    on: TaskId,
}

impl Row<'_> {
    fn correct(&self, candidates: Matrix) -> String {
        let matrices = &self.record.matrices;
        text(matrices.correct(candidates, self.after, self.on))
    }

    fn accuracy(&self, candidates: Matrix) -> String {
        let matrices = &self.record.matrices;
        value(matrices.accuracy(candidates, self.after, self.on))
    }
}

fn columns<'a>() -> [Column<Row<'a>>; 10] {
    [
        ("seed", |row| row.record.cell.seed.to_string()),
        ("after_task", |row| row.after.to_string()),
        ("on_task", |row| row.on.to_string()),
        ("n", |row| text(row.record.matrices.n(row.on))),
        ("seen_correct", |row| row.correct(Matrix::Seen)),
        ("seen_accuracy", |row| row.accuracy(Matrix::Seen)),
        ("all_correct", |row| row.correct(Matrix::All)),
        ("all_accuracy", |row| row.accuracy(Matrix::All)),
        ("task_correct", |row| row.correct(Matrix::Task)),
        ("task_accuracy", |row| row.accuracy(Matrix::Task)),
    ]
}

pub(super) fn accuracy(records: &[CellRecord], out: &mut dyn Write) -> io::Result<()> {
    let mut file = File::new(columns(), out)?;
    for record in records {
        let domains = record.cell.stream.domains.iter();
        let origins: Vec<Origin> = domains
            .map(|domain| Origin::on(record, &domain.name))
            .collect();
        for after in record.matrices.rows() {
            for on in record.matrices.tasks() {
                let origin = &origins[record.stream.domain_of(on)];
                file.row(origin, &Row { record, after, on })?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::in_memory;
    use super::super::tests::{columns, own_columns};
    use super::*;
    use crate::results::fixture::blind;
    use expect_test::expect;

    #[test]
    fn every_entry_has_a_row_and_absent_ones_are_empty() {
        let csv = in_memory(|out| accuracy(&[blind("digits", "ncm", 1, [80, 70])], out));
        let own = own_columns(&csv);
        expect!["seed,after_task,on_task,n,seen_correct,seen_accuracy,all_correct,all_accuracy,task_correct,task_accuracy"]
            .assert_eq(&own);
        expect![[r#"
            1,0,1,100,,,,,,
            1,0,2,100,,,,,,
            1,1,1,100,95,95.000000,,,99,99.000000
            1,1,2,100,,,,,,
            1,2,1,100,80,80.000000,80,80.000000,99,99.000000
            1,2,2,100,70,70.000000,70,70.000000,99,99.000000
        "#]]
        .assert_eq(&columns(&csv, &own.split(',').collect::<Vec<_>>()));
    }
}
