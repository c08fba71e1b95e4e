//! The child processes that `run` starts.

use crate::error::Error;
use crate::features::FeatureStore;
use crate::metric::{Choice, PluginMetrics};
use crate::plugin::PluginFile;
use crate::regular_file;
use crate::report::export::TERMINAL;
use crate::report::{Coverage, Leaderboard, write_tables};
use crate::results::{ResultsError, RunFolder};
use crate::run::{Event, Events, Fault, FeatureRequest, Interrupt, Job, Opened, probe, run_cell};
use crate::terminal;
use serde::de::DeserializeOwned;
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

pub(super) fn embed() -> Result<(), Error> {
    child(|events, interrupt| {
        let request: FeatureRequest = request()?;
        let FeatureRequest { job, outputs } = &request;
        let opened = Opened::open(job, events, interrupt)?;
        opened
            .embed(job, outputs, &store()?, events, interrupt)
            .map(drop)
    })
}

pub(super) fn cell(out: &Path) -> Result<(), Error> {
    child(|events, interrupt| {
        let job = Job::parse(&input()?)?;
        let folder = RunFolder::new(out);
        folder.create()?;
        run_cell(&job, &folder, &store()?, events, interrupt)
    })
}

/// Writes the CSV files of the run's cells, in the run's order, and answers with its leaderboard.
pub(super) fn report(dir: &Path) -> Result<(), Error> {
    child(|events, _| {
        if let Some(leaderboard) = written_tables(&RunFolder::new(dir))? {
            events.send(&Event::Answer(TERMINAL.write(&leaderboard).into()));
        }
        Ok(())
    })
}

/// The leaderboard; `None` if there are no records.
fn written_tables(folder: &RunFolder) -> Result<Option<Leaderboard>, Error> {
    let run = folder.run_file()?.ok_or_else(|| {
        Error::Usage(format!("`{}` is not a run folder", folder.path().display()))
    })?;
    let metrics = run
        .metrics
        .iter()
        .map(|(name, plugin)| Ok((name.clone(), PluginFile::open(&plugin.file)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let metrics = PluginMetrics::load(&metrics)?;
    let records = match folder.records() {
        Err(ResultsError::NoCells { .. }) => return Ok(None),
        records => records?,
    };
    let choice = Choice::of(&run);
    let coverage = Coverage {
        domains: run.domains,
        seeds: run.seeds,
    };
    let leaderboard = write_tables(folder, &records, &metrics, &choice, Some(&coverage))?;
    Ok(Some(leaderboard))
}

/// Runs the work of a child process; an error is sent to the parent and written to the log.
fn child(work: impl FnOnce(&Arc<Events>, &Interrupt) -> Result<(), Error>) -> Result<(), Error> {
    // A parent that was killed cannot end its children, so the system does it.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let events = Events::on_stdout().map_err(|error| Error::Internal(error.to_string()))?;
    let events = Arc::new(events);
    let interrupt = Interrupt::on_ctrl_c()?;
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

fn store() -> Result<FeatureStore, Error> {
    let folder = crate::cache::folder().ok_or_else(|| {
        Error::Usage(
            "no folder for the feature cache, since HOME is not set; set CLBENCH_CACHE to a folder"
                .into(),
        )
    })?;
    Ok(FeatureStore::new(folder.join("features")))
}
