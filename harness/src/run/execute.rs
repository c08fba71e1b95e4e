//! Executes a plan: runs the missing cells, each in its own process, several at a time.

use super::child::Child;
use super::show::Show;
use super::{FeatureRequest, Interrupt, Job, Plan, Planned};
use crate::error::Error;
use crate::results::{Cell, CellBackbone, ResultsError, RunFolder};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// Runs the cells of a plan that are missing from the run folder, up to `at_a_time` at once.
///
/// # Errors
///
/// [`Error::Cells`] if some cells failed (each has been shown), [`Error::Interrupted`] after
/// Ctrl-C, or the error that prevented the run from starting.
pub fn execute(
    plan: &Plan,
    folder: &RunFolder,
    at_a_time: NonZeroUsize,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    folder.create()?;
    let (mut missing, mut notes) = (Vec::new(), Vec::new());
    for planned in &plan.cells {
        match found(folder, &planned.job) {
            Found::Done => {}
            Found::Missing => missing.push(planned),
            Found::Stale(why) => {
                let title = planned.job.cell.title();
                notes.push(format!("{title}: {why}; running it again"));
                missing.push(planned);
            }
        }
    }
    let show = Show::new(plan.cells.len());
    notes.iter().for_each(|note| show.say(note));
    let done = plan.cells.len() - missing.len();
    show.already(done);
    compute_features(&missing, folder, &show, interrupt)?;
    let missing: Vec<&Job> = missing.iter().map(|planned| &planned.job).collect();
    let failed = run_cells(&missing, folder, done, at_a_time, &show, interrupt);
    drop(show);
    interrupt.check()?;
    if failed > 0 {
        return Err(Error::Cells {
            failed,
            total: plan.cells.len(),
        });
    }
    Ok(())
}

/// The state of a cell in the run folder.
enum Found {
    Done,
    Missing,
    Stale(&'static str),
}

/// Whether a cell's record exists, is intact, and was made by the same plugin files.
fn found(folder: &RunFolder, job: &Job) -> Found {
    let cell = &job.cell;
    let record = match folder.read_record(&cell.id) {
        Ok(Some(record)) => record,
        Ok(None) => return Found::Missing,
        Err(ResultsError::Format { .. }) => {
            return Found::Stale("its record has a different format");
        }
        Err(_) => return Found::Stale("its record is damaged"),
    };
    if !cell.plugins().eq(record.cell.plugins()) {
        return Found::Stale("its record was made by a different plugin file");
    }
    if job.save_predictions && !folder.predictions(&cell.id).exists() {
        return Found::Stale("its predictions were not saved");
    }
    Found::Done
}

/// Computes every set of features that the cells need, before the first cell. All outputs that
/// cells read of a backbone on a domain are computed in one pass. Output of the plugins goes to
/// `features.log` in the run folder.
fn compute_features(
    missing: &[&Planned],
    folder: &RunFolder,
    show: &Show,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let log_path = folder.features_log();
    let log = File::create(&log_path).map_err(Error::file(&log_path))?;
    let wanted = Wanted::by(missing);
    let mut known = HashSet::new();
    for &Planned { job, .. } in missing {
        let cell = &job.cell;
        let mut new = false;
        for backbone in &cell.backbones {
            new |= known.insert(Wanted::key(cell, backbone));
        }
        if !new {
            continue;
        }
        let request = FeatureRequest {
            job: job.clone(),
            outputs: wanted.of(cell),
        };
        let title = feature_title(&request);
        let mut line = show.begin(title.clone());
        let clock = Instant::now();
        let input = serde_json::to_string(&request).expect("plain data");
        let child = Child {
            args: &["embed"],
            paths: &[],
            input: &input,
            threads: cell.threads,
            log: log.try_clone().map_err(Error::file(&log_path))?,
        };
        let ended = child.run(interrupt, &mut |event| line.hear(show, &event));
        drop(line);
        ended.map_err(|error| error.with_log(&log_path))?;
        show.say(&format!("{title}  {:.1} s", clock.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// The outputs that cells read in addition to the embedding, by domain and backbone.
struct Wanted<'a>(HashMap<FeatureSet<'a>, Vec<String>>);

/// A split, a plugin file and a model's fingerprint.
type FeatureSet<'a> = [&'a str; 3];

impl<'a> Wanted<'a> {
    fn by(cells: &[&'a Planned]) -> Wanted<'a> {
        let mut wanted: HashMap<_, Vec<String>> = HashMap::new();
        for Planned { job, outputs } in cells {
            let cell = &job.cell;
            for (backbone, outputs) in cell.backbones.iter().zip(outputs) {
                let all = wanted.entry(Self::key(cell, backbone)).or_default();
                for output in outputs {
                    if !all.contains(output) {
                        all.push(output.clone());
                    }
                }
            }
        }
        Wanted(wanted)
    }

    fn key(cell: &'a Cell, backbone: &'a CellBackbone) -> FeatureSet<'a> {
        [
            &cell.stream.domain().split_hash,
            &backbone.plugin.hash,
            &backbone.fingerprint,
        ]
    }

    /// The outputs of a cell's backbones that any cell reads.
    fn of(&self, cell: &'a Cell) -> Vec<Vec<String>> {
        let backbones = cell.backbones.iter();
        backbones
            .map(|backbone| self.0[&Self::key(cell, backbone)].clone())
            .collect()
    }
}

/// For people: `digits · features of clip (also class_token), pixels`.
fn feature_title(request: &FeatureRequest) -> String {
    let cell = &request.job.cell;
    let backbones = cell.backbones.iter().zip(&request.outputs);
    let names: Vec<String> = backbones
        .map(|(backbone, outputs)| match &outputs[..] {
            [] => backbone.name.clone(),
            _ => format!("{} (also {})", backbone.name, outputs.join(", ")),
        })
        .collect();
    format!("{} · features of {}", cell.stream.name, names.join(", "))
}

/// Runs cells, several at a time, and returns the number of failed ones.
fn run_cells(
    missing: &[&Job],
    folder: &RunFolder,
    done: usize,
    at_a_time: NonZeroUsize,
    show: &Show,
    interrupt: &Interrupt,
) -> usize {
    let next = AtomicUsize::new(0);
    let ended = Mutex::new((done, 0));
    thread::scope(|scope| {
        let work = || {
            while let Some(job) = missing.get(next.fetch_add(1, Ordering::SeqCst)) {
                if interrupt.requested() {
                    return;
                }
                let clock = Instant::now();
                let result = run_one(job, folder, show, interrupt);
                if interrupt.requested() && result.is_err() {
                    return;
                }
                let mut ended = ended.lock().expect("no thread panics while it counts");
                ended.0 += 1;
                let how = match result {
                    Ok(()) => format!("{:.1} s", clock.elapsed().as_secs_f64()),
                    Err(error) => {
                        ended.1 += 1;
                        let log = folder.log(&job.cell.id);
                        format!("failed: {}", error.with_log(&log))
                    }
                };
                show.ended(ended.0, &job.cell, &how);
            }
        };
        for number in 0..at_a_time.get().min(missing.len()) {
            // The system may refuse to start so many; the others then do the work.
            if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                if number == 0 {
                    work();
                }
                break;
            }
        }
    });
    let (_, failed) = *ended.lock().expect("no thread panics while it counts");
    failed
}

fn run_one(job: &Job, folder: &RunFolder, show: &Show, interrupt: &Interrupt) -> Result<(), Error> {
    let log_path = folder.log(&job.cell.id);
    let log = File::create(&log_path).map_err(Error::file(&log_path))?;
    let mut line = show.begin(job.cell.title());
    Child {
        args: &["cell", "--out"],
        paths: &[folder.path()],
        input: &job.line(),
        threads: job.cell.threads,
        log,
    }
    .run(interrupt, &mut |event| line.hear(show, &event))
}
