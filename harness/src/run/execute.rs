//! Executes a plan: finds the cells that are missing from the run folder, and has an
//! [`Executor`] run them.

use super::cell_state::{Found, failure, found, set_aside};
use super::executor::{Ended, Executed, Executor, Work};
use super::show::Show;
use super::{Caches, Interrupt, Job, LogEnd, Plan, Planned, PlannedContents};
use crate::error::Error;
use crate::parallel;
use crate::results::{Failure, RunFolder};

/// What is to be run, with what, and where its results go.
#[derive(Clone, Copy)]
pub struct Execution<'a> {
    /// The cells.
    pub plan: &'a Plan,
    /// Where records go.
    pub folder: &'a RunFolder,
    /// Whether to run cells again that failed in an earlier run.
    pub retry_failed: bool,
    /// Where features are.
    pub caches: &'a Caches,
    /// The images that records must have been made from.
    pub contents: &'a PlannedContents<'a>,
    /// Whether to stop.
    pub interrupt: &'a Interrupt,
}

/// What a run finds of a cell.
enum State {
    FailedBefore(Box<Failure>),
    Found(Found),
}

/// The cells of a plan, by what a run does about them.
struct Sorted<'a> {
    missing: Vec<&'a Planned>,
    /// Those of the missing ones whose records no longer count.
    stale: Vec<&'a Planned>,
    /// How many failed in an earlier run, and are not run again.
    failed_before: usize,
    /// What to tell the user.
    notes: Vec<String>,
}

impl Execution<'_> {
    /// Runs the cells of the plan that are missing from the run folder. A cell that failed in an
    /// earlier run counts as failed, unless failed ones are retried.
    ///
    /// # Errors
    ///
    /// [`Error::Cells`] if some cells have no result (each has been shown), [`Error::FullDisk`] if
    /// a disk is full, so that no further cells were started, [`Error::Interrupted`] after Ctrl-C,
    /// or the error that prevented the run from starting.
    pub fn run(&self, executor: &dyn Executor) -> Result<Executed, Error> {
        let Execution {
            plan,
            folder,
            caches,
            contents,
            interrupt,
            ..
        } = *self;
        folder.create()?;
        for planned in &plan.cells {
            let job = &planned.job;
            folder.keep_sources(&job.cell, &job.paths.script.sources)?;
        }
        let sorted = self.sorted()?;
        for planned in &sorted.stale {
            set_aside(folder, &planned.job, contents);
        }
        let show = Show::new(plan.cells.len());
        let speaking = interrupt.speak_through(show.speaker());
        sorted.notes.iter().for_each(|note| show.say(note));
        let done = plan.cells.len() - sorted.missing.len() - sorted.failed_before;
        show.already(done);
        let ended = Ended::new(&show, done, sorted.failed_before);
        let work = Work {
            missing: &sorted.missing,
            folder,
            caches,
            contents,
            interrupt,
            show: &show,
            ended: &ended,
        };
        let executed = match sorted.missing.is_empty() {
            true => Ok(Executed::Ended),
            false => executor.run(&work),
        };
        drop(speaking);
        let result = ended.result(plan.cells.len());
        drop(show);
        if executed? == Executed::Detached {
            return Ok(Executed::Detached);
        }
        interrupt.check()?;
        result.map(|()| Executed::Ended)
    }

    /// What [`run`](Self::run) would do, as text. Nothing is run or written.
    ///
    /// # Errors
    ///
    /// If a cell's images cannot be read, or the executor cannot tell.
    pub fn dry_run(&self, executor: &dyn Executor) -> Result<String, Error> {
        let sorted = self.sorted()?;
        executor.dry_run(&sorted.missing, self.folder)
    }

    fn sorted(&self) -> Result<Sorted<'_>, Error> {
        let folder = self.folder;
        let mut sorted = Sorted {
            missing: Vec::new(),
            stale: Vec::new(),
            failed_before: 0,
            notes: Vec::new(),
        };
        // Every record is read.
        let states = parallel::map(&self.plan.cells, |planned| self.state(&planned.job));
        for (planned, state) in self.plan.cells.iter().zip(states) {
            let job = &planned.job;
            let title = job.cell.title();
            match state? {
                State::FailedBefore(failure) => {
                    sorted.failed_before += 1;
                    let log = LogEnd {
                        path: Some(folder.log(&job.cell.id)).filter(|log| log.exists()),
                        lines: Vec::new(),
                    };
                    let message = failure.message;
                    let note = format!("{title}  failed in an earlier run: {message}{log}");
                    sorted.notes.push(note);
                }
                State::Found(Found::Done) => {}
                State::Found(Found::Missing) => sorted.missing.push(planned),
                State::Found(Found::Stale(why)) => {
                    sorted
                        .notes
                        .push(format!("{title}: {why}; running it again"));
                    sorted.stale.push(planned);
                    sorted.missing.push(planned);
                }
                State::Found(Found::Lacking(what)) => {
                    sorted
                        .notes
                        .push(format!("{title}: {what}; running it again"));
                    sorted.missing.push(planned);
                }
            }
        }
        Ok(sorted)
    }

    fn state(&self, job: &Job) -> Result<State, Error> {
        let (folder, contents) = (self.folder, self.contents);
        if !self.retry_failed
            && let Some(failure) = failure(folder, job, contents)?
        {
            return Ok(State::FailedBefore(Box::new(failure)));
        }
        found(folder, job, contents).map(State::Found)
    }
}
