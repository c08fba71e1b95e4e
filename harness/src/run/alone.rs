//! One cell that this process has claimed, run in a process of its own.

use super::cell_state::{Recorded, has_result, keep_failure, recorded};
use super::show::Show;
use super::{Caches, Gpu, Interrupt, Job, Log, PlannedContents, run_supervised};
use crate::claim::Claim;
use crate::error::{Ending, Error};
use crate::exit_code::ExitCode;
use crate::results::RunFolder;
use crate::terminal;
use std::fs::{self, File};
use std::time::{Duration, Instant};

/// Runs a cell as `clbench cell` does: waits for other processes that run the same cell, and does
/// nothing if it has a record by then. Its own process has its log, as in a run of many cells.
///
/// # Errors
///
/// If the cell fails, or could not be started.
pub fn run_alone(job: &Job, folder: &RunFolder, interrupt: &Interrupt) -> Result<(), Error> {
    folder.create()?;
    folder.check_scenario(&job.cell.scenario)?;
    let caches = Caches::open(interrupt)?;
    let title = job.cell.title();
    let claims = folder.cell_claims();
    let claim = claims.wait(&job.cell.id, &|| !interrupt.requested(), &mut |owner| {
        terminal::say(format_args!(
            "{title}: waiting for {owner}, which runs this cell"
        ));
    });
    let claim = claim.map_err(Error::file(&folder.cells()))?;
    interrupt.check()?;
    let contents = PlannedContents::new(caches.content, interrupt);
    let show = Show::of_one_process();
    let speaking = interrupt.speak_through(show.speaker());
    let obtained = obtain(job, claim, None, folder, &contents, &show, interrupt);
    drop(speaking);
    match &obtained {
        Ok(Obtained::Run(time)) => show.say(&format!("{title}  {:.1} s", time.as_secs_f64())),
        Ok(Obtained::MadeByAnotherRun) => show.say(&format!("{title}  already has a result")),
        Err(error) => keep_failure(job, folder, &contents, error),
    }
    drop(show);
    obtained.map(drop)
}

/// How a process obtained a cell's record.
pub(super) enum Obtained {
    Run(Duration),
    MadeByAnotherRun,
}

/// Makes the cell's record, unless another run has made it before it gave up its claim.
pub(super) fn obtain(
    job: &Job,
    claim: Option<Claim>,
    gpu: Option<&Gpu>,
    folder: &RunFolder,
    contents: &PlannedContents<'_>,
    show: &Show,
    interrupt: &Interrupt,
) -> Result<Obtained, Error> {
    if has_result(folder, job, contents)? {
        return Ok(Obtained::MadeByAnotherRun);
    }
    if claim.is_some() {
        folder.remove_parts_of(&job.cell.id);
    }
    folder.forget_failure(&job.cell.id)?;
    let clock = Instant::now();
    run_one(job, gpu, folder, show, interrupt)?;
    Ok(Obtained::Run(clock.elapsed()))
}

/// Runs a cell in a process of its own. What counts is the record that it leaves, not what it says:
/// a plugin's code runs in it.
fn run_one(
    job: &Job,
    gpu: Option<&Gpu>,
    folder: &RunFolder,
    show: &Show,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let log_path = folder.log(&job.cell.id);
    // A new file: a process that was taken for dead may still write to the old one.
    let _ = fs::remove_file(&log_path);
    let log = Log::on(File::create(&log_path), &log_path);
    let title = job.cell.title();
    let mut line = show.begin(title.clone());
    let silent = |length| show.silent(&title, length, &log_path);
    let ended = run_supervised(
        job,
        gpu,
        folder,
        Some(&log),
        &silent,
        interrupt,
        &mut |event| {
            line.hear(show, &event);
        },
    );
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
