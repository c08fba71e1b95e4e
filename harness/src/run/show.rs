//! The progress display of a run, on standard error: bars on a terminal, plain lines elsewhere.

use super::{Event, silent};
use crate::results::Cell;
use crate::terminal::{self, visible};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The length of a process's bar.
const PARTS: f64 = 1000.0;

/// How often a plain line tells the progress within a stage or task.
const DETAIL: Duration = Duration::from_secs(60);

/// The display of a run.
pub(super) struct Show {
    /// On a terminal, and the one that counts cells.
    bars: Option<(MultiProgress, ProgressBar)>,
    total: usize,
    /// Whether plain lines tell what processes are doing.
    is_detailed: bool,
    /// Whether the user knows that a log cannot be written.
    unlogged: AtomicBool,
}

/// The line of one process. Its bar shows the tasks and, within a task, the progress that the
/// plugin reports.
pub(super) struct Line {
    bar: Option<ProgressBar>,
    title: String,
    stage: String,
    /// The current task and the number of tasks.
    task: Option<(u32, u32)>,
    /// If plain lines tell what the process is doing, when the last one did.
    told: Option<Instant>,
}

impl Show {
    /// A display of `total` cells.
    pub(super) fn new(total: usize) -> Show {
        let bars = std::io::stderr().is_terminal().then(|| {
            let bars = MultiProgress::new();
            let style =
                ProgressStyle::with_template("  {bar:20} {pos}/{len} cells  {elapsed}  {msg}")
                    .expect("a fixed template");
            let cells = bars.add(ProgressBar::new(total as u64).with_style(style));
            cells.enable_steady_tick(Duration::from_millis(250));
            (bars, cells)
        });
        Show {
            bars,
            total,
            is_detailed: false,
            unlogged: AtomicBool::new(false),
        }
    }

    /// A display of one process that does not belong to a run. Where there is no terminal, it also
    /// prints a line for each task, and about once a minute for the progress within.
    pub(super) fn of_one_process() -> Show {
        let mut show = Show::new(1);
        show.is_detailed = true;
        if let Some((_, cells)) = &show.bars {
            cells.finish_and_clear();
        }
        show
    }

    /// Shows what is happening to the cells that have not ended, beside the bar that counts them.
    pub(super) fn status(&self, status: &str) {
        if let Some((_, cells)) = &self.bars {
            cells.set_message(status.to_owned());
        }
    }

    /// Shows that this many cells already have results.
    pub(super) fn already(&self, done: usize) {
        if let Some((_, cells)) = &self.bars {
            cells.set_position(done as u64);
        }
        if done > 0 {
            self.say(&format!(
                "{done} of {} cells already have results",
                self.total
            ));
        }
    }

    /// Adds the line of a process.
    pub(super) fn begin(&self, title: String) -> Line {
        let bar = self.bars.as_ref().map(|(bars, cells)| {
            let style = ProgressStyle::with_template("{spinner} {bar:20} {wide_msg}")
                .expect("a fixed template");
            let bar = ProgressBar::new(PARTS as u64).with_style(style);
            let bar = bars.insert_before(cells, bar);
            bar.set_message(visible(&title).into_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Line {
            bar,
            title,
            stage: String::new(),
            task: None,
            told: (self.is_detailed && self.bars.is_none()).then(Instant::now),
        }
    }

    /// Prints a line above the bars.
    pub(super) fn say(&self, line: &str) {
        match &self.bars {
            Some((bars, _)) => drop(bars.println(visible(line))),
            None => terminal::say(line),
        }
    }

    /// Shows that a log cannot be written, for the first of them.
    pub(super) fn unlogged(&self, log: &Path, error: &io::Error) {
        if !self.unlogged.swap(true, Ordering::SeqCst) {
            self.say(&format!("warning: {}", unlogged(log, error)));
        }
    }

    /// What prints a line above the bars, also from another thread.
    pub(super) fn speaker(&self) -> impl Fn(&str) + Send + 'static {
        let bars = self.bars.as_ref().map(|(bars, _)| bars.clone());
        move |line| match &bars {
            Some(bars) => drop(bars.println(visible(line))),
            None => terminal::say(line),
        }
    }

    /// Shows that a cell has said nothing for this long.
    pub(super) fn silent(&self, title: &str, length: Duration, log: &Path) {
        let silent = silent(title, length);
        self.say(&format!("{silent}. Its log: {}", log.display()));
    }

    /// Shows that a cell has ended, as the `done`th.
    pub(super) fn ended(&self, done: usize, cell: &Cell, how: &str) {
        if let Some((_, cells)) = &self.bars {
            cells.set_position(done as u64);
        }
        let width = self.total.to_string().len();
        self.say(&format!(
            "[{done:>width$}/{}] {}  {how}",
            self.total,
            cell.title()
        ));
    }
}

impl Line {
    /// Shows an event of the process.
    pub(super) fn hear(&mut self, show: &Show, event: &Event) {
        if let Some(stage) = event.stage() {
            self.stage = stage;
        }
        match event {
            Event::Stage(_) => {
                self.task = None;
                self.show(&self.stage, 0.0);
            }
            Event::Task { task, of } => {
                self.task = Some((*task, *of));
                self.tell(show, &self.stage.clone());
                self.show(&self.stage, 0.0);
            }
            Event::Progress { phase, done, total } => {
                let part = (*done as f64 / (*total).max(1) as f64).min(1.0);
                let text = format!("{}, {phase} {done}/{total}", self.stage);
                if self.told.is_some_and(|told| told.elapsed() >= DETAIL) {
                    self.tell(show, &text);
                }
                self.show(&text, part);
            }
            Event::Warning(warning) => show.say(&format!("warning: {}: {warning}", self.title)),
            Event::Note(note) => show.say(&format!("{}: {note}", self.title)),
            Event::Answer(_) | Event::Done | Event::Failed(_) => {}
        }
    }

    /// Prints what the process is doing, if plain lines tell.
    fn tell(&mut self, show: &Show, text: &str) {
        if self.told.is_some() {
            show.say(&format!("{}: {text}", self.title));
            self.told = Some(Instant::now());
        }
    }

    /// `part` is the completed fraction of the task, or of the stage if there is no task.
    fn show(&self, text: &str, part: f64) {
        let Some(bar) = &self.bar else { return };
        let part = match self.task {
            Some((task, of)) => (f64::from(task) - 1.0 + part) / f64::from(of),
            None => part,
        };
        bar.set_position((part * PARTS) as u64);
        // A single message, so that a narrow terminal truncates it as a whole.
        let message = format!("{}  {text}", self.title);
        bar.set_message(visible(&message).into_owned());
    }
}

/// What to say about a log that cannot be written.
pub fn unlogged(log: &Path, error: &io::Error) -> String {
    format!(
        "cannot write log {}: {error}; the work goes on, but logs lack output of plugins",
        log.display()
    )
}

/// A bar of images that are read, on a terminal; nothing elsewhere.
pub struct ImageBar(ProgressBar);

impl ImageBar {
    /// A bar with this title.
    pub fn new(title: &str) -> ImageBar {
        let bar = match std::io::stderr().is_terminal() {
            true => {
                let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}  {eta}");
                ProgressBar::no_length().with_style(style.expect("a fixed template"))
            }
            false => ProgressBar::hidden(),
        };
        bar.set_message(visible(title).into_owned());
        ImageBar(bar)
    }

    /// Shows how many images were read.
    pub fn show(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

impl Drop for ImageBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        if let Some((_, cells)) = &self.bars {
            cells.finish_and_clear();
        }
    }
}
