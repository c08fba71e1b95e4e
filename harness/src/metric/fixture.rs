//! Metrics for tests.

use super::MetricSet;
use crate::id::TaskId;
use crate::results::{AfterTask, CellRecord};
use harness_abi::{Matrix, MetricInfo};

/// For two tasks: FAA on `seen`, CI-Transfer on `all`, forgetting on `seen`.
pub(crate) struct Metrics(Vec<MetricInfo>);

pub(crate) fn metrics() -> Metrics {
    let info = |name: &str, unit: &str, higher_is_better, matrix| MetricInfo {
        name: name.into(),
        unit: unit.into(),
        higher_is_better,
        matrix: Some(matrix),
        summary: String::new(),
    };
    Metrics(vec![
        info("faa", "%", true, Matrix::Seen),
        info("ci-transfer", "%", true, Matrix::All),
        info("forgetting-seen", "points", false, Matrix::Seen),
    ])
}

impl MetricSet for Metrics {
    fn infos(&self) -> &[MetricInfo] {
        &self.0
    }

    fn compute(&self, record: &CellRecord) -> Result<Vec<Option<f64>>, String> {
        let at = |candidates, after, on| {
            record
                .matrices
                .accuracy(candidates, AfterTask(after), TaskId(on))
        };
        let seen = |after, on| at(Matrix::Seen, after, on);
        let both = |a: Option<f64>, b: Option<f64>| a.zip(b);
        Ok(vec![
            both(seen(2, 1), seen(2, 2)).map(|(a, b)| (a + b) / 2.0),
            at(Matrix::All, 1, 2),
            both(seen(1, 1), seen(2, 1)).map(|(first, last)| first - last),
        ])
    }
}
