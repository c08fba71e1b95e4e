//! Records for tests.

use super::*;
use crate::domain::content::Trust;
use crate::id::{ClassId, Seed};
use crate::plugin::PluginId;
use crate::scenario::Regime;
use crate::stream::{Augmentation, ClassOrder, Cut, StreamSpec, Tasks};
use harness_abi::{Declaration, Keeps, Matrix};
use std::collections::BTreeMap;

/// A cell of two tasks with 100 test samples each: 95 % correct after the first task, `last` per
/// task after the second.
///
/// The strategy scores unseen classes: 20 % before the first task, 30 % on the second task before
/// it is learned.
pub(crate) fn record(domain: &str, row: &str, seed: u64, last: [u64; 2]) -> CellRecord {
    let [a, b] = last;
    let plugin = |name: &str| PluginId {
        name: name.into(),
        version: "0.1.0".into(),
        hash: format!("{name}-file"),
    };
    CellRecord {
        format: RECORD_FORMAT,
        checksum: String::new(),
        cell: Cell {
            id: format!("{domain}-{row}-s{seed}-0123456789ab"),
            scenario: "quick".into(),
            stream: CellStream {
                name: domain.into(),
                domains: vec![CellDomain {
                    name: domain.into(),
                    split_hash: format!("{domain}-split"),
                    templates: vec!["a {}".into()],
                    shots: None,
                }],
                spec: StreamSpec::of_domain(
                    Cut {
                        tasks: Tasks::Count(2),
                        class_order: ClassOrder::Listed,
                    },
                    Augmentation::None,
                ),
                limit: None,
                validation: None,
            },
            backbones: vec![CellBackbone {
                name: "pixels".into(),
                use_: "pixels".into(),
                plugin: plugin("pixels"),
                parameters: serde_json::json!({}),
                fingerprint: "weights".into(),
                dtype: "f32".into(),
            }],
            strategy: CellStrategy {
                sources: BTreeMap::new(),
                row: row.into(),
                label: None,
                use_: row.into(),
                plugin: plugin("heads"),
                regime: Regime::Sequential,
                parameters: serde_json::json!({"epochs": 5}),
                provenance: None,
                trials: None,
            },
            seed: Seed(seed),
            threads: 1,
            device: "cpu".into(),
        },
        stream: LearnedStream {
            domains: vec![LearnedDomain {
                content_digest: format!("{domain}-images"),
                trust: Trust::Inode,
                n_train: 400,
                n_test: 200,
            }],
            class_order_digest: format!("order{seed}"),
            classes: ["zero", "one", "two", "three"].map(String::from).to_vec(),
            class_domains: Vec::new(),
            task_sizes: vec![2, 2],
            task_domains: Vec::new(),
            task_classes: Vec::new(),
        },
        declaration: Declaration {
            scores_unseen: true,
            trainable_parameters: 650,
            ..Declaration::default()
        },
        versions: BTreeMap::new(),
        matrices: matrices(serde_json::json!({
            "n": [100, 100],
            "seen": [[null, null], [95, null], [a, b]],
            "all": [[20, 20], [95, 30], [a, b]],
            "task": [[50, 50], [99, 60], [99, 99]],
        })),
        classes: None,
        confusion: None,
        scalars: Vec::new(),
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
            checkpoints: None,
        },
    }
}

/// The same record with the id of its cell and the digest of its class order, as a file has it.
pub(crate) fn as_run(mut record: CellRecord) -> CellRecord {
    record.cell.id = record.cell.proper_id();
    record.stream.class_order_digest = record.proper_order_digest().as_str().to_owned();
    record
}

/// The same record with counts per class, each half of its task's, and a confusion matrix in which
/// every wrong prediction is the next class.
pub(crate) fn with_classes(mut record: CellRecord) -> CellRecord {
    let matrices = &record.matrices;
    let mut counts = ClassCounts::new(vec![50; 4], 2).unwrap();
    for candidates in Matrix::EACH {
        for after in matrices.rows() {
            let halves = matrices.tasks().flat_map(|task| {
                let correct = matrices.correct(candidates, after, task);
                [correct.map(|n| n.div_ceil(2)), correct.map(|n| n / 2)]
            });
            counts.set(candidates, after, halves.collect());
        }
    }
    let mut entries = Vec::new();
    for (class, correct) in (0..).zip(&counts.seen[2]) {
        let correct = correct.unwrap();
        entries.push((ClassId(class), ClassId(class), correct));
        entries.push((ClassId(class), ClassId((class + 1) % 4), 50 - correct));
    }
    entries.retain(|&(_, _, n)| n > 0);
    entries.sort_unstable();
    record.confusion = Some(Confusion { entries });
    record.classes = Some(counts);
    record
}

/// A plan of all domains, rows and seeds; ids are `<domain>-<row>-<seed>-<version>`.
pub(crate) fn plan(
    selection: PlanSelection,
    domains: &[&str],
    rows: &[&str],
    seeds: &[u64],
    version: &str,
) -> RunPlan {
    let mut cells = Vec::new();
    for domain in domains {
        for row in rows {
            for seed in seeds {
                cells.push(PlannedCell {
                    id: format!("{domain}-{row}-{seed}-{version}"),
                    stream: (*domain).into(),
                    row: (*row).into(),
                    label: None,
                    seed: Seed(*seed),
                });
            }
        }
    }
    RunPlan {
        selection,
        description: None,
        streams: domains.iter().map(|&domain| domain.into()).collect(),
        seeds: seeds.iter().map(|&seed| Seed(seed)).collect(),
        metrics: Vec::new(),
        rank_by: None,
        columns: None,
        cells,
    }
}

/// Like [`record`], for a strategy that cannot score unseen classes and keeps statistics.
pub(crate) fn blind(domain: &str, row: &str, seed: u64, last: [u64; 2]) -> CellRecord {
    let [a, b] = last;
    let mut record = record(domain, row, seed, last);
    record.declaration.scores_unseen = false;
    record.declaration.keeps = vec![Keeps::Statistics];
    record.matrices = matrices(serde_json::json!({
        "n": [100, 100],
        "seen": [[null, null], [95, null], [a, b]],
        "all": [[null, null], [null, null], [a, b]],
        "task": [[null, null], [99, null], [99, 99]],
    }));
    record
}

/// Like [`record`], for a joint run.
pub(crate) fn joint(domain: &str, row: &str, seed: u64, last: [u64; 2]) -> CellRecord {
    let [a, b] = last;
    let mut record = record(domain, row, seed, last);
    record.cell.strategy.regime = Regime::Joint;
    record.declaration.keeps = vec![Keeps::Images];
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
