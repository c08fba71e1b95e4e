//! Carrying a plan out: what is missing, each cell in a process of its own, several at a time.

use super::child::Child;
use super::process::{predictions_path, record_path};
use super::show::Show;
use super::{Cell, CellBackbone, Event, FeatureRequest, Interrupt, Plan, Planned};
use crate::error::Error;
use crate::report::CellRecord;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// How many cells run at a time (`-j`).
pub type Jobs = NonZeroUsize;

/// Runs what is missing in the run folder `out`.
///
/// # Errors
///
/// [`Error::Cells`] if some cells failed (each has been shown), [`Error::Interrupted`] after Ctrl-C, or what keeps the
/// run from starting.
pub fn execute(plan: &Plan, out: &Path, jobs: Jobs, interrupt: &Interrupt) -> Result<(), Error> {
    let cells = out.join("cells");
    fs::create_dir_all(&cells).map_err(Error::file(&cells))?;
    let (mut missing, mut notes) = (Vec::new(), Vec::new());
    for planned in &plan.cells {
        match standing(&cells, &planned.cell) {
            Standing::Done => {}
            Standing::Missing => missing.push(planned),
            Standing::Stale(why) => {
                let title = planned.cell.title();
                notes.push(format!("{title}: {why}; running it again"));
                missing.push(planned);
            }
        }
    }
    let show = Show::new(plan.cells.len());
    notes.iter().for_each(|note| show.say(note));
    let done = plan.cells.len() - missing.len();
    show.already(done);
    compute_features(&missing, out, &show, interrupt)?;
    let missing: Vec<&Cell> = missing.iter().map(|planned| &planned.cell).collect();
    let failed = run_cells(&missing, &cells, done, jobs, &show, interrupt);
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

enum Standing {
    Done,
    Missing,
    Stale(String),
}

/// Whether a cell's record is there, whole, and made by the same plugin files.
fn standing(cells: &Path, cell: &Cell) -> Standing {
    let path = record_path(cells, cell);
    if !path.exists() {
        return Standing::Missing;
    }
    let record = match CellRecord::read(&path) {
        Ok(record) => record,
        Err(_) => return Standing::Stale("its record is damaged".into()),
    };
    let planned = cell.backbones.iter().map(|b| &b.plugin.hash);
    let made = record.backbones.iter().map(|b| &b.plugin_hash);
    if !planned.eq(made) || record.strategy.plugin_hash != cell.strategy.plugin.hash {
        return Standing::Stale("its record was made by another plugin file".into());
    }
    if cell.save_predictions && !predictions_path(cells, cell).exists() {
        return Standing::Stale("its predictions were not saved".into());
    }
    Standing::Done
}

/// Computes every set of features that the cells need, before the first of them; all outputs that cells read of a backbone
/// on a domain in one go. What is printed meanwhile is in the run folder's `features.log`.
fn compute_features(
    missing: &[&Planned],
    out: &Path,
    show: &Show,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let log_path = out.join("features.log");
    let log = File::create(&log_path).map_err(Error::file(&log_path))?;
    let wanted = Wanted::by(missing);
    let mut known = HashSet::new();
    for &Planned { cell, .. } in missing {
        let mut new = false;
        for backbone in &cell.backbones {
            new |= known.insert(Wanted::key(cell, backbone));
        }
        if !new {
            continue;
        }
        let request = FeatureRequest {
            cell: cell.clone(),
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

/// The outputs that cells read beside the embedding, by domain and backbone.
struct Wanted<'a>(HashMap<FeatureSet<'a>, Vec<String>>);

/// A split, a plugin file and a model's fingerprint.
type FeatureSet<'a> = [&'a str; 3];

impl<'a> Wanted<'a> {
    fn by(cells: &[&'a Planned]) -> Wanted<'a> {
        let mut wanted: HashMap<_, Vec<String>> = HashMap::new();
        for Planned { cell, outputs } in cells {
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
            &cell.domain.split_hash,
            &backbone.plugin.hash,
            &backbone.fingerprint,
        ]
    }

    /// Those of a cell's backbones, whoever reads them.
    fn of(&self, cell: &'a Cell) -> Vec<Vec<String>> {
        let backbones = cell.backbones.iter();
        backbones
            .map(|backbone| self.0[&Self::key(cell, backbone)].clone())
            .collect()
    }
}

/// For people: `digits · features of clip (also class_token), pixels`.
fn feature_title(request: &FeatureRequest) -> String {
    let cell = &request.cell;
    let backbones = cell.backbones.iter().zip(&request.outputs);
    let names: Vec<String> = backbones
        .map(|(backbone, outputs)| match &outputs[..] {
            [] => backbone.name.clone(),
            _ => format!("{} (also {})", backbone.name, outputs.join(", ")),
        })
        .collect();
    format!("{} · features of {}", cell.domain.name, names.join(", "))
}

/// Runs cells, several at a time; gives the number that failed.
fn run_cells(
    missing: &[&Cell],
    cells: &Path,
    done: usize,
    jobs: Jobs,
    show: &Show,
    interrupt: &Interrupt,
) -> usize {
    let next = AtomicUsize::new(0);
    let ended = Mutex::new((done, 0));
    thread::scope(|scope| {
        for _ in 0..jobs.get().min(missing.len()) {
            scope.spawn(|| {
                while let Some(cell) = missing.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if interrupt.requested() {
                        return;
                    }
                    let clock = Instant::now();
                    let result = run_one(cell, cells, show, interrupt);
                    if interrupt.requested() && result.is_err() {
                        return;
                    }
                    let mut ended = ended.lock().expect("no thread panics while it counts");
                    ended.0 += 1;
                    let how = match result {
                        Ok(()) => format!("{:.1} s", clock.elapsed().as_secs_f64()),
                        Err(error) => {
                            ended.1 += 1;
                            format!("failed: {}", error.with_log(&log_path(cells, cell)))
                        }
                    };
                    show.ended(ended.0, cell, &how);
                }
            });
        }
    });
    let (_, failed) = *ended.lock().expect("no thread panics while it counts");
    failed
}

fn log_path(cells: &Path, cell: &Cell) -> PathBuf {
    cells.join(format!("{}.log", cell.id))
}

fn run_one(cell: &Cell, cells: &Path, show: &Show, interrupt: &Interrupt) -> Result<(), Error> {
    let log_path = log_path(cells, cell);
    let log = File::create(&log_path).map_err(Error::file(&log_path))?;
    let mut line = show.begin(cell.title());
    let input = serde_json::to_string(cell).expect("plain data");
    Child {
        args: &["cell", "--cells"],
        paths: &[cells],
        input: &input,
        threads: cell.threads,
        log,
    }
    .run(interrupt, &mut |event| line.hear(show, &event))
}

/// Has a process write the tables of the run folder; gives the leaderboard, if any cell has its record.
///
/// # Errors
///
/// What the process reports.
pub fn report_in_child(out: &Path, interrupt: &Interrupt) -> Result<Option<String>, Error> {
    interrupt.check()?;
    let path = out.join("report.log");
    let log = File::create(&path).map_err(Error::file(&path))?;
    let mut table = None;
    let child = Child {
        args: &["report"],
        paths: &[out],
        input: "",
        threads: 1,
        log,
    };
    let ended = child.run(interrupt, &mut |event| {
        if let Event::Answer(answer) = event {
            table = answer.as_str().map(str::to_owned);
        }
    });
    ended.map_err(|error| error.with_log(&path))?;
    Ok(table)
}
