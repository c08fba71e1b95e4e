//! What the process of a cell does, from its job to its record.

use super::checkpoints::Checkpoints;
use super::opened::Opened;
use super::outputs::outputs_read;
use super::pool::Pool;
use super::protocol::{Progress, Protocol, declared};
use super::{Caches, Event, Events, Interrupt, Job};
use crate::domain::Split;
use crate::error::Error;
use crate::results::{
    AccuracyMatrices, CellRecord, ClassCounts, Costs, LearnedDomain, LearnedStream, Predictions,
    RECORD_FORMAT, RunFolder, WallSeconds, by_module,
};
use crate::stream::Stream;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Runs a cell and writes its record, and its predictions if they are saved, to the run folder.
///
/// # Errors
///
/// If the domain, a plugin or the features cannot be opened, the strategy fails, or a file cannot
/// be written.
pub fn run_cell(
    job: &Job,
    folder: &RunFolder,
    caches: &Caches,
    events: &Arc<Events>,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let start = Instant::now();
    let cell = &job.cell;
    let snapshot = folder.keep_sources(cell, &job.paths.script.sources)?;
    let mut opened = Opened::open(job, snapshot.as_deref(), events, interrupt)?;
    let plugin = job.strategy_plugin();
    events.stage(format!(
        "checking strategy `{}` of plugin {}",
        cell.strategy.row,
        plugin.file.display()
    ));
    let plugin = opened.plugins.load(&plugin)?;
    let stream = Stream::new(&cell.stream.spec, &opened.pool.classes(), cell.seed);
    let stream = stream.map_err(|(_, error)| error)?;
    let mut declaration = declared(cell, &opened, &stream, &plugin)?;
    let found = by_module(&std::mem::take(&mut declaration.sources));
    if found != cell.strategy.sources {
        return Err(Error::SourcesChanged {
            strategy: cell.strategy.row.clone(),
        });
    }
    let versions = std::mem::take(&mut declaration.versions);
    let names = cell.backbones.iter().map(|b| b.name.as_str());
    let infos = opened.backbones.iter().map(|(handle, _)| handle.info());
    let backbones: Vec<_> = names.zip(infos).collect();
    let outputs = outputs_read(&cell.strategy.row, &declaration.reads, &backbones)?;
    let embedded = opened.embed(job, &outputs, caches, events, interrupt)?;
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
    let mut progress = Progress {
        record: CellRecord {
            versions,
            ..fresh(job, &opened.pool, &stream, &protocol, features_seconds)
        },
        predictions: (job.save_predictions)
            .then(|| Predictions::new(folder, &cell.id, stream.n_classes())),
        checkpoints: Checkpoints::new(job, folder, events, start),
        confusion: job.confusion,
    };
    // If the strategy crashes the process now, this tells which plugin it is.
    events.stage(format!(
        "creating strategy `{}` of plugin {}",
        cell.strategy.row,
        job.paths.strategy.plugin.display()
    ));
    let strategy = protocol.run(events, &mut progress)?;
    let Progress {
        mut record,
        predictions,
        checkpoints,
        ..
    } = progress;
    if let Some(predictions) = &predictions {
        predictions.join()?;
    }
    checkpoints.settle(&mut record);
    // Written and reported before the plugins' objects are dropped: even if that crashes, the cell
    // is done.
    record.write_atomic(&folder.record(&cell.id))?;
    // In this order, so that a checkpoint never lacks its predictions.
    folder.remove_checkpoint(&cell.id);
    if let Some(predictions) = &predictions {
        predictions.remove_rows();
    }
    events.send(&Event::Done);
    drop(strategy);
    Ok(())
}

/// The record of a cell before its first task.
fn fresh(
    job: &Job,
    pool: &Pool,
    stream: &Stream,
    protocol: &Protocol<'_>,
    features_seconds: f64,
) -> CellRecord {
    let cell = &job.cell;
    let domains = pool.domains().iter().map(|pooled| {
        let domain = &pooled.domain;
        let content = domain.content();
        let content = content.expect("known since the features were opened");
        LearnedDomain {
            content_digest: content.digest().as_str().to_owned(),
            trust: job.paths.trust[pooled.number],
            n_train: domain.samples(Split::Train).len() as u64,
            n_test: domain.samples(Split::Test).len() as u64,
        }
    });
    let (of_tasks, of_classes) = protocol.test_counts();
    CellRecord {
        format: RECORD_FORMAT,
        checksum: String::new(),
        cell: cell.clone(),
        stream: LearnedStream::of(stream, domains.collect(), &cell.stream.templates()),
        declaration: protocol.declaration.clone(),
        versions: BTreeMap::new(),
        classes: ClassCounts::new(of_classes, of_tasks.len()),
        confusion: None,
        matrices: AccuracyMatrices::new(of_tasks),
        scalars: Vec::new(),
        costs: Costs {
            wall_seconds: WallSeconds {
                features: features_seconds,
                learn: 0.0,
                evaluate: 0.0,
                total: 0.0,
            },
            peak_memory_bytes: None,
            optimiser_steps: 0,
            state_bytes: 0,
            checkpoints: None,
        },
    }
}

/// The peak memory of this process, if Linux reports it.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
