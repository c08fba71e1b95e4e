//! `metrics.csv`: one row per cell and metric.

use super::file::{Column, File, Origin, text, value};
use crate::metric::MetricInfo;
use crate::results::CellRecord;
use std::io::{self, Write};

struct Row<'a> {
    record: &'a CellRecord,
    metric: &'a MetricInfo,
    value: Option<f64>,
}

fn columns<'a>() -> [Column<Row<'a>>; 6] {
    [
        ("seed", |row| row.record.cell.seed.to_string()),
        ("metric", |row| row.metric.name.clone()),
        ("unit", |row| row.metric.unit.clone()),
        ("higher_is_better", |row| {
            row.metric.higher_is_better.to_string()
        }),
        ("matrix", |row| text(row.metric.matrix)),
        ("value", |row| value(row.value)),
    ]
}

pub(super) fn metrics(
    records: &[CellRecord],
    metrics: &[MetricInfo],
    values: &[Vec<Option<f64>>],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut file = File::new(columns(), out)?;
    for (record, values) in records.iter().zip(values) {
        let origin = Origin::of(record);
        for (metric, &value) in metrics.iter().zip(values) {
            let row = Row {
                record,
                metric,
                value,
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
    use crate::metric::fixture::metrics as metric_set;
    use crate::metric::{MetricSet, evaluate};
    use crate::results::fixture::blind;
    use expect_test::expect;

    #[test]
    fn every_cell_and_metric_has_a_row() {
        let records = [blind("digits", "ncm", 1, [80, 70])];
        let set = metric_set();
        let csv = in_memory(|out| {
            metrics(
                &records,
                set.infos(),
                &evaluate(&records, &set).unwrap(),
                out,
            )
        });
        let own = own_columns(&csv);
        expect!["seed,metric,unit,higher_is_better,matrix,value"].assert_eq(&own);
        expect![[r#"
            1,faa,%,true,seen,75.000000
            1,ci-transfer,%,true,all,
            1,forgetting-seen,points,false,seen,15.000000
        "#]]
        .assert_eq(&columns(&csv, &own.split(',').collect::<Vec<_>>()));
    }
}
