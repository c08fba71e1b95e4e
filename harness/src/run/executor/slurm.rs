//! Slurm: submits the cells as array jobs, after one that computes their features, and waits for
//! them.
//!
//! A task of an array runs `clbench cell`, or `clbench features`, with one line of a plan. Nothing
//! else connects it with the process that submitted it: results, failures and checkpoints are in
//! the run folder. So this process can end at any time. The next run finds the [`Submission`]s in
//! the folder, asks Slurm which of their tasks are queued or running, and submits only the rest.

mod array;
mod client;
mod error;
mod message;
mod options;
mod submission;
mod watch;

pub use options::SlurmOptions;

use super::{Executed, Executor, Work};
use crate::cache;
use crate::claim::Claims;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::results::RunFolder;
use crate::run::cell_state::{Recorded, recorded};
use crate::run::{FeatureJob, Planned};
use array::{Array, Kind, Settings};
use client::Client;
use std::collections::HashSet;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{env, fs};
use submission::Submission;
use watch::Watcher;

/// The claim of the process that submits.
const SUBMIT: &str = "submit";

/// A cluster with Slurm.
#[derive(Debug, Clone)]
pub struct Slurm {
    /// Options for sbatch.
    pub options: SlurmOptions,
    /// How many tasks of an array may run at once; `None` for as many as Slurm can run.
    pub at_a_time: Option<NonZeroUsize>,
    /// Whether to cancel the cells that wait after one has failed.
    pub fail_fast: bool,
    /// Whether to return once the jobs are submitted.
    pub detach: bool,
}

impl Executor for Slurm {
    fn run(&self, work: &Work<'_>) -> Result<Executed, Error> {
        let interrupt = work.interrupt.clone();
        let client = Client::new(move || interrupt.requested());
        let submissions = self.submit(work, &client)?;
        // A first Ctrl-C is answered below.
        let _quiet = work.interrupt.speak_through(|_| {});
        let mut watcher = Watcher::new(work, &client, &submissions, self.fail_fast);
        if self.detach {
            watcher.look()?;
            work.show.say(&watcher.whereabouts());
            return Ok(Executed::Detached);
        }
        watcher.wait()?;
        if work.interrupt.requested() {
            return Err(Error::Executor {
                message: format!("detached; {}", watcher.whereabouts()),
                code: ExitCode::Interrupted,
            });
        }
        Ok(Executed::Ended)
    }

    fn dry_run(&self, missing: &[&Planned], folder: &RunFolder) -> Result<String, Error> {
        let client = Client::new(|| false);
        let submissions = Submission::all(folder)?;
        let unclaimed = unclaimed(missing, folder, &submissions, &client)?;
        let arrays = self.arrays(&unclaimed, folder, &client)?;
        let mut text = format!(
            "# {} of {} missing cells would be submitted\n",
            unclaimed.len(),
            missing.len()
        );
        for array in &arrays {
            let after = match (array.kind, arrays[0].kind) {
                (Kind::Cells, Kind::Features) => {
                    format!(
                        "{} ",
                        Client::dependency(&["FEATURES".to_owned()]).join(" ")
                    )
                }
                _ => String::new(),
            };
            text += &format!(
                "\n# sbatch {after}{}\n{}",
                array.script().display(),
                array.text()
            );
        }
        Ok(text)
    }
}

impl Slurm {
    /// Submits the cells that no job of an earlier submission will run, and returns all submissions
    /// that have any of these cells. Two processes that submit take turns.
    fn submit(&self, work: &Work<'_>, client: &Client) -> Result<Vec<Submission>, Error> {
        let home = Submission::home(work.folder);
        fs::create_dir_all(&home).map_err(Error::file(&home))?;
        let go_on = || !work.interrupt.requested();
        let claim = Claims::new(&home).wait(SUBMIT, &go_on, &mut |owner| {
            work.show
                .say(&format!("waiting for {owner}, which is submitting jobs"));
        });
        let _claim = claim.map_err(Error::file(&home))?;
        work.interrupt.check()?;
        let mut submissions = Submission::all(work.folder)?;
        for submission in &mut submissions {
            submission.recover(client)?;
        }
        let unclaimed = unclaimed(work.missing, work.folder, &submissions, client)?;
        if !unclaimed.is_empty() {
            let arrays = self.arrays(&unclaimed, work.folder, client)?;
            let mut submission = Submission::create(work.folder, arrays)?;
            let submitted = submission.submit(client, work.interrupt);
            if let Some(summary) = submission.summary() {
                work.show.say(&summary);
            }
            if submitted.is_err() {
                submission.discard_unless_submitted();
            }
            // What was submitted runs, and is found by the next run.
            submitted?;
            submissions.push(submission);
        }
        Ok(submissions)
    }

    /// The arrays for these cells. They are not written yet.
    fn arrays(
        &self,
        cells: &[&Planned],
        folder: &RunFolder,
        client: &Client,
    ) -> Result<Vec<Array>, Error> {
        let most = match cells.is_empty() {
            true => return Ok(Vec::new()),
            false => client.largest_array()?,
        };
        let home = absolute(&Submission::next(folder)?)?;
        if home
            .to_str()
            .is_none_or(|path| path.contains(['\\', '"', '\n']))
        {
            return Err(Error::Usage(format!(
                "Slurm cannot write logs to {}; choose an `--out` whose path is plain text without \\ and \"",
                home.display()
            )));
        }
        let settings = Settings {
            scenario: &cells[0].job.cell.scenario,
            folder: &home,
            program: &env::current_exe().map_err(|error| Error::Internal(error.to_string()))?,
            out: &absolute(folder.path())?,
            threads: cells[0].job.cell.threads,
            options: &self.options,
            at_a_time: self.at_a_time,
            environment: &environment()?,
        };
        // A cell with a checkpoint has found its features. A cell computes what is missing itself.
        let fresh = cells.iter().copied();
        let fresh = fresh.filter(|cell| !folder.checkpoint(&cell.job.cell.id).exists());
        let features = FeatureJob::all(&fresh.collect::<Vec<_>>());
        let features = features.iter().map(|job| (job.title(), job.line()));
        let cells = cells.iter().map(|cell| &cell.job);
        let cells = cells.map(|job| (job.cell.id.clone(), job.line()));
        let mut arrays = Array::cut(Kind::Features, features.collect(), most, &settings);
        arrays.extend(Array::cut(Kind::Cells, cells.collect(), most, &settings));
        Ok(arrays)
    }
}

/// The cells that have no record yet, and that no queued or running task will run.
fn unclaimed<'a>(
    missing: &[&'a Planned],
    folder: &RunFolder,
    submissions: &[Submission],
    client: &Client,
) -> Result<Vec<&'a Planned>, Error> {
    let wanted: HashSet<&str> = missing.iter().map(|cell| &*cell.job.cell.id).collect();
    let arrays = submissions.iter().flat_map(|submission| &submission.arrays);
    let arrays: Vec<&Array> = arrays.filter(|array| array.has_any(&wanted)).collect();
    let alive = client.alive(&arrays)?;
    let claimed: HashSet<&str> = alive
        .iter()
        .map(|task| &*arrays[task.array].tasks[task.number - 1])
        .collect();
    let free = |cell: &&Planned| !claimed.contains(&*cell.job.cell.id);
    // A task may have ended since the missing cells were listed.
    let has_none = |cell: &&Planned| !matches!(recorded(folder, &cell.job), Recorded::Whole(_));
    let cells = missing.iter().copied();
    Ok(cells.filter(free).filter(has_none).collect())
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(Error::file(path))
}

/// What tasks need of this process's environment, also where Slurm does not pass it on.
fn environment() -> Result<Vec<(&'static str, OsString)>, Error> {
    const PATHS: [&str; 4] = ["CLBENCH_LIBTORCH", "HF_HOME", "HF_HUB_CACHE", "VIRTUAL_ENV"];
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let paths = PATHS.map(|name| (name, set(name).map(PathBuf::from)));
    let cache = ("CLBENCH_CACHE", cache::folder());
    let mut variables = Vec::new();
    for (name, path) in [cache].into_iter().chain(paths) {
        if let Some(path) = path {
            variables.push((name, absolute(&path)?.into_os_string()));
        }
    }
    Ok(variables)
}
