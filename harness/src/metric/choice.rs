//! The metric that ranks strategies, and the metrics that tables show.

use super::MetricError;
use crate::results::RunPlan;
use harness_abi::MetricInfo;

/// The metric that ranks strategies if a scenario sets none: final average accuracy.
pub const DEFAULT_RANK_BY: &str = "faa";

/// The metrics that tables show if a scenario sets none.
pub const DEFAULT_COLUMNS: [&str; 5] = [
    "faa",
    "average-incremental-accuracy",
    "ci-transfer",
    "forgetting-seen",
    "forgetting-all",
];

/// A choice among the metrics of a leaderboard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The metric that ranks; by default [`DEFAULT_RANK_BY`], if available.
    pub rank_by: Option<String>,
    /// The metrics to show. If empty, those of [`DEFAULT_COLUMNS`] that are available, or all if
    /// none of them is.
    pub columns: Vec<String>,
}

impl Choice {
    /// The choice of a run's scenario. Spelling out the default is the same as choosing nothing.
    pub fn of(run: &RunPlan) -> Choice {
        let rank_by = run.rank_by.clone();
        let columns = run.columns.clone().unwrap_or_default();
        Choice {
            rank_by: rank_by.filter(|name| name != DEFAULT_RANK_BY),
            columns: match columns == DEFAULT_COLUMNS {
                true => Vec::new(),
                false => columns,
            },
        }
    }

    /// The index of the metric that ranks; `None` if none was chosen and the default is not
    /// available.
    ///
    /// # Errors
    ///
    /// If the chosen metric is unknown.
    pub fn rank_by(&self, metrics: &[MetricInfo]) -> Result<Option<usize>, MetricError> {
        match &self.rank_by {
            Some(name) => find(metrics, name).map(Some),
            None => Ok(position(metrics, DEFAULT_RANK_BY)),
        }
    }

    /// The indices of the metrics to show.
    ///
    /// # Errors
    ///
    /// If a chosen metric is unknown.
    pub fn columns(&self, metrics: &[MetricInfo]) -> Result<Vec<usize>, MetricError> {
        if !self.columns.is_empty() {
            let names = self.columns.iter();
            return names.map(|name| find(metrics, name)).collect();
        }
        let usual = DEFAULT_COLUMNS
            .into_iter()
            .filter_map(|name| position(metrics, name));
        let usual: Vec<usize> = usual.collect();
        Ok(match usual.is_empty() {
            true => (0..metrics.len()).collect(),
            false => usual,
        })
    }
}

fn position(metrics: &[MetricInfo], name: &str) -> Option<usize> {
    metrics.iter().position(|metric| metric.name == name)
}

fn find(metrics: &[MetricInfo], name: &str) -> Result<usize, MetricError> {
    position(metrics, name).ok_or_else(|| {
        let names = || metrics.iter().map(|metric| metric.name.as_str());
        // Not `suggest`: people write the beginning of a metric's name, such as `forgetting` for
        // `forgetting-seen`.
        let similarity = |known: &&str| strsim::jaro_winkler(name, known);
        let nearest = names().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
        MetricError::Unknown {
            name: name.to_owned(),
            suggestion: nearest
                .filter(|known| similarity(known) > 0.8)
                .map(str::to_owned),
            known: names().collect::<Vec<_>>().join(", "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::MetricSet;
    use super::super::fixture::metrics;
    use super::*;

    #[test]
    fn defaults_apply_unless_chosen_or_unavailable() {
        let metrics = metrics();
        let infos = metrics.infos();
        let default = Choice::default();
        assert_eq!(default.rank_by(infos), Ok(Some(0)));
        assert_eq!(default.columns(infos), Ok(vec![0, 1, 2]));
        // Third-party metrics, none of them a default.
        let others: Vec<MetricInfo> = ["one", "two"]
            .map(|name| MetricInfo {
                name: name.into(),
                ..infos[0].clone()
            })
            .into();
        assert_eq!(default.rank_by(&others), Ok(None));
        assert_eq!(default.columns(&others), Ok(vec![0, 1]));
        let chosen = Choice {
            rank_by: Some("two".into()),
            columns: vec!["two".into(), "one".into()],
        };
        assert_eq!(chosen.rank_by(&others), Ok(Some(1)));
        assert_eq!(chosen.columns(&others), Ok(vec![1, 0]));
    }

    #[test]
    fn the_message_about_an_unknown_metric_suggests_the_nearest() {
        let chosen = Choice {
            rank_by: None,
            columns: vec!["forgeting".into()],
        };
        assert_eq!(
            chosen.columns(metrics().infos()).unwrap_err().to_string(),
            "unknown metric `forgeting`; did you mean `forgetting-seen`?\navailable metrics: faa, ci-transfer, forgetting-seen"
        );
    }
}
