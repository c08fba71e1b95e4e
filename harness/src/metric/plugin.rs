//! Metrics from plugins, as functions of cell records.

use super::{DEFAULT_RANK_BY, MetricSet};
use crate::error::Error;
use crate::plugin::{Kind, Loaded, PluginFile, Registry};
use crate::results::{AccuracyMatrices, CellRecord};
use harness_abi::foreign::ForeignMetric;
use harness_abi::{Matrix, MetricInfo, Run};
use std::collections::HashMap;

/// Metrics that plugins offer.
#[derive(Debug)]
pub struct PluginMetrics {
    metrics: Vec<ForeignMetric>,
    infos: Vec<MetricInfo>,
}

impl PluginMetrics {
    /// The files that offer the metrics with these names; without names, those of all metrics
    /// found.
    ///
    /// # Errors
    ///
    /// If a metric is offered by no file or by two, or no metrics were found.
    pub fn find(
        registry: &Registry,
        names: Option<&[String]>,
    ) -> Result<Vec<(String, PluginFile)>, Error> {
        let names: Vec<String> = match names {
            Some(names) => names.to_vec(),
            None => registry
                .offers(Kind::Metric)
                .map(|(_, offer)| offer.name.clone())
                .collect(),
        };
        if names.is_empty() {
            // For the same message as about any other name that no plugin offers.
            registry.find(Kind::Metric, DEFAULT_RANK_BY, None)?;
        }
        names
            .into_iter()
            .map(|name| {
                let file = registry.find(Kind::Metric, &name, None)?;
                Ok((name, file))
            })
            .collect()
    }

    /// Loads metrics, in the given order.
    ///
    /// # Errors
    ///
    /// If a plugin cannot be loaded.
    pub fn load(wanted: &[(String, PluginFile)]) -> Result<PluginMetrics, Error> {
        let mut plugins: HashMap<&str, Loaded> = HashMap::new();
        let mut metrics = Vec::new();
        for (name, file) in wanted {
            if !plugins.contains_key(file.hash()) {
                plugins.insert(file.hash(), Loaded::load(file, "cpu")?);
            }
            metrics.push(plugins[file.hash()].metric(name)?);
        }
        let infos = metrics.iter().map(|metric| metric.info().clone()).collect();
        Ok(PluginMetrics { metrics, infos })
    }
}

impl MetricSet for PluginMetrics {
    fn infos(&self) -> &[MetricInfo] {
        &self.infos
    }

    fn compute(&self, record: &CellRecord) -> Result<Vec<Option<f64>>, String> {
        let matrices = &record.matrices;
        let n: Vec<u64> = matrices
            .tasks()
            .map(|task| matrices.n(task).unwrap_or_default())
            .collect();
        let [seen, all, task] = Matrix::EACH.map(|candidates| counts(matrices, candidates));
        let costs = serde_json::to_vec(&record.costs).map_err(|error| error.to_string())?;
        let run = Run::new(&n, &seen, &all, &task, &costs);
        self.metrics
            .iter()
            .map(|metric| metric.compute(&run).map_err(|error| error.to_string()))
            .collect()
    }
}

/// Row-major, with −1 for absent entries.
fn counts(matrices: &AccuracyMatrices, candidates: Matrix) -> Vec<i64> {
    let entry = |after, on| {
        let count = matrices.correct(candidates, after, on);
        count.map_or(-1, |count| count as i64)
    };
    matrices
        .rows()
        .flat_map(|after| matrices.tasks().map(move |on| entry(after, on)))
        .collect()
}
