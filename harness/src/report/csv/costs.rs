//! `costs.csv`: one row per cell.

use super::file::{Column, File, Origin, text};
use crate::report::number::decimals;
use crate::results::CellRecord;
use std::io::{self, Write};

fn columns() -> [Column<CellRecord>; 12] {
    fn seconds(seconds: f64) -> String {
        decimals(seconds, 3)
    }
    [
        ("seed", |record| record.cell.seed.to_string()),
        ("threads", |record| record.cell.threads.to_string()),
        ("device", |record| record.cell.device.clone()),
        ("dtype", |record| record.cell.dtype().to_owned()),
        ("features_seconds", |record| {
            seconds(record.costs.wall_seconds.features)
        }),
        ("learn_seconds", |record| {
            seconds(record.costs.wall_seconds.learn)
        }),
        ("evaluate_seconds", |record| {
            seconds(record.costs.wall_seconds.evaluate)
        }),
        ("total_seconds", |record| {
            seconds(record.costs.wall_seconds.total)
        }),
        ("peak_memory_bytes", |record| {
            text(record.costs.peak_memory_bytes)
        }),
        ("optimiser_steps", |record| {
            record.costs.optimiser_steps.to_string()
        }),
        ("trainable_parameters", |record| {
            record.declaration.trainable_parameters.to_string()
        }),
        ("state_bytes", |record| record.costs.state_bytes.to_string()),
    ]
}

pub(super) fn costs(records: &[CellRecord], out: &mut dyn Write) -> io::Result<()> {
    let mut file = File::new(columns(), out)?;
    for record in records {
        let origin = Origin::of(record);
        file.row(&origin, record)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::in_memory;
    use super::super::tests::{columns, own_columns};
    use super::*;
    use crate::results::fixture::record;
    use expect_test::expect;

    #[test]
    fn every_cell_has_a_row() {
        let csv = in_memory(|out| costs(&[record("digits", "head", 1, [50, 90])], out));
        let own = own_columns(&csv);
        expect!["seed,threads,device,dtype,features_seconds,learn_seconds,evaluate_seconds,total_seconds,peak_memory_bytes,optimiser_steps,trainable_parameters,state_bytes"]
            .assert_eq(&own);
        expect![[r#"
            1,1,cpu,f32,0.250,1.500,0.500,2.457,50000000,120,650,2600
        "#]]
        .assert_eq(&columns(&csv, &own.split(',').collect::<Vec<_>>()));
    }
}
