//! What the tables need to know of metrics, wherever they come from.

use super::{CellRecord, ReportError};
pub use harness_abi::MetricInfo;

/// The metric that competitors are ranked by: final average accuracy.
pub const RANKED_BY: &str = "faa";

/// Some metrics, ready to be computed.
pub trait MetricSet {
    /// The metrics, in the order of the tables' columns.
    fn infos(&self) -> &[MetricInfo];

    /// A value for each of them, in that order; `None` where the record lacks what the metric needs. The error says why a metric could
    /// not be computed at all.
    fn compute(&self, record: &CellRecord) -> Result<Vec<Option<f64>>, String>;
}

/// The values of all metrics, for each record in order.
pub(super) fn compute_all(
    records: &[CellRecord],
    metrics: &dyn MetricSet,
) -> Result<Vec<Vec<Option<f64>>>, ReportError> {
    let infos = metrics.infos();
    let names = || {
        infos
            .iter()
            .map(|info| info.name.as_str())
            .collect::<Vec<_>>()
            .join("`, `")
    };
    records
        .iter()
        .map(|record| {
            let failure = |metric: String, reason: String| ReportError::Metric {
                metric,
                cell: record.id.clone(),
                reason,
            };
            let values = metrics
                .compute(record)
                .map_err(|reason| failure(names(), reason))?;
            if values.len() != infos.len() {
                let reason = format!("{} values for {} metrics", values.len(), infos.len());
                return Err(failure(names(), reason));
            }
            for (info, value) in infos.iter().zip(&values) {
                if let Some(value) = value.filter(|value| !value.is_finite()) {
                    return Err(failure(
                        info.name.clone(),
                        format!(
                            "{value} is not a number; a value that is not defined must be absent"
                        ),
                    ));
                }
            }
            Ok(values)
        })
        .collect()
}
