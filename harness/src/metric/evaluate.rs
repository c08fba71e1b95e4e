//! Computes metrics, independently of where they come from.

use super::MetricError;
use crate::results::CellRecord;
use harness_abi::MetricInfo;

/// Some metrics, ready to be computed.
pub trait MetricSet {
    /// The metrics, in the order of their values.
    fn infos(&self) -> &[MetricInfo];

    /// The value of each metric, in the same order; `None` if the record lacks what the metric
    /// needs.
    ///
    /// # Errors
    ///
    /// Why a metric could not be computed at all.
    fn compute(&self, record: &CellRecord) -> Result<Vec<Option<f64>>, String>;
}

/// The values of all metrics, for each record in order.
///
/// # Errors
///
/// If a metric cannot be computed, or returns a value that is not finite.
pub fn evaluate(
    records: &[CellRecord],
    metrics: &dyn MetricSet,
) -> Result<Vec<Vec<Option<f64>>>, MetricError> {
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
            let failure = |metric: String, reason: String| MetricError::Failed {
                metric,
                cell: record.cell.id.clone(),
                reason,
            };
            let values = metrics
                .compute(record)
                .map_err(|reason| failure(names(), reason))?;
            if values.len() != infos.len() {
                let reason = format!(
                    "expected one value per metric ({}), but got {}",
                    infos.len(),
                    values.len()
                );
                return Err(failure(names(), reason));
            }
            for (info, value) in infos.iter().zip(&values) {
                if let Some(value) = value.filter(|value| !value.is_finite()) {
                    let reason = format!(
                        "its value is {value}; a metric must return nothing where it is undefined"
                    );
                    return Err(failure(info.name.clone(), reason));
                }
            }
            Ok(values)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::fixture::metrics;
    use crate::results::fixture::record;

    #[test]
    fn the_message_about_a_nan_names_the_metric_and_the_cell() {
        struct Broken(Vec<MetricInfo>);
        impl MetricSet for Broken {
            fn infos(&self) -> &[MetricInfo] {
                &self.0
            }
            fn compute(&self, _: &CellRecord) -> Result<Vec<Option<f64>>, String> {
                Ok(vec![Some(f64::NAN)])
            }
        }
        let broken = Broken(metrics().infos()[..1].to_vec());
        assert_eq!(
            evaluate(&[record("digits", "a", 1, [80, 80])], &broken)
                .unwrap_err()
                .to_string(),
            "metric `faa` of cell `digits-a-s1-0123456789ab`: its value is NaN; a metric must return nothing where it is undefined"
        );
    }
}
