//! What made the numbers: digests and versions of streams, strategies and backbones.

use crate::report::leaderboard::Leaderboard;
use crate::results::CellRecord;
use serde::Serialize;
use std::collections::BTreeSet;

/// What made the numbers of a page.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    streams: Vec<Stream>,
    strategies: Vec<Strategy>,
    backbones: Vec<Backbone>,
    /// Versions of other software, devices and threads.
    software: Vec<String>,
    metrics: Vec<Metric>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Stream {
    name: String,
    domain: String,
    tasks: usize,
    classes: usize,
    train: u64,
    test: u64,
    split: String,
    images: String,
    note: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Strategy {
    name: String,
    method: String,
    plugin: String,
    hash: String,
    parameters: String,
    trainable: String,
    provenance: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Backbone {
    name: String,
    method: String,
    plugin: String,
    hash: String,
    weights: String,
    dtype: String,
}

#[derive(Debug, Serialize)]
struct Metric {
    name: String,
    unit: String,
    summary: String,
}

impl Made {
    pub(super) fn of(records: &[CellRecord], board: &Leaderboard) -> Made {
        let mut made = Made {
            streams: Vec::new(),
            strategies: Vec::new(),
            backbones: Vec::new(),
            software: Vec::new(),
            metrics: (board.columns.iter())
                .map(|&column| &board.metrics[column])
                .map(|metric| Metric {
                    name: metric.name.clone(),
                    unit: metric.unit.clone(),
                    summary: metric.summary.clone(),
                })
                .collect(),
        };
        let mut software: BTreeSet<String> = BTreeSet::new();
        for record in records {
            made.streams(record);
            let cell = &record.cell;
            let strategy = &cell.strategy;
            add(
                &mut made.strategies,
                Strategy {
                    name: match &strategy.label {
                        Some(label) => format!("{label}: {}", strategy.row),
                        None => strategy.row.clone(),
                    },
                    method: strategy.use_.clone(),
                    plugin: format!("{} {}", strategy.plugin.name, strategy.plugin.version),
                    hash: short(&strategy.code_hash()),
                    parameters: parameters(&strategy.parameters),
                    trainable: record.declaration.trainable_parameters.to_string(),
                    provenance: match (strategy.provenance, strategy.trials) {
                        (Some(provenance), Some(trials)) => {
                            format!("{provenance}, {trials} trials")
                        }
                        (Some(provenance), None) => provenance.to_string(),
                        (None, _) => String::new(),
                    },
                },
            );
            for backbone in &cell.backbones {
                add(
                    &mut made.backbones,
                    Backbone {
                        name: backbone.name.clone(),
                        method: backbone.use_.clone(),
                        plugin: format!("{} {}", backbone.plugin.name, backbone.plugin.version),
                        hash: short(&backbone.plugin.hash),
                        weights: short(&backbone.fingerprint),
                        dtype: backbone.dtype.clone(),
                    },
                );
            }
            software.insert(format!("device {}", cell.device));
            let plural = if cell.threads == 1 { "" } else { "s" };
            software.insert(format!("{} thread{plural} per operation", cell.threads));
            let versions = record.versions.iter();
            software.extend(versions.map(|(name, version)| format!("{name} {version}")));
        }
        made.software = software.into_iter().collect();
        made
    }

    fn streams(&mut self, record: &CellRecord) {
        let (planned, found) = (&record.cell.stream, &record.stream);
        let mut notes = Vec::new();
        if let Some(limit) = planned.limit {
            notes.push(format!("at most {limit} samples per class (--limit)"));
        }
        if let Some(part) = planned.validation {
            notes.push(format!(
                "tested on {part} of the training data (--validation)"
            ));
        }
        for (domain, learned) in planned.domains.iter().zip(&found.domains) {
            add(
                &mut self.streams,
                Stream {
                    name: planned.name.clone(),
                    domain: domain.name.clone(),
                    tasks: found.task_sizes.len(),
                    classes: found.classes.len(),
                    train: learned.n_train,
                    test: learned.n_test,
                    split: short(&domain.split_hash),
                    images: short(&learned.content_digest),
                    note: notes.join("; "),
                },
            );
        }
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// The first digits of a hash; the CSV files have all of them.
fn short(hash: &str) -> String {
    hash.get(..12).unwrap_or(hash).to_owned()
}

/// Parameters in a line.
fn parameters(value: &serde_json::Value) -> String {
    let Some(map) = value.as_object() else {
        return value.to_string();
    };
    let pairs = map.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}: {text}"),
        None => format!("{name}: {value}"),
    });
    pairs.collect::<Vec<_>>().join(", ")
}
