//! What the process of a cell does, from the cell's line to its record.

use super::evaluate::PredictionWriter;
use super::opened::Opened;
use super::outputs::outputs_read;
use super::protocol::{Outcome, Protocol, declared};
use super::{Cell, Event, Events, Interrupt};
use crate::domain::{Domain, Split};
use crate::error::Error;
use crate::features::FeatureStore;
use crate::report::{
    BackbonePart, CellRecord, Costs, DomainPart, RECORD_FORMAT, StrategyPart, WallSeconds,
};
use crate::stream::Stream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Runs a cell and writes its record, and its predictions if it keeps them, to `folder`.
///
/// # Errors
///
/// What any of its parts reports.
pub fn run_cell(
    cell: &Cell,
    folder: &Path,
    store: &FeatureStore,
    events: &Arc<Events>,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let start = Instant::now();
    let mut opened = Opened::open(cell, events, interrupt)?;
    let plugin = &cell.strategy.plugin;
    events.stage(format!(
        "checking strategy `{}` of plugin {}",
        cell.strategy.row,
        plugin.file.display()
    ));
    let plugin = opened.plugins.load(&plugin.file, &plugin.hash)?;
    let classes = opened.domain.classes().len();
    let stream = Stream::new(&cell.domain.stream, classes, cell.seed)?;
    let declaration = declared(cell, &opened, &stream, &plugin)?;
    let names = cell.backbones.iter().map(|b| b.name.as_str());
    let infos = opened.backbones.iter().map(|(handle, _)| handle.info());
    let backbones: Vec<_> = names.zip(infos).collect();
    let outputs = outputs_read(&cell.strategy.row, &declaration.reads, &backbones)?;
    let embedded = opened.embed(cell, &outputs, store, events, interrupt)?;
    let features_seconds = start.elapsed().as_secs_f64();
    let protocol = Protocol::new(
        cell,
        &opened,
        &embedded,
        &stream,
        &plugin,
        declaration,
        interrupt,
    );
    let predictions = match cell.save_predictions {
        true => Some(PredictionWriter::create(
            &predictions_path(folder, cell),
            &protocol.classes,
        )?),
        false => None,
    };
    let outcome = protocol.run(events, predictions)?;
    let costs = Costs {
        wall_seconds: WallSeconds {
            features: features_seconds,
            learn: outcome.learn_seconds,
            evaluate: outcome.evaluate_seconds,
            total: start.elapsed().as_secs_f64(),
        },
        peak_memory_bytes: peak_memory_bytes(),
        optimiser_steps: outcome.optimiser_steps,
        state_bytes: outcome.state_bytes,
    };
    // Written and said now, while the plugins' objects are alive: whatever their ends may bring, the cell is done.
    record(cell, &opened.domain, &stream, &protocol, outcome, costs)
        .write_atomic(&record_path(folder, cell))?;
    events.send(&Event::Done);
    Ok(())
}

/// All that a cell leaves behind.
fn record(
    cell: &Cell,
    domain: &Domain,
    stream: &Stream,
    protocol: &Protocol<'_>,
    outcome: Outcome,
    costs: Costs,
) -> CellRecord {
    CellRecord {
        format: RECORD_FORMAT,
        id: cell.id.clone(),
        scenario: cell.scenario.clone(),
        domain: DomainPart {
            name: cell.domain.name.clone(),
            split_hash: cell.domain.split_hash.clone(),
            class_order_digest: stream
                .order_digest(domain.classes(), &cell.domain.templates)
                .as_str()
                .to_owned(),
            n_train: domain.samples(Split::Train).len() as u64,
            n_test: domain.samples(Split::Test).len() as u64,
            classes: protocol.classes.iter().map(|c| c.name.clone()).collect(),
            task_sizes: protocol.task_sizes.clone(),
            augmentation: cell.domain.stream.augmentation,
            limit: cell.domain.limit.map(|limit| limit.get() as u64),
            validation: cell.domain.validation,
        },
        backbones: cell
            .backbones
            .iter()
            .map(|backbone| BackbonePart {
                name: backbone.name.clone(),
                plugin: backbone.plugin.name.clone(),
                plugin_version: backbone.plugin.version.clone(),
                plugin_hash: backbone.plugin.hash.clone(),
                fingerprint: backbone.fingerprint.clone(),
            })
            .collect(),
        strategy: StrategyPart {
            row: cell.strategy.row.clone(),
            name: cell.strategy.use_.clone(),
            plugin: cell.strategy.plugin.name.clone(),
            plugin_version: cell.strategy.plugin.version.clone(),
            plugin_hash: cell.strategy.plugin.hash.clone(),
            regime: cell.strategy.regime,
            parameters: cell.strategy.parameters.clone(),
            provenance: cell.strategy.provenance,
            trials: cell.strategy.trials,
            keeps: protocol.declaration.keeps.clone(),
            scores_unseen: protocol.declaration.scores_unseen,
            batch_dependent: protocol.declaration.batch_dependent,
            trainable_parameters: protocol.declaration.trainable_parameters,
            adaptation: protocol.declaration.adaptation.clone(),
        },
        seed: cell.seed,
        threads: cell.threads,
        device: cell.device.clone(),
        dtype: cell.dtype().to_owned(),
        matrices: outcome.matrices,
        costs,
    }
}

/// Where a cell's record is.
pub(super) fn record_path(folder: &Path, cell: &Cell) -> PathBuf {
    folder.join(format!("{}.json", cell.id))
}

/// Where a cell's predictions are.
pub(super) fn predictions_path(folder: &Path, cell: &Cell) -> PathBuf {
    folder.join(format!("{}.predictions.csv", cell.id))
}

/// The most memory that this process held at a time, where Linux tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
