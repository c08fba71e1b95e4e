//! A cell in a child process, under its limits.

use super::child::{Child, Work};
use super::{Event, Gpu, Interrupt, Job, Log, Watch};
use crate::error::Error;
use crate::results::RunFolder;
use std::time::Duration;

/// Runs a cell that the caller has claimed in a child process, and passes on what it says. It sees
/// the given GPU only, if there is one. `silent` is called with the length of its silence. Without a
/// log, its output goes to standard error.
///
/// # Errors
///
/// The error that the process reported, how it ended if it reported none, or the limit that it
/// exceeded.
pub fn run_supervised(
    job: &Job,
    gpu: Option<&Gpu>,
    folder: &RunFolder,
    log: Option<&Log>,
    silent: &dyn Fn(Duration),
    interrupt: &Interrupt,
    hear: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let child = Child {
        work: Work::Cell,
        args: &["cell", "--claimed", "--out"],
        paths: &[folder.path()],
        input: &job.line(),
        threads: job.cell.threads,
        gpu,
        log,
        foreground: job.debug,
        watch: Watch {
            limits: job.limits,
            silent: Some(silent),
            ..Watch::default()
        },
    };
    child.run(interrupt, hear)
}
