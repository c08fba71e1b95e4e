//! Executes a plan: runs the missing cells, each in its own process, several at a time.
//!
//! Other runs may be working in the same folder. A cell that another run has claimed is left to it,
//! and looked at again later: by then it has a record, or its claim is free.

use super::extract::Extraction;
use super::show::Show;
use super::{Caches, Interrupt, Job, Log, LogEnd, Plan, PlannedContents, run_supervised};
use crate::claim::{Attempt, Claim, Claims, Owner, PATIENCE};
use crate::domain::ContentDigest;
use crate::error::{Ending, Error};
use crate::exit_code::ExitCode;
use crate::full_disk::FullDisk;
use crate::results::{CellRecord, CodeDifference, Failure, ResultsError, RunFolder};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How to execute a plan.
#[derive(Debug, Clone, Copy)]
pub struct ExecuteOptions {
    /// How many processes may run at once: those of cells, or those that compute features.
    pub at_a_time: NonZeroUsize,
    /// Whether to run cells again that failed in an earlier run.
    pub retry_failed: bool,
    /// Whether to start no cell after one has failed.
    pub fail_fast: bool,
}

/// Runs the cells of a plan that are missing from the run folder. A cell that failed in an earlier
/// run counts as failed, unless failed ones are retried.
///
/// # Errors
///
/// [`Error::Cells`] if some cells failed (each has been shown), [`Error::FullDisk`] if a disk is
/// full, so that no further cells were started, [`Error::Interrupted`] after Ctrl-C, or the error
/// that prevented the run from starting.
pub fn execute(
    plan: &Plan,
    folder: &RunFolder,
    options: ExecuteOptions,
    caches: &Caches,
    contents: &PlannedContents<'_>,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    folder.create()?;
    for planned in &plan.cells {
        let job = &planned.job;
        folder.keep_sources(&job.cell, &job.paths.script.sources)?;
    }
    let (mut missing, mut notes, mut failed_before) = (Vec::new(), Vec::new(), 0);
    for planned in &plan.cells {
        if !options.retry_failed
            && let Some(failure) = failure(folder, &planned.job, contents)?
        {
            failed_before += 1;
            let id = &planned.job.cell.id;
            let log = LogEnd {
                path: Some(folder.log(id)).filter(|log| log.exists()),
                lines: Vec::new(),
            };
            notes.push(format!(
                "{}  failed in an earlier run: {}{log}",
                planned.job.cell.title(),
                failure.message
            ));
            continue;
        }
        match found(folder, &planned.job, contents)? {
            Found::Done => {}
            Found::Missing => missing.push(planned),
            Found::Stale(why) => {
                set_aside(folder, &planned.job, contents);
                let title = planned.job.cell.title();
                notes.push(format!("{title}: {why}; running it again"));
                missing.push(planned);
            }
            Found::Lacking(what) => {
                let title = planned.job.cell.title();
                notes.push(format!("{title}: {what}; running it again"));
                missing.push(planned);
            }
        }
    }
    let show = Show::new(plan.cells.len());
    let speaking = interrupt.speak_through(show.speaker());
    notes.iter().for_each(|note| show.say(note));
    let done = plan.cells.len() - missing.len() - failed_before;
    show.already(done);
    let extraction = Extraction {
        at_a_time: options.at_a_time.get(),
        caches,
        show: &show,
        interrupt,
    };
    extraction.run(&missing, &folder.features_log())?;
    let missing: Vec<&Job> = missing.iter().map(|planned| &planned.job).collect();
    let cells = Cells {
        queue: Mutex::new(missing.iter().map(|&job| (job, Instant::now())).collect()),
        ended: Mutex::new((done + failed_before, failed_before)),
        fail_fast: options.fail_fast,
        failed_fast: AtomicBool::new(false),
        full_disk: OnceLock::new(),
        told: AtomicBool::new(false),
        claims: folder.cell_claims(),
        folder,
        contents,
        show: &show,
        interrupt,
    };
    let (ended, failed) = cells.run(options.at_a_time.get().min(missing.len()));
    drop(speaking);
    let full_disk = cells.full_disk.into_inner();
    drop(show);
    interrupt.check()?;
    if let Some(full) = full_disk {
        return Err(Error::FullDisk(Box::new(full)));
    }
    if failed > 0 {
        let total = plan.cells.len();
        return Err(Error::Cells {
            failed,
            total,
            not_run: total - ended,
        });
    }
    Ok(())
}

/// Whether the run folder has the cell's record, intact and current.
///
/// # Errors
///
/// If the images cannot be compared with those of the record.
pub fn has_result(
    folder: &RunFolder,
    job: &Job,
    contents: &PlannedContents<'_>,
) -> Result<bool, Error> {
    Ok(matches!(found(folder, job, contents)?, Found::Done))
}

/// The failure of a cell in an earlier run, if running it again would only repeat it.
fn failure(
    folder: &RunFolder,
    job: &Job,
    contents: &PlannedContents<'_>,
) -> Result<Option<Failure>, Error> {
    // Another run may have made a record since.
    let Some(failure) = folder.failure(&job.cell.id) else {
        return Ok(None);
    };
    let counts = failure.counts(&job.cell, &contents.joined(job)?, job.limits)
        && !folder.record(&job.cell.id).exists();
    Ok(counts.then_some(failure))
}

/// The state of a cell in the run folder.
enum Found {
    Done,
    Missing,
    /// Its record is current, but something else is wanted too.
    Lacking(&'static str),
    Stale(&'static str),
}

/// Whether a cell's record exists, is intact, and was made from the same images by the same plugin
/// files.
fn found(folder: &RunFolder, job: &Job, contents: &PlannedContents<'_>) -> Result<Found, Error> {
    match recorded(folder, job) {
        Recorded::Whole(record) => {
            let now = contents.of(job)?;
            let then = record.stream.domains.iter();
            let then = then.map(|domain| &*domain.content_digest);
            match then.eq(now.iter().map(ContentDigest::as_str)) {
                true => Ok(Found::Done),
                false => Ok(Found::Stale("its record was made from other images")),
            }
        }
        Recorded::Not => Ok(Found::Missing),
        Recorded::Lacking(what) => Ok(Found::Lacking(what)),
        Recorded::Stale(why) => Ok(Found::Stale(why)),
    }
}

/// A cell's record, whatever images it was made from.
enum Recorded {
    Whole(Box<CellRecord>),
    Lacking(&'static str),
    Not,
    Stale(&'static str),
}

fn recorded(folder: &RunFolder, job: &Job) -> Recorded {
    let cell = &job.cell;
    let record = match folder.read_record(&cell.id) {
        Ok(Some(record)) => record,
        Ok(None) => return Recorded::Not,
        Err(ResultsError::Format { .. }) => {
            return Recorded::Stale("its record has a different format");
        }
        Err(_) => return Recorded::Stale("its record is damaged or was changed"),
    };
    match cell.code().difference(&record.cell.code()) {
        Some(CodeDifference::Plugin) => {
            return Recorded::Stale("its record was made by a different plugin file");
        }
        Some(CodeDifference::Sources) => {
            return Recorded::Stale("its record was made by another version of its code");
        }
        None => {}
    }
    if job.save_predictions && !folder.predictions(&cell.id).exists() {
        return Recorded::Lacking("its predictions were not saved");
    }
    if job.confusion && record.confusion.is_none() {
        return Recorded::Lacking("its record has no confusion matrix");
    }
    Recorded::Whole(Box::new(record))
}

/// Puts a stale record out of the way, so that tables do not show it even if the cell cannot be run
/// now. If another run is making a new one at this moment, that will replace it.
fn set_aside(folder: &RunFolder, job: &Job, contents: &PlannedContents<'_>) {
    let id = &job.cell.id;
    if let Ok(Attempt::Ours(_claim)) = folder.cell_claims().attempt(id)
        && let Ok(Found::Stale(_)) = found(folder, job, contents)
    {
        folder.set_aside(id);
    }
}

/// Cells that are run, several at a time.
struct Cells<'a> {
    /// Those that have not ended, each with the time before which nothing can be done about it.
    queue: Mutex<VecDeque<(&'a Job, Instant)>>,
    /// How many have ended, and how many of them have failed.
    ended: Mutex<(usize, usize)>,
    /// Whether one that fails is the last, and whether one has failed.
    fail_fast: bool,
    failed_fast: AtomicBool,
    /// The full disk that a cell has met.
    full_disk: OnceLock<FullDisk>,
    /// Whether the user knows that other runs have claimed some of them.
    told: AtomicBool,
    claims: Claims,
    folder: &'a RunFolder,
    contents: &'a PlannedContents<'a>,
    show: &'a Show,
    interrupt: &'a Interrupt,
}

/// How this run obtained a cell's record.
enum Obtained {
    Run(Duration),
    MadeByAnotherRun,
}

impl<'a> Cells<'a> {
    /// Runs them on this many threads. Returns how many have ended, and how many of these failed.
    fn run(&self, threads: usize) -> (usize, usize) {
        thread::scope(|scope| {
            for number in 0..threads {
                // The system may refuse to start so many; the others then do the work.
                let started = thread::Builder::new().spawn_scoped(scope, || self.work());
                if started.is_err() {
                    if number == 0 {
                        self.work();
                    }
                    break;
                }
            }
        });
        *locked(&self.ended)
    }

    fn work(&self) {
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
            let result = self.obtain(job, claim);
            if self.interrupt.requested() && result.is_err() {
                return;
            }
            self.ended(job, result);
        }
    }

    /// The next cell, as soon as something can be done about it.
    fn next(&self) -> Option<&'a Job> {
        let stopped = || {
            self.interrupt.requested()
                || self.full_disk.get().is_some()
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

    /// Makes the cell's record, unless another run has made it before it gave up its claim.
    fn obtain(&self, job: &Job, claim: Option<Claim>) -> Result<Obtained, Error> {
        if has_result(self.folder, job, self.contents)? {
            return Ok(Obtained::MadeByAnotherRun);
        }
        if claim.is_some() {
            self.folder.remove_parts_of(&job.cell.id);
        }
        self.folder.forget_failure(&job.cell.id)?;
        let clock = Instant::now();
        run_one(job, self.folder, self.show, self.interrupt)?;
        Ok(Obtained::Run(clock.elapsed()))
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
            self.show.say(&format!(
                "waiting for {waiting} cell{plural} that other runs are computing ({owner})"
            ));
        }
    }

    fn ended(&self, job: &Job, result: Result<Obtained, Error>) {
        if let Err(error) = &result {
            keep_failure(job, self.folder, self.contents, error);
            self.failed_fast.fetch_or(self.fail_fast, Ordering::SeqCst);
        }
        let mut ended = locked(&self.ended);
        ended.0 += 1;
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
                    ended.1 += 1;
                    format!("failed: {error}")
                }
            },
        };
        self.show.ended(ended.0, &job.cell, &how);
    }
}

/// Remembers the failure of a cell, if running it again would only repeat it. If it cannot be
/// remembered, it will be repeated.
pub fn keep_failure(job: &Job, folder: &RunFolder, contents: &PlannedContents<'_>, error: &Error) {
    if let Some(cause) = error.lasting()
        && let Ok(digest) = contents.joined(job)
    {
        let (message, log) = error.apart_from_log();
        let lines = log.map_or(&[][..], |log| &log.lines);
        let failure = Failure::new(&job.cell, &digest, cause, message, lines);
        let _ = folder.keep_failure(&failure);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it counts")
}

/// Runs a cell in a process of its own. What counts is the record that it leaves, not what it says:
/// a plugin's code runs in it.
fn run_one(job: &Job, folder: &RunFolder, show: &Show, interrupt: &Interrupt) -> Result<(), Error> {
    let log_path = folder.log(&job.cell.id);
    // A new file: a process that was taken for dead may still write to the old one.
    let _ = fs::remove_file(&log_path);
    let log = Log::on(File::create(&log_path), &log_path);
    let mut line = show.begin(job.cell.title());
    let title = job.cell.title();
    let silent = |length| show.silent(&title, length, &log_path);
    let ended = run_supervised(job, folder, Some(&log), &silent, interrupt, &mut |event| {
        line.hear(show, &event);
    });
    let end = log.end();
    // A log is for people; the cell needs none.
    if let Err(error) = log.finish() {
        show.unlogged(&log_path, &error);
    }
    let lacking = match recorded(folder, job) {
        Recorded::Whole(_) => {
            folder.remove_checkpoint(&job.cell.id);
            return Ok(());
        }
        Recorded::Not => "there is no record of it",
        Recorded::Lacking(why) | Recorded::Stale(why) => why,
    };
    Err(ended.err().unwrap_or_else(|| Error::Child {
        message: format!("its process reported success, but {lacking}"),
        code: ExitCode::Plugin,
        ending: Ending::Crashed,
        log: Some(Box::new(end)),
    }))
}
