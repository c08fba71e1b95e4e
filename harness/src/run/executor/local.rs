//! This machine: computes features, then runs the cells, each in its own process, several at a
//! time.
//!
//! Other runs may be working in the same folder. A cell that another run has claimed is left to it,
//! and looked at again later: by then it has a record, or its claim is free.

mod extract;
mod places;
mod set_line;

pub use places::Places;

use super::{Ended, Executed, Executor, Work};
use crate::claim::{Attempt, Claim, Claims, Owner, PATIENCE};
use crate::error::Error;
use crate::results::RunFolder;
use crate::run::alone::{Obtained, obtain};
use crate::run::cell_state::keep_failure;
use crate::run::{Gpu, Job, Planned};
use extract::Extraction;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// This machine.
#[derive(Debug, Clone)]
pub struct Local {
    /// Where processes run, one in each place: those of cells, and those that compute features.
    pub places: Places,
    /// Whether to start no cell after one has failed.
    pub fail_fast: bool,
}

impl Executor for Local {
    fn run(&self, work: &Work<'_>) -> Result<Executed, Error> {
        let extraction = Extraction {
            places: &self.places,
            caches: work.caches,
            show: work.show,
            interrupt: work.interrupt,
        };
        extraction.run(work.missing, &work.folder.features_log())?;
        let missing = work.missing.iter();
        let cells = Cells {
            queue: Mutex::new(missing.map(|cell| (&cell.job, Instant::now())).collect()),
            fail_fast: self.fail_fast,
            failed_fast: AtomicBool::new(false),
            told: AtomicBool::new(false),
            claims: work.folder.cell_claims(),
            ended: work.ended,
            work,
        };
        cells.run(&self.places);
        Ok(Executed::Ended)
    }

    fn dry_run(&self, missing: &[&Planned], _: &RunFolder) -> Result<String, Error> {
        let cells = missing.iter().map(|planned| &planned.job.cell);
        let width = cells.clone().map(|cell| cell.id.len()).max().unwrap_or(0);
        let lines = cells.map(|cell| format!("{:<width$}  {}\n", cell.id, cell.title()));
        Ok(lines.collect())
    }
}

/// Cells that are run, several at a time.
struct Cells<'a> {
    /// Those that have not ended, each with the time before which nothing can be done about it.
    queue: Mutex<VecDeque<(&'a Job, Instant)>>,
    /// Whether one that fails is the last, and whether one has failed.
    fail_fast: bool,
    failed_fast: AtomicBool,
    /// Whether the user knows that other runs have claimed some of them.
    told: AtomicBool,
    claims: Claims,
    ended: &'a Ended<'a>,
    work: &'a Work<'a>,
}

impl<'a> Cells<'a> {
    /// Runs them, one at a time in each place.
    fn run(&self, places: &Places) {
        let places = &places.all()[..places.number().min(self.work.missing.len())];
        thread::scope(|scope| {
            for (number, place) in places.iter().enumerate() {
                let gpu = place.as_ref();
                // The system may refuse to start so many; the others then do the work.
                let started = thread::Builder::new().spawn_scoped(scope, move || self.work(gpu));
                if started.is_err() {
                    if number == 0 {
                        self.work(gpu);
                    }
                    break;
                }
            }
        });
    }

    fn work(&self, gpu: Option<&Gpu>) {
        let Work {
            folder,
            contents,
            interrupt,
            ..
        } = *self.work;
        while let Some(job) = self.next() {
            let claim = match self.claims.attempt(&job.cell.id) {
                Ok(Attempt::Ours(claim)) => Some(claim),
                Ok(Attempt::Theirs(owner)) => {
                    self.postpone(job, &owner);
                    continue;
                }
                // Claims only save work.
                Err(_) => None,
            };
            let result = self.obtain(job, claim, gpu);
            if let Err(error) = &result {
                if interrupt.requested() {
                    return;
                }
                keep_failure(job, folder, contents, error);
                self.failed_fast.fetch_or(self.fail_fast, Ordering::SeqCst);
            }
            self.ended.note(job, result);
        }
    }

    fn obtain(
        &self,
        job: &Job,
        claim: Option<Claim>,
        gpu: Option<&Gpu>,
    ) -> Result<Obtained, Error> {
        let Work {
            folder,
            contents,
            show,
            interrupt,
            ..
        } = *self.work;
        obtain(job, claim, gpu, folder, contents, show, interrupt)
    }

    /// The next cell, as soon as something can be done about it.
    fn next(&self) -> Option<&'a Job> {
        let stopped = || {
            self.work.interrupt.requested()
                || self.ended.met_full_disk()
                || self.failed_fast.load(Ordering::SeqCst)
        };
        while !stopped() {
            let mut queue = locked(&self.queue);
            let &(job, due) = queue.front()?;
            if due <= Instant::now() {
                queue.pop_front();
                return Some(job);
            }
            drop(queue);
            thread::sleep(Duration::from_millis(100));
        }
        None
    }

    /// Puts a cell that another run has claimed at the end of the queue.
    fn postpone(&self, job: &'a Job, owner: &Owner) {
        let mut queue = locked(&self.queue);
        let now = Instant::now();
        // Thousands of cells are looked at less often.
        let pause = PATIENCE.max(Duration::from_millis(10) * queue.len() as u32);
        queue.push_back((job, now + pause));
        // While there are others to run, nobody needs to know.
        let waiting = queue.iter().filter(|(_, due)| *due > now).count();
        if waiting == queue.len() && !self.told.swap(true, Ordering::SeqCst) {
            let plural = if waiting == 1 { "" } else { "s" };
            self.work.show.say(&format!(
                "waiting for {waiting} cell{plural} that other runs are computing ({owner})"
            ));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it counts")
}
