//! The child processes that `run` starts.

use super::tables;
use crate::conformance;
use crate::error::{Ending, Error};
use crate::exit_code::ExitCode;
use crate::metric::PluginMetrics;
use crate::plugin::PluginFile;
use crate::regular_file;
use crate::report::export::TERMINAL;
use crate::results::{RunFolder, RunPlan};
use crate::run::{
    Caches, Event, Events, Fault, FeatureRequest, Interrupt, Job, PlannedContents, has_result,
    keep_failure, orphan, probe, run_cell, run_supervised, silent,
};
use crate::terminal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// The most bytes on standard input: a scenario of the largest size, with room to spare.
const LARGEST_REQUEST: u64 = 4 << 30;

pub(super) fn probe() -> Result<(), Error> {
    child(|events, interrupt| {
        let answer = probe::probe(&request()?, events, interrupt);
        let answer = serde_json::to_value(answer).expect("plain data");
        events.send(&Event::Answer(answer));
        Ok(())
    })
}

/// Runs the testkit on what a plugin offers.
pub(super) fn testkit() -> Result<(), Error> {
    child(|events, interrupt| {
        let answer = conformance::perform(&request()?, events, interrupt)?;
        let answer = serde_json::to_value(answer).expect("plain data");
        events.send(&Event::Answer(answer));
        Ok(())
    })
}

pub(super) fn embed() -> Result<(), Error> {
    child(|events, interrupt| {
        let request: FeatureRequest = request()?;
        request.run(&Caches::open(interrupt)?, events, interrupt)
    })
}

/// Runs a cell. Unless the caller has claimed it, this is a process that a cluster started.
pub(super) fn cell(out: &Path, claimed: bool) -> Result<(), Error> {
    match claimed {
        true => child(|events, interrupt| {
            let (job, folder, caches) = cell_request(out, interrupt)?;
            run_cell(&job, &folder, &caches, events, interrupt)
        }),
        false => reporting(&Interrupt::on_ctrl_c()?, |events, interrupt| {
            unclaimed_cell(out, events, interrupt)
        }),
    }
}

fn cell_request(out: &Path, interrupt: &Interrupt) -> Result<(Job, RunFolder, Caches), Error> {
    let job = Job::parse(&input()?)?;
    let folder = RunFolder::new(out);
    folder.create()?;
    Ok((job, folder, Caches::open(interrupt)?))
}

/// Runs a cell on its own: waits for others that run the same cell, and does nothing if the record
/// exists. A cell with limits runs in a child process, which can be ended.
fn unclaimed_cell(out: &Path, events: &Arc<Events>, interrupt: &Interrupt) -> Result<(), Error> {
    let (job, folder, caches) = cell_request(out, interrupt)?;
    folder.check_scenario(&job.cell.scenario)?;
    let claims = folder.cell_claims();
    let claim = claims.wait(&job.cell.id, &|| !interrupt.requested(), &mut |owner| {
        events.stage(format!("waiting for {owner}, which runs this cell"))
    });
    let _claim = claim.map_err(Error::file(&folder.cells()))?;
    interrupt.check()?;
    let contents = PlannedContents::new(caches.content.clone(), interrupt);
    if has_result(&folder, &job, &contents)? {
        return Ok(());
    }
    folder.remove_parts_of(&job.cell.id);
    folder.forget_failure(&job.cell.id)?;
    let ended = match job.limits.is_none() {
        true => run_cell(&job, &folder, &caches, events, interrupt),
        false => limited_cell(&job, &folder, &contents, events, interrupt),
    };
    if let Err(error) = &ended {
        keep_failure(&job, &folder, &contents, error);
    }
    ended
}

fn limited_cell(
    job: &Job,
    folder: &RunFolder,
    contents: &PlannedContents<'_>,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let tell = |length| events.stage(silent("the cell", length));
    let mut pass_on = |event| events.send(&event);
    run_supervised(job, folder, None, &tell, interrupt, &mut pass_on)?;
    match has_result(folder, job, contents)? {
        true => Ok(()),
        false => Err(Error::Child {
            message: "its process reported success, but there is no record of it".into(),
            code: ExitCode::Plugin,
            ending: Ending::Crashed,
            log: None,
        }),
    }
}

/// The answer about a run's results.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct RunReport {
    /// The leaderboard of the run's cells; empty if they have no records.
    pub(super) table: String,
    /// How many cells of other runs the folder's tables have.
    pub(super) others: usize,
}

/// Writes the folder's CSV files, and answers with the report of a run, whose plan is the request.
pub(super) fn gather(dir: &Path, width: Option<usize>) -> Result<(), Error> {
    child(|events, interrupt| {
        let plan: RunPlan = request()?;
        let report = reported(&RunFolder::new(dir), plan, width, events, interrupt)?;
        let report = serde_json::to_value(report).expect("plain data");
        events.send(&Event::Answer(report));
        Ok(())
    })
}

/// Writes the CSV files of all current plans' cells, and reports on those of this plan.
fn reported(
    folder: &RunFolder,
    plan: RunPlan,
    width: Option<usize>,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<RunReport, Error> {
    let metrics = plan
        .metrics
        .iter()
        .map(|(name, plugin)| Ok((name.clone(), PluginFile::open_planned(plugin)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let metrics = PluginMetrics::load(&metrics)?;
    let Some(_claim) = folder.claim_shared(&|| !interrupt.requested())? else {
        return Err(Error::Interrupted);
    };
    let Some(tables) = tables::write(folder, folder, &plan, &metrics)? else {
        return Ok(RunReport::default());
    };
    if tables.unreadable > 0 {
        events.send(&Event::Warning(format!(
            "{} records of other runs in {} cannot be read; the CSV files leave them out",
            tables.unreadable,
            folder.path().display()
        )));
    }
    Ok(RunReport {
        table: TERMINAL.write(&tables.leaderboard, width),
        others: tables.others,
    })
}

/// Runs the work of a child process, which ends with its parent.
fn child(work: impl FnOnce(&Arc<Events>, &Interrupt) -> Result<(), Error>) -> Result<(), Error> {
    orphan::end_with_parent();
    reporting(&Interrupt::of_child()?, work)
}

/// Runs work that reports with events; an error is sent as one, and written to the log.
fn reporting(
    interrupt: &Interrupt,
    work: impl FnOnce(&Arc<Events>, &Interrupt) -> Result<(), Error>,
) -> Result<(), Error> {
    let events = Events::on_stdout().map_err(|error| Error::Internal(error.to_string()))?;
    let events = Arc::new(events);
    let ended = work(&events, interrupt);
    events.send(&match &ended {
        Ok(()) => Event::Done,
        Err(error) => {
            let fault = Fault::from(error);
            if let Some(backtrace) = &fault.backtrace {
                terminal::say(backtrace);
            }
            Event::Failed(fault)
        }
    });
    ended
}

/// The parent's request.
fn request<T: DeserializeOwned>() -> Result<T, Error> {
    serde_json::from_str(&input()?).map_err(|error| Error::Internal(format!("a request: {error}")))
}

fn input() -> Result<String, Error> {
    let unread = |error: String| Error::Internal(format!("reading standard input: {error}"));
    let bytes = regular_file::read_at_most(std::io::stdin(), LARGEST_REQUEST);
    let bytes = bytes.map_err(|error| unread(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| unread(error.to_string()))
}
