//! Waits for tasks: asks Slurm which are queued or running, and looks for the results of the
//! others.

use super::Work;
use super::array::{Array, Kind};
use super::client::{Client, Ending};
use super::error::SlurmError;
use super::message::{end_of, failed, in_words, last_lines};
use super::submission::Submission;
use crate::error::Error;
use crate::run::Planned;
use crate::run::alone::Obtained;
use crate::run::cell_state::{Recorded, recorded};
use crate::template::shell_word;
use std::collections::{BTreeSet, HashMap};
use std::env;
use std::thread;
use std::time::{Duration, Instant};

/// The shortest and the longest pause between two questions to Slurm, whose sites ask not to be
/// asked often. The pause grows with the time that was waited.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// How often to look whether the user asks to stop.
const LOOK: Duration = Duration::from_millis(100);

/// How long after a task has ended a file that it wrote may still be missing here: clients of a
/// network file system remember for up to a minute that a file was not there.
const LAG: Duration = Duration::from_secs(90);

/// How long to wait for any sign of a task that Slurm does not know: it was cancelled in the queue.
const SIGN: Duration = Duration::from_secs(10);

/// The cells of a run that are tasks of submissions.
pub(super) struct Watcher<'a> {
    work: &'a Work<'a>,
    client: &'a Client,
    /// All arrays of the submissions, and the features that each needs first.
    arrays: Vec<(&'a Array, Vec<&'a Array>)>,
    /// The cells that have not ended, with the array and the number of their latest task.
    waiting: HashMap<(usize, usize), &'a Planned>,
    /// How tasks of arrays have ended that were cancelled together, so that Slurm need not be asked
    /// about each.
    endings: Vec<(usize, Ending)>,
    /// When a task that left neither a record nor a reason was first missed.
    missed: HashMap<(usize, usize), Instant>,
    /// How many cells were cancelled before they started.
    cancelled: usize,
    /// The arrays that these are tasks of.
    starving: BTreeSet<usize>,
    fail_fast: bool,
    /// What is known of the queue.
    queue: Queue,
    /// Whether the user knows that Slurm does not answer.
    told: bool,
}

/// The tasks that are queued or running.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Queue {
    features: usize,
    running: usize,
    queued: usize,
}

/// What became of a task that is neither queued nor running.
enum Fate {
    Done(Duration),
    Failed(Error),
    /// It was ended, or has not left what it should have.
    Unfinished(String),
    NeverStarted,
    /// Perhaps its record is only late.
    Unknown,
}

impl<'a> Watcher<'a> {
    /// Watches the cells among the missing ones that these submissions have.
    pub(super) fn new(
        work: &'a Work<'a>,
        client: &'a Client,
        submissions: &'a [Submission],
        fail_fast: bool,
    ) -> Watcher<'a> {
        let mut arrays = Vec::new();
        for submission in submissions {
            let features: Vec<&Array> = (submission.arrays.iter())
                .filter(|array| array.kind == Kind::Features)
                .collect();
            arrays.extend(
                submission
                    .arrays
                    .iter()
                    .map(|array| (array, features.clone())),
            );
        }
        // The latest task of each cell.
        let mut places = HashMap::new();
        for (index, (array, _)) in arrays.iter().enumerate() {
            if array.kind == Kind::Cells && array.job.is_some() {
                let tasks = array.tasks.iter().zip(1..);
                places.extend(tasks.map(|(id, number)| (&**id, (index, number))));
            }
        }
        let mut waiting = HashMap::new();
        for &cell in work.missing {
            match places.get(&*cell.job.cell.id) {
                Some(&place) => drop(waiting.insert(place, cell)),
                // It was not submitted, because it has a record by now.
                None => work.ended.note(&cell.job, Ok(Obtained::MadeByAnotherRun)),
            }
        }
        Watcher {
            work,
            client,
            arrays,
            waiting,
            endings: Vec::new(),
            missed: HashMap::new(),
            cancelled: 0,
            starving: BTreeSet::new(),
            fail_fast,
            queue: Queue::default(),
            told: false,
        }
    }

    /// Waits until every cell has ended, or the user asks to stop.
    pub(super) fn wait(&mut self) -> Result<(), Error> {
        let (start, interrupt) = (Instant::now(), self.work.interrupt);
        while !interrupt.requested() {
            match self.look() {
                Ok(()) => self.told = false,
                Err(SlurmError::Stopped) => break,
                Err(error @ SlurmError::Missing { .. }) => return Err(error.into()),
                // Its controller may be restarting.
                Err(error) => {
                    if !std::mem::replace(&mut self.told, true) {
                        self.work
                            .show
                            .say(&format!("warning: {error}; asking again"));
                    }
                }
            }
            if self.waiting.is_empty() {
                break;
            }
            let pause = (start.elapsed() / 20).clamp(PAUSES[0], PAUSES[1]);
            let until = Instant::now() + pause;
            while Instant::now() < until && !interrupt.requested() {
                thread::sleep(LOOK);
            }
        }
        self.tell_cancelled();
        Ok(())
    }

    /// Asks Slurm once, and notes the cells that have ended.
    pub(super) fn look(&mut self) -> Result<(), SlurmError> {
        let mut asked: BTreeSet<usize> = self.waiting.keys().map(|(array, _)| *array).collect();
        for (index, (array, _)) in self.arrays.iter().enumerate() {
            let is_needed = |cells: &usize| {
                let (_, features) = &self.arrays[*cells];
                features
                    .iter()
                    .any(|feature| std::ptr::eq(*feature, *array))
            };
            if array.kind == Kind::Features && array.job.is_some() && asked.iter().any(is_needed) {
                asked.insert(index);
            }
        }
        let asked: Vec<usize> = asked.into_iter().collect();
        let arrays: Vec<&Array> = asked.iter().map(|&index| self.arrays[index].0).collect();
        let mut queue = Queue::default();
        let mut gone = self.waiting.clone();
        for task in self.client.alive(&arrays)? {
            let array = asked[task.array];
            match (self.arrays[array].0.kind, task.is_running) {
                (Kind::Features, _) => queue.features += 1,
                (Kind::Cells, true) => queue.running += 1,
                (Kind::Cells, false) => queue.queued += 1,
            }
            gone.remove(&(array, task.number));
        }
        self.queue = queue;
        let mut gone: Vec<_> = gone.into_iter().collect();
        gone.sort_by_key(|(place, _)| *place);
        for (place, cell) in gone {
            if self.work.interrupt.requested() {
                break;
            }
            self.settle(place, cell);
        }
        self.work.show.status(&self.queue.to_string());
        Ok(())
    }

    /// Notes the end of a task, if it is known.
    fn settle(&mut self, place: (usize, usize), cell: &Planned) {
        let Work { show, ended, .. } = *self.work;
        let title = cell.job.cell.title();
        match self.fate(place, cell) {
            Fate::Unknown => return,
            Fate::Done(time) => ended.note(&cell.job, Ok(Obtained::Run(time))),
            Fate::Failed(error) => {
                ended.note(&cell.job, Err(error));
                if self.fail_fast {
                    self.cancel_queued();
                }
            }
            Fate::Unfinished(why) => show.say(&format!("{title}  not finished: {why}")),
            Fate::NeverStarted => {
                self.cancelled += 1;
                self.starving.insert(place.0);
            }
        }
        self.waiting.remove(&place);
    }

    fn fate(&mut self, place: (usize, usize), cell: &Planned) -> Fate {
        let (job, folder) = (&cell.job, self.work.folder);
        if let Recorded::Whole(record) = recorded(folder, job) {
            return Fate::Done(Duration::from_secs_f64(record.costs.wall_seconds.total));
        }
        let id = &job.cell.id;
        if let Some(failure) = folder.failure(id) {
            return Fate::Failed(failed(failure.message, &folder.log(id), Vec::new()));
        }
        let log = self.arrays[place.0].0.log(place.1);
        let since = *self.missed.entry(place).or_insert_with(Instant::now);
        match self.ending(place) {
            // An error that running it again may help against, so it was not kept.
            Some(ending) if ending.state == "FAILED" => {
                Fate::Failed(failed(in_words(&ending), &log, last_lines(&log)))
            }
            Some(ending) if ending.state != "COMPLETED" && log.exists() => {
                Fate::Unfinished(in_words(&ending) + &end_of(&log, Vec::new()))
            }
            Some(ending) if ending.state == "CANCELLED" => Fate::NeverStarted,
            None if !log.exists() && since.elapsed() > SIGN => Fate::NeverStarted,
            _ if since.elapsed() < LAG => Fate::Unknown,
            _ => Fate::Unfinished(
                "its task has ended without a result".to_owned() + &end_of(&log, last_lines(&log)),
            ),
        }
    }

    /// How a task has ended, if Slurm still knows.
    fn ending(&mut self, (array, number): (usize, usize)) -> Option<Ending> {
        let has = |ending: &Ending| ending.tasks.iter().any(|tasks| tasks.contains(&number));
        let mut known = self.endings.iter();
        if let Some((_, ending)) = known.find(|(of, ending)| *of == array && has(ending)) {
            return Some(ending.clone());
        }
        let job = self.arrays[array].0.job.as_deref()?;
        let ending = self.client.ending(job, number)?;
        if ending.state == "CANCELLED" {
            self.endings.push((array, ending.clone()));
        }
        Some(ending)
    }

    fn cancel_queued(&self) {
        let arrays = self.waiting.keys().map(|(array, _)| *array);
        let arrays: BTreeSet<usize> = arrays.collect();
        let jobs = arrays
            .iter()
            .filter_map(|&array| self.arrays[array].0.job.clone());
        let jobs: Vec<String> = jobs.collect();
        if !jobs.is_empty()
            && let Err(error) = self.client.cancel_queued(&jobs)
        {
            self.work.show.say(&format!("warning: {error}"));
        }
    }

    /// Tells which cells were cancelled, and the failed features that were the reason.
    fn tell_cancelled(&self) {
        if self.cancelled == 0 {
            return;
        }
        let show = self.work.show;
        let mut failed = 0;
        let mut told = BTreeSet::new();
        for &cells in &self.starving {
            for features in &self.arrays[cells].1 {
                if !told.insert(features.script()) {
                    continue;
                }
                let job = features.job.as_deref().unwrap_or_default();
                for (title, number) in features.tasks.iter().zip(1..) {
                    let log = features.log(number);
                    match self.client.ending(job, number) {
                        Some(ending) if ending.state != "COMPLETED" && log.exists() => {
                            failed += 1;
                            let why = in_words(&ending);
                            let end = end_of(&log, last_lines(&log));
                            show.say(&format!("{title}  failed: {why}{end}"));
                        }
                        _ => {}
                    }
                }
            }
        }
        let cancelled = match self.cancelled {
            1 => "1 cell was cancelled before it started".to_owned(),
            several => format!("{several} cells were cancelled before they started"),
        };
        let because = if failed > 0 {
            ", since features are missing"
        } else {
            ""
        };
        show.say(&format!("{cancelled}{because}"));
    }

    /// For people: what is where, and how to come back.
    pub(super) fn whereabouts(&self) -> String {
        let number = self.waiting.len();
        let arrays: BTreeSet<usize> = self.waiting.keys().map(|(array, _)| *array).collect();
        let mut jobs = BTreeSet::new();
        for &array in &arrays {
            let (cells, features) = &self.arrays[array];
            let all = features.iter().chain([cells]);
            jobs.extend(all.filter_map(|array| array.job.clone()));
        }
        let jobs: Vec<String> = jobs.into_iter().collect();
        let args: Vec<String> = env::args_os()
            .map(|word| shell_word(&word.to_string_lossy()))
            .collect();
        let args = args
            .iter()
            .map(String::as_str)
            .filter(|word| *word != "--detach");
        let command = args.collect::<Vec<_>>().join(" ");
        let (are, them) = if number == 1 {
            ("cell is", "it")
        } else {
            ("cells are", "them")
        };
        format!(
            "{number} {are} with Slurm ({}). To come back, run `{command}`; to cancel {them}, `scancel {}`",
            self.queue,
            jobs.join(" ")
        )
    }
}

impl std::fmt::Display for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            (self.features, "features to compute"),
            (self.running, "running"),
            (self.queued, "queued"),
        ];
        let parts = parts.iter().filter(|(number, _)| *number > 0);
        let parts: Vec<String> = parts
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        match parts.is_empty() {
            true => f.write_str("ending"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}
