//! What the user sees of a run: bars on a terminal, plain lines elsewhere. All of it on standard
//! error.

use super::Event;
use crate::results::Cell;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// The parts that a process's bar is divided into.
const PARTS: f64 = 1000.0;

/// The display of a run.
pub(super) struct Show {
    bars: Option<(MultiProgress, ProgressBar)>,
    total: usize,
}

/// The line of one process: its bar moves with its tasks and, within a task, with whatever the
/// plugin counts.
pub(super) struct Line {
    bar: Option<ProgressBar>,
    title: String,
    stage: String,
    /// Which task of how many.
    task: Option<(u32, u32)>,
}

impl Show {
    /// A display of `total` cells.
    pub(super) fn new(total: usize) -> Show {
        let bars = std::io::stderr().is_terminal().then(|| {
            let bars = MultiProgress::new();
            let style = ProgressStyle::with_template("  {bar:20} {pos}/{len} cells  {elapsed}")
                .expect("a fixed template");
            let cells = bars.add(ProgressBar::new(total as u64).with_style(style));
            cells.enable_steady_tick(Duration::from_millis(250));
            (bars, cells)
        });
        Show { bars, total }
    }

    /// So many cells need not be run.
    pub(super) fn already(&self, done: usize) {
        if let Some((_, cells)) = &self.bars {
            cells.set_position(done as u64);
        }
        if done > 0 {
            self.say(&format!(
                "{done} of {} cells have their results already",
                self.total
            ));
        }
    }

    /// A process begins.
    pub(super) fn begin(&self, title: String) -> Line {
        let bar = self.bars.as_ref().map(|(bars, cells)| {
            let style = ProgressStyle::with_template("{spinner} {bar:20} {wide_msg}")
                .expect("a fixed template");
            let bar = ProgressBar::new(PARTS as u64).with_style(style);
            let bar = bars.insert_before(cells, bar);
            bar.set_message(title.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Line {
            bar,
            title,
            stage: String::new(),
            task: None,
        }
    }

    /// Says something between the bars.
    pub(super) fn say(&self, line: &str) {
        match &self.bars {
            Some((bars, _)) => drop(bars.println(line)),
            None => eprintln!("{line}"),
        }
    }

    /// A cell has ended; it is the `done`th.
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
    /// Shows what a process tells.
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
                self.show(&self.stage, 0.0);
            }
            Event::Progress { phase, done, total } => {
                let part = (*done as f64 / (*total).max(1) as f64).min(1.0);
                self.show(&format!("{}, {phase} {done}/{total}", self.stage), part);
            }
            Event::Warning(warning) => show.say(&format!("warning: {}: {warning}", self.title)),
            Event::Answer(_) | Event::Done | Event::Failed(_) => {}
        }
    }

    /// `part` is how much of the task is done, or of the stage where there is no task.
    fn show(&self, text: &str, part: f64) {
        let Some(bar) = &self.bar else { return };
        let part = match self.task {
            Some((task, of)) => (f64::from(task) - 1.0 + part) / f64::from(of),
            None => part,
        };
        bar.set_position((part * PARTS) as u64);
        // In one piece, which is cut off where a narrow terminal ends.
        bar.set_message(format!("{}  {text}", self.title));
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
