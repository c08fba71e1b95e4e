//! Where the cells of a run are computed: an executor for each kind of place.
//!
//! An executor gets the cells that are missing, and returns once each of them has ended. It never
//! reports a result: a cell's process writes the record, and whoever waits believes the record.

mod local;
mod slurm;

pub use local::{Local, Places};
pub use slurm::{Slurm, SlurmOptions};

use super::alone::Obtained;
use super::show::Show;
use super::{Caches, Interrupt, Job, Planned, PlannedContents};
use crate::error::Error;
use crate::full_disk::FullDisk;
use crate::results::RunFolder;
use std::sync::{Mutex, MutexGuard, OnceLock};

/// A place where cells are computed.
pub trait Executor {
    /// Computes the features that these cells need, then runs the cells. Every cell that has ended
    /// is noted in `Work::ended`.
    ///
    /// # Errors
    ///
    /// What prevented cells from being run, but not the failure of a cell.
    fn run(&self, work: &Work<'_>) -> Result<Executed, Error>;

    /// What [`run`](Self::run) would do about these cells, as text. Nothing is run or written.
    ///
    /// # Errors
    ///
    /// If that cannot be found out.
    fn dry_run(&self, missing: &[&Planned], folder: &RunFolder) -> Result<String, Error>;
}

/// How an executor has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executed {
    /// No cell is queued or running any more.
    Ended,
    /// Cells go on elsewhere, as the user asked.
    Detached,
}

/// What an executor has to do, and what it needs for it.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The cells to run, at least one.
    pub(super) missing: &'a [&'a Planned],
    /// Where records go.
    pub(super) folder: &'a RunFolder,
    pub(super) caches: &'a Caches,
    pub(super) contents: &'a PlannedContents<'a>,
    pub(super) interrupt: &'a Interrupt,
    pub(super) show: &'a Show,
    /// The cells that have ended.
    pub(super) ended: &'a Ended<'a>,
}

/// The cells of a run that have ended, as they end.
pub(super) struct Ended<'a> {
    show: &'a Show,
    counts: Mutex<Counts>,
    /// The full disk that a cell has met.
    full_disk: OnceLock<FullDisk>,
}

#[derive(Clone, Copy)]
struct Counts {
    ended: usize,
    failed: usize,
}

impl<'a> Ended<'a> {
    /// Of the run's cells, `done` have results and `failed` failed before.
    pub(super) fn new(show: &'a Show, done: usize, failed: usize) -> Ended<'a> {
        let counts = Counts {
            ended: done + failed,
            failed,
        };
        Ended {
            show,
            counts: Mutex::new(counts),
            full_disk: OnceLock::new(),
        }
    }

    /// Notes and shows how a cell has ended.
    pub(super) fn note(&self, job: &Job, result: Result<Obtained, Error>) {
        let mut counts = self.lock();
        counts.ended += 1;
        let how = match result {
            Ok(Obtained::Run(time)) => format!("{:.1} s", time.as_secs_f64()),
            Ok(Obtained::MadeByAnotherRun) => "done by another run".into(),
            Err(error) => match FullDisk::behind(&error) {
                Some(full) => {
                    let reason = full.reason;
                    // The first of several says it all.
                    let _ = self.full_disk.set(full);
                    format!("not finished: {reason}")
                }
                None => {
                    counts.failed += 1;
                    format!("failed: {error}")
                }
            },
        };
        self.show.ended(counts.ended, &job.cell, &how);
    }

    /// Whether a cell has met a full disk.
    pub(super) fn met_full_disk(&self) -> bool {
        self.full_disk.get().is_some()
    }

    /// How the run of `total` cells has ended.
    pub(super) fn result(self, total: usize) -> Result<(), Error> {
        let Counts { ended, failed } = *self.lock();
        if let Some(full) = self.full_disk.into_inner() {
            return Err(Error::FullDisk(Box::new(full)));
        }
        match failed == 0 && ended == total {
            true => Ok(()),
            false => Err(Error::Cells {
                failed,
                total,
                not_run: total - ended,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts
            .lock()
            .expect("no thread panics while it counts")
    }
}
