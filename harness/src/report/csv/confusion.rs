//! `confusion.csv`: one row per class and class that it is taken for after the last task.

use super::file::{Column, File, Origin};
use crate::id::ClassId;
use crate::results::CellRecord;
use std::io::{self, Write};

struct Row<'a> {
    record: &'a CellRecord,
    class: ClassId,
    predicted: ClassId,
    count: u64,
}

impl Row<'_> {
    fn name(&self, class: ClassId) -> String {
        self.record.stream.classes[class.index()].clone()
    }
}

fn columns<'a>() -> [Column<Row<'a>>; 4] {
    [
        ("seed", |row| row.record.cell.seed.to_string()),
        ("class", |row| row.name(row.class)),
        ("predicted", |row| row.name(row.predicted)),
        ("count", |row| row.count.to_string()),
    ]
}

pub(super) fn confusion(records: &[CellRecord], out: &mut dyn Write) -> io::Result<()> {
    let mut file = File::new(columns(), out)?;
    for record in records {
        let Some(confusion) = &record.confusion else {
            continue;
        };
        let origin = Origin::of(record);
        for &(class, predicted, count) in &confusion.entries {
            let row = Row {
                record,
                class,
                predicted,
                count,
            };
            file.row(&origin, &row)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::in_memory;
    use super::super::tests::{columns, own_columns};
    use super::*;
    use crate::results::fixture::{record, with_classes};
    use expect_test::expect;

    #[test]
    fn classes_that_are_taken_for_each_other_have_a_row() {
        let without = record("digits", "ncm", 2, [50, 90]);
        let csv = in_memory(|out| {
            confusion(
                &[with_classes(record("digits", "ncm", 1, [100, 90])), without],
                out,
            )
        });
        let own = own_columns(&csv);
        expect!["seed,class,predicted,count"].assert_eq(&own);
        expect![[r#"
            1,zero,zero,50
            1,one,one,50
            1,two,two,45
            1,two,three,5
            1,three,zero,5
            1,three,three,45
        "#]]
        .assert_eq(&columns(&csv, &own.split(',').collect::<Vec<_>>()));
    }
}
