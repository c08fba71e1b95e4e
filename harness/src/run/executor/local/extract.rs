//! Extracts every set of features that cells need, before the first cell, with several processes
//! at a time.
//!
//! The parent looks for the features in the store and claims what is missing. It splits the images
//! into [shards](crate::run::shard), has a process compute each of them, and puts the files in their
//! place once all are done. While the last shards of a set are computed, the next set begins. On
//! each GPU, one process at a time computes features: several would only wait for each other, each
//! with a model in the GPU's memory.
//!
//! The first error ends all processes, and nothing half-written is left.

use super::Places;
use super::places::{Slot, Slots};
use super::set_line::SetLine;
use crate::domain::ContentDigest;
use crate::error::{Ending, Error};
use crate::exit_code::ExitCode;
use crate::features::{FeatureMaker, FeatureWriter};
use crate::run::child::{Child, Work};
use crate::run::content::PendingContent;
use crate::run::embed::feature_keys;
use crate::run::encode::unwritable;
use crate::run::feature_sets::FeatureSet;
use crate::run::shard::{FeatureRequest, read_digests, shards};
use crate::run::show::Show;
use crate::run::{Caches, Gpu, Interrupt, Log, PendingLog, Planned, Watch, silent};
use crate::scenario::Device;
use std::ffi::OsStr;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

/// How to extract features.
pub(super) struct Extraction<'a> {
    /// Where processes may compute.
    pub(super) places: &'a Places,
    pub(super) caches: &'a Caches,
    pub(super) show: &'a Show,
    pub(super) interrupt: &'a Interrupt,
}

impl Extraction<'_> {
    /// Extracts the features that these cells need and the store lacks. Output of the plugins goes
    /// to the log at this path.
    ///
    /// # Errors
    ///
    /// The first that occurred, or [`Error::Interrupted`].
    pub(super) fn run(&self, cells: &[&Planned], log_path: &Path) -> Result<(), Error> {
        if cells.is_empty() {
            return Ok(());
        }
        // Two runs may be at this point. Each has a log of its own, which takes its place when it
        // is complete.
        let log = PendingLog::create(log_path);
        let sets = FeatureSet::all(cells);
        let on_cpu = sets.iter().all(|set| set.info.device == Device::CPU);
        let places = match on_cpu {
            true => self.places.clone(),
            false => self.places.each_gpu_once(),
        };
        let threads = places.number().min(sets.len());
        let work = Sets {
            extraction: self,
            processes: places.number(),
            all: &sets,
            next: AtomicUsize::new(0),
            slots: Slots::of(&places),
            unneeded: Arc::default(),
            error: OnceLock::new(),
            log: log.log(),
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                // The system may refuse to start so many; the others then do the work.
                let _ = thread::Builder::new().spawn_scoped(scope, || work.work());
            }
            work.work();
        });
        let error = work.error.into_inner();
        if let Err(error) = log.commit() {
            self.show.unlogged(log_path, &error);
        }
        self.interrupt.check()?;
        error.map_or(Ok(()), Err)
    }
}

/// The sets of features of a run, on their way.
struct Sets<'a> {
    extraction: &'a Extraction<'a>,
    /// How many processes may run at once.
    processes: usize,
    all: &'a [FeatureSet<'a>],
    /// The index of the next that nobody has begun.
    next: AtomicUsize,
    slots: Slots,
    /// Set by an error: no process is needed any more.
    unneeded: Arc<AtomicBool>,
    /// The first error.
    error: OnceLock<Error>,
    log: &'a Log,
}

impl Sets<'_> {
    fn work(&self) {
        while !self.stopped()
            && let Some(set) = self.all.get(self.next.fetch_add(1, Ordering::SeqCst))
        {
            if let Err(error) = self.extract(set) {
                self.failed(error);
            }
        }
    }

    fn stopped(&self) -> bool {
        self.unneeded.load(Ordering::SeqCst) || self.extraction.interrupt.requested()
    }

    /// Stops everything. Later errors are mostly those of processes that were stopped.
    fn failed(&self, error: Error) {
        let _ = self.error.set(error);
        self.unneeded.store(true, Ordering::SeqCst);
    }

    fn extract(&self, set: &FeatureSet<'_>) -> Result<(), Error> {
        let Extraction {
            caches,
            show,
            interrupt,
            ..
        } = *self.extraction;
        let (job, index, title) = (set.job, set.domain, set.title());
        let clock = Instant::now();
        let line = SetLine::new(show, title.clone());
        let domain = job.open_domain(index)?;
        let backbone = &job.cell.backbones[set.backbone];
        let keys = feature_keys(&domain, backbone, set.info, &set.outputs);
        let memory = caches.content.trusting(job.paths.trust[index]);
        let making = Making {
            sets: self,
            set,
            rows: domain.n_rows(),
            content: PendingContent::new(&domain, &job.cell.stream.domains[index].name, &memory),
            line: &line,
            began: OnceLock::new(),
        };
        let (unneeded, interrupt) = (self.unneeded.clone(), interrupt.clone());
        let stopped = move || unneeded.load(Ordering::SeqCst) || interrupt.requested();
        let store = caches.features.clone().until(stopped);
        store.open_or_compute(&keys, &making)?;
        let began = *making.began.get().unwrap_or(&clock);
        drop(line);
        show.say(&format!("{title}  {:.1} s", began.elapsed().as_secs_f64()));
        Ok(())
    }
}

/// A set of features, being made by other processes.
struct Making<'a> {
    sets: &'a Sets<'a>,
    set: &'a FeatureSet<'a>,
    /// The number of samples.
    rows: usize,
    content: PendingContent<'a>,
    line: &'a SetLine<'a>,
    /// When the first process was started.
    began: OnceLock<Instant>,
}

impl FeatureMaker for Making<'_> {
    type Error = Error;

    fn content(&self, others: &dyn Fn() -> bool) -> Result<Option<ContentDigest>, Error> {
        let progress = |done, total| self.line.read(done, total);
        let interrupt = self.sets.extraction.interrupt;
        self.content.known(others, interrupt, &progress)
    }

    fn compute(&self, missing: &[FeatureWriter]) -> Result<ContentDigest, Error> {
        let (sets, set) = (self.sets, self.set);
        let first = &missing[0];
        let digests = first.scratch().map_err(unwritable(first.path()))?;
        let digests = digests.temporary_path();
        let name = |path: &Path| {
            let name = path.file_name().and_then(OsStr::to_str);
            name.expect("the store's files have names in ASCII")
                .to_owned()
        };
        let outputs = missing.iter();
        let outputs = outputs.map(|writer| (writer.key().clone(), name(writer.path())));
        let whole = FeatureRequest {
            job: set.job.clone(),
            domain: set.domain,
            backbone: set.backbone,
            rows: 0..self.rows,
            batch: set.info.image_batch.max(1) as usize,
            outputs: outputs.collect(),
            digests: name(digests),
        };
        let mut shards = shards(self.rows, whole.batch, sets.processes);
        let all = Shards {
            sets,
            title: set.title(),
            line: self.line,
            whole: &whole,
            widths: OnceLock::new(),
        };
        self.line.expect(self.rows);
        let take = || {
            let slot = sets.slots.take(|| sets.stopped());
            self.began.get_or_init(Instant::now);
            slot
        };
        thread::scope(|scope| {
            // A thread waits for its slot before it is started, so that there are only as many as
            // slots. This one computes the first shard.
            for rows in shards.split_off(1) {
                let Some(slot) = take() else { return };
                let (all, of_thread) = (&all, rows.clone());
                let run = move || all.run(of_thread, slot);
                if thread::Builder::new().spawn_scoped(scope, run).is_err() {
                    shards.push(rows);
                }
            }
            for rows in shards {
                let Some(slot) = take() else { return };
                all.run(rows, slot);
            }
        });
        if sets.stopped() {
            return Err(Error::Interrupted);
        }
        let digests = read_digests(digests, self.rows).map_err(unwritable(digests))?;
        let digests = digests.ok_or_else(|| all.wrong("but some rows are missing"))?;
        self.content.read(digests)
    }

    fn notice(&self, line: &str) {
        self.line.warn(line);
    }
}

/// What the processes of a set of features have in common.
struct Shards<'a> {
    sets: &'a Sets<'a>,
    title: String,
    line: &'a SetLine<'a>,
    /// A request for all rows.
    whole: &'a FeatureRequest,
    /// The widths of the outputs, as the first process says.
    widths: OnceLock<serde_json::Value>,
}

impl Shards<'_> {
    /// Computes some rows in a process of their own.
    fn run(&self, rows: Range<usize>, slot: Slot<'_>) {
        if let Err(error) = self.compute(rows, slot.gpu()) {
            self.sets.failed(error);
        }
        drop(slot);
    }

    fn compute(&self, rows: Range<usize>, gpu: Option<&Gpu>) -> Result<(), Error> {
        let Extraction {
            show, interrupt, ..
        } = *self.sets.extraction;
        let first = rows.start;
        let request = FeatureRequest {
            rows,
            ..self.whole.clone()
        };
        let tell = |length| show.say(&silent(&self.title, length));
        let child = Child {
            work: Work::Features,
            args: &["embed"],
            gpu,
            paths: &[],
            input: &serde_json::to_string(&request).expect("plain data"),
            threads: request.job.cell.threads,
            log: Some(self.sets.log),
            foreground: false,
            watch: Watch {
                silent: Some(&tell),
                unneeded: Some(&self.sets.unneeded),
                ..Watch::default()
            },
        };
        let mut widths = None;
        child.run(interrupt, &mut |event| {
            widths = self.line.hear(first, event).or(widths.take());
        })?;
        let widths = widths.unwrap_or_default();
        match *self.widths.get_or_init(|| widths.clone()) == widths {
            true => Ok(()),
            false => Err(self.wrong("but the width of an output differs between images")),
        }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::Child {
            message: format!("{}: the processes reported success, {what}", self.title),
            code: ExitCode::Plugin,
            ending: Ending::Crashed,
            log: Some(Box::new(self.sets.log.end())),
        }
    }
}
