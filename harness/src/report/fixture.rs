//! Records and metrics for the tests of this folder.

use super::*;
use crate::id::{Seed, TaskId};
use crate::matrix::{AccuracyMatrices, AfterTask};
use crate::stream::Augmentation;
use harness_abi::Matrix;

/// A cell of two tasks with 100 test samples each: 95 % right after the first task, `last` per task after the second.
///
/// The strategy scores unseen classes: 20 % before the first task, 30 % on the second before it is learned.
pub(super) fn record(domain: &str, row: &str, seed: u64, last: [u64; 2]) -> CellRecord {
    let [a, b] = last;
    CellRecord {
        format: RECORD_FORMAT,
        id: format!("{domain}-{row}-s{seed}-0123456789ab"),
        scenario: "quick".into(),
        domain: DomainPart {
            name: domain.into(),
            split_hash: format!("{domain}-split"),
            class_order_digest: format!("order{seed}"),
            n_train: 400,
            n_test: 200,
            classes: ["zero", "one", "two", "three"].map(String::from).to_vec(),
            task_sizes: vec![2, 2],
            augmentation: Augmentation::None,
            limit: None,
            validation: None,
        },
        backbones: vec![BackbonePart {
            name: "pixels".into(),
            plugin: "pixels".into(),
            plugin_version: "0.1.0".into(),
            plugin_hash: "pixels-file".into(),
            fingerprint: "weights".into(),
        }],
        strategy: StrategyPart {
            row: row.into(),
            name: row.into(),
            plugin: "heads".into(),
            plugin_version: "0.1.0".into(),
            plugin_hash: "heads-file".into(),
            regime: Regime::Sequential,
            parameters: serde_json::json!({"epochs": 5}),
            provenance: None,
            trials: None,
            keeps: vec![],
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: 650,
            adaptation: None,
        },
        seed: Seed(seed),
        threads: 1,
        device: "cpu".into(),
        dtype: "f32".into(),
        matrices: matrices(serde_json::json!({
            "n": [100, 100],
            "seen": [[null, null], [95, null], [a, b]],
            "all": [[20, 20], [95, 30], [a, b]],
            "task": [[50, 50], [99, 60], [99, 99]],
        })),
        costs: Costs {
            wall_seconds: WallSeconds {
                features: 0.25,
                learn: 1.5,
                evaluate: 0.5,
                total: 2.4567,
            },
            peak_memory_bytes: Some(50_000_000),
            optimiser_steps: 120,
            state_bytes: 2_600,
        },
    }
}

/// As [`record`], of a strategy that cannot score unseen classes and keeps statistics.
pub(super) fn blind(domain: &str, row: &str, seed: u64, last: [u64; 2]) -> CellRecord {
    let [a, b] = last;
    let mut record = record(domain, row, seed, last);
    record.strategy.scores_unseen = false;
    record.strategy.keeps = vec![Keeps::Statistics];
    record.matrices = matrices(serde_json::json!({
        "n": [100, 100],
        "seen": [[null, null], [95, null], [a, b]],
        "all": [[null, null], [null, null], [null, null]],
        "task": [[null, null], [99, null], [99, 99]],
    }));
    record
}

/// As [`record`], of a joint run.
pub(super) fn joint(domain: &str, row: &str, seed: u64, last: [u64; 2]) -> CellRecord {
    let [a, b] = last;
    let mut record = record(domain, row, seed, last);
    record.strategy.regime = Regime::Joint;
    record.strategy.keeps = vec![Keeps::Images];
    record.matrices = matrices(serde_json::json!({
        "n": [100, 100],
        "seen": [[null, null], [null, null], [a, b]],
        "all": [[null, null], [null, null], [a, b]],
        "task": [[null, null], [null, null], [99, 99]],
    }));
    record
}

fn matrices(json: serde_json::Value) -> AccuracyMatrices {
    serde_json::from_value(json).unwrap()
}

/// For two tasks: FAA on `seen`, CI-Transfer on `all`, forgetting on `seen`.
pub(super) struct Metrics(Vec<MetricInfo>);

pub(super) fn metrics() -> Metrics {
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
