//! `scalars.csv`: one row per value that a strategy reported while learning.

use super::file::{Column, File, Origin};
use crate::results::{CellRecord, Scalar};
use std::io::{self, Write};

struct Row<'a> {
    record: &'a CellRecord,
    scalar: &'a Scalar,
}

fn columns<'a>() -> [Column<Row<'a>>; 5] {
    [
        ("seed", |row| row.record.cell.seed.to_string()),
        ("task", |row| row.scalar.task.to_string()),
        ("name", |row| row.scalar.name.clone()),
        ("step", |row| row.scalar.step.to_string()),
        // All digits: a loss can be small.
        ("value", |row| format!("{:?}", row.scalar.value)),
    ]
}

pub(super) fn scalars(records: &[CellRecord], out: &mut dyn Write) -> io::Result<()> {
    let mut file = File::new(columns(), out)?;
    for record in records.iter().filter(|record| !record.scalars.is_empty()) {
        let origin = Origin::of(record);
        for scalar in &record.scalars {
            file.row(&origin, &Row { record, scalar })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::in_memory;
    use super::super::tests::{columns, own_columns};
    use super::*;
    use crate::id::TaskId;
    use crate::results::fixture::record;
    use expect_test::expect;

    #[test]
    fn every_value_has_a_row_with_all_its_digits() {
        let mut head = record("digits", "head", 1, [50, 90]);
        let values = [(1, 1, 2.5), (1, 2, 1.234_567_89e-7), (2, 1, -3.0)];
        head.scalars = values
            .map(|(task, step, value)| Scalar {
                name: "loss, mean".into(),
                task: TaskId(task),
                step,
                value,
            })
            .to_vec();
        let csv = in_memory(|out| scalars(&[head, record("digits", "ncm", 1, [50, 90])], out));
        let own = own_columns(&csv);
        expect!["seed,task,name,step,value"].assert_eq(&own);
        expect![[r#"
            1,1,loss, mean,1,2.5
            1,1,loss, mean,2,1.23456789e-7
            1,2,loss, mean,1,-3.0
        "#]]
        .assert_eq(&columns(&csv, &own.split(',').collect::<Vec<_>>()));
    }
}
