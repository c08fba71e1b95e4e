//! The child processes that `run` and other commands start.

use super::tables;
use crate::conformance;
use crate::error::Error;
use crate::metric::PluginMetrics;
use crate::plugin::PluginFile;
use crate::regular_file;
use crate::report::export::TERMINAL;
use crate::results::{RunFolder, RunPlan};
use crate::run::{
    Caches, Event, Events, Fault, FeatureJob, FeatureRequest, Interrupt, Job, orphan, probe,
    run_cell,
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

/// Computes a part of a set of features, or a whole set.
pub(super) fn embed(set: bool) -> Result<(), Error> {
    child(|events, interrupt| {
        let caches = Caches::open(interrupt)?;
        match set {
            true => FeatureJob::parse(&input()?)?.compute(&caches, events, interrupt),
            false => request::<FeatureRequest>()?.run(&caches, events, interrupt),
        }
    })
}

/// Runs a cell that the caller has claimed.
pub(super) fn cell(out: &Path) -> Result<(), Error> {
    child(|events, interrupt| {
        let job = Job::parse(&input()?)?;
        let folder = RunFolder::new(out);
        folder.create()?;
        run_cell(&job, &folder, &Caches::open(interrupt)?, events, interrupt)
    })
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

/// Runs the work of a child process, which ends with its parent. It reports with events; an error is
/// sent as one, and written to the log.
fn child(work: impl FnOnce(&Arc<Events>, &Interrupt) -> Result<(), Error>) -> Result<(), Error> {
    orphan::end_with_parent();
    let interrupt = Interrupt::of_child()?;
    let events = Events::on_stdout().map_err(|error| Error::Internal(error.to_string()))?;
    let events = Arc::new(events);
    let ended = work(&events, &interrupt);
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
