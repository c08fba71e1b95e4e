//! When a cell's checkpoints are written, and how a cell is resumed from one.
//!
//! A cell that is killed loses what it has learned since its last checkpoint. Checkpoints are not
//! part of a result: the protocol restores the strategy from the bytes of its state after every
//! task, so it makes no difference whether they were in memory or in a file.
//!
//! In the joint regime there is one task, and so nothing to resume: no checkpoints are written.

use super::{Event, Events, Job};
use crate::results::{
    CellRecord, Checkpoint, CheckpointCosts, CheckpointParts, CodeDifference, Costs, Predictions,
    RunFolder, SavedRow,
};
use crate::scenario::Regime;
use crate::terminal;
use harness_abi::tensor::AlignedBytes;
use std::time::{Duration, Instant};

/// A checkpoint is written at the earliest after this many times the time that the last one took,
/// so that checkpoints cost less than 1 % of a long cell.
const SELDOM: u32 = 100;

/// The checkpoints of one cell, and what an earlier process of it has used.
pub(super) struct Checkpoints<'a> {
    cell: &'a str,
    folder: &'a RunFolder,
    events: &'a Events,
    /// The time that has to pass between two; `None` if there are none.
    interval: Option<Duration>,
    /// The start of this process.
    start: Instant,
    /// When the last one was written.
    last: Instant,
    /// How long that took.
    took: Duration,
    costs: CheckpointCosts,
    /// The time of earlier processes in all, in seconds, and their peak memory.
    earlier: (f64, Option<u64>),
}

impl<'a> Checkpoints<'a> {
    /// Those of a job, whose process started at `start`.
    pub(super) fn new(
        job: &'a Job,
        folder: &'a RunFolder,
        events: &'a Events,
        start: Instant,
    ) -> Checkpoints<'a> {
        let interval = match job.cell.strategy.regime {
            Regime::Sequential => job.checkpoint.interval(),
            Regime::Joint => None,
        };
        Checkpoints {
            cell: &job.cell.id,
            folder,
            events,
            interval,
            start,
            last: Instant::now(),
            took: Duration::ZERO,
            costs: CheckpointCosts {
                written: 0,
                resumed: 0,
                seconds: 0.0,
                bytes: 0,
            },
            earlier: (0.0, None),
        }
    }

    /// Looks for a checkpoint of the cell whose record, before its first task, is `record`. If
    /// there is one, the record and the predictions go on from it, and the number of learned tasks
    /// and the state after them are returned. A checkpoint of anything else is set aside.
    pub(super) fn resume(
        &mut self,
        record: &mut CellRecord,
        predictions: Option<&mut Predictions>,
    ) -> Option<(u32, AlignedBytes)> {
        self.interval?;
        let clock = Instant::now();
        let found = Checkpoint::read(&self.folder.checkpoint(self.cell));
        let usable = found.and_then(|found| match found {
            None => Ok(None),
            Some(checkpoint) => usable(checkpoint, record, self.folder, predictions).map(Some),
        });
        match usable {
            Ok(None) => None,
            Ok(Some(Checkpoint {
                record: so_far,
                learned,
                state,
                ..
            })) => {
                let features = record.costs.wall_seconds.features;
                *record = so_far;
                let Costs {
                    wall_seconds,
                    peak_memory_bytes,
                    checkpoints,
                    ..
                } = &mut record.costs;
                self.earlier = (wall_seconds.total, *peak_memory_bytes);
                wall_seconds.features += features;
                self.costs = checkpoints.unwrap_or(self.costs);
                self.costs.resumed += 1;
                self.costs.seconds += clock.elapsed().as_secs_f64();
                let of = record.stream.task_sizes.len();
                self.note(format!("resumed after task {learned} of {of}"));
                Some((learned, state))
            }
            Err(why) => {
                self.note(format!(
                    "its checkpoint {why}; starting again from the first task"
                ));
                self.folder.set_checkpoint_aside(self.cell);
                None
            }
        }
    }

    /// Writes a checkpoint if it is time: `learned` tasks have been learned, and the state after
    /// them is `state`. One that cannot be written is missed when the cell is killed, not before,
    /// so the cell goes on.
    pub(super) fn learned(
        &mut self,
        learned: u32,
        state: &AlignedBytes,
        record: &mut CellRecord,
        predictions: Option<&Predictions>,
    ) {
        let due = |interval: Duration| match interval.is_zero() {
            true => true,
            false => self.last.elapsed() >= interval.max(self.took * SELDOM),
        };
        if !self.interval.is_some_and(due) {
            return;
        }
        self.settle(record);
        let clock = Instant::now();
        let parts = CheckpointParts {
            record,
            learned,
            rows: predictions.map_or(&[][..], Predictions::rows),
            state,
        };
        match parts.write(&self.folder.checkpoint(self.cell)) {
            Ok(bytes) => {
                self.costs.written += 1;
                self.costs.bytes = self.costs.bytes.max(bytes);
            }
            Err(error) => self.note(format!(
                "its checkpoint after task {learned} cannot be written ({error}); going on without"
            )),
        }
        self.took = clock.elapsed();
        self.last = Instant::now();
        self.costs.seconds += self.took.as_secs_f64();
    }

    /// Sets the costs of the cell until now, which those of earlier processes are part of.
    pub(super) fn settle(&self, record: &mut CellRecord) {
        let (seconds, peak) = self.earlier;
        let Costs {
            wall_seconds,
            peak_memory_bytes,
            checkpoints,
            ..
        } = &mut record.costs;
        wall_seconds.total = seconds + self.start.elapsed().as_secs_f64();
        *peak_memory_bytes = super::process::peak_memory_bytes().max(peak);
        let any = self.costs.written > 0 || self.costs.resumed > 0;
        *checkpoints = any.then_some(self.costs);
    }

    /// Tells the user, and the log.
    fn note(&self, what: String) {
        terminal::say(&what);
        self.events.send(&Event::Note(what));
    }
}

/// The checkpoint if it belongs to the cell whose fresh record is `record`; otherwise why not, to
/// follow "its checkpoint".
fn usable(
    checkpoint: Checkpoint,
    record: &CellRecord,
    folder: &RunFolder,
    predictions: Option<&mut Predictions>,
) -> Result<Checkpoint, String> {
    let CellRecord {
        cell,
        stream,
        declaration,
        matrices,
        classes,
        ..
    } = &checkpoint.record;
    if cell.id != record.cell.id {
        return Err("belongs to another cell".into());
    }
    match cell.code().difference(&record.cell.code()) {
        Some(CodeDifference::Plugin) => return Err("was made by a different plugin file".into()),
        Some(CodeDifference::Sources) => {
            return Err("was made by another version of its code".into());
        }
        None => {}
    }
    if stream.domains != record.stream.domains {
        return Err("was made from other images".into());
    }
    let tasks = record.stream.task_sizes.len();
    let same_counts = matrices.tasks().len() == tasks
        && (matrices.tasks()).all(|task| matrices.n(task) == record.matrices.n(task))
        && classes.as_ref().map(|counts| &counts.n)
            == record.classes.as_ref().map(|counts| &counts.n);
    let possible = (1..=tasks as u32).contains(&checkpoint.learned);
    if *cell != record.cell
        || *stream != record.stream
        || *declaration != record.declaration
        || !same_counts
        || !possible
    {
        return Err("does not fit its cell".into());
    }
    match predictions {
        // They were saved, but are not any more.
        None => folder.remove_prediction_rows(&record.cell.id, &checkpoint.rows),
        Some(predictions) => {
            let expected = rows_before(&checkpoint, record);
            let found = checkpoint.rows.iter().map(|row| row.after.0);
            if !found.eq(expected) {
                return Err("is of a cell that did not save its predictions".into());
            }
            let rows: Vec<SavedRow> = checkpoint.rows.clone();
            predictions
                .resume(rows)
                .map_err(|why| format!("cannot be used, because its predictions {why}"))?;
        }
    }
    Ok(checkpoint)
}

/// The rows that have been evaluated before a checkpoint is written.
fn rows_before(checkpoint: &Checkpoint, record: &CellRecord) -> std::ops::Range<u32> {
    let first = if record.declaration.scores_unseen {
        0
    } else {
        1
    };
    first..checkpoint.learned
}
