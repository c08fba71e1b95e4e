//! The host's services for plugins, in the process of a cell.

use super::scalars::Scalars;
use super::{Event, Events, Interrupt};
use crate::terminal;
use harness_abi::host::HostService;
use harness_abi::{Host, Level};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Minimum time between progress events: a plugin may report a thousand times a second.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// A host that passes progress and warnings from plugins to the parent, and logs everything but
/// progress. Scalars also go to `scalars`.
pub(super) fn host(events: Arc<Events>, interrupt: Interrupt, scalars: Arc<Scalars>) -> Host {
    Host::serving(Arc::new(CellHost {
        events,
        interrupt,
        scalars,
        last: Mutex::new(None),
    }))
}

struct CellHost {
    events: Arc<Events>,
    interrupt: Interrupt,
    scalars: Arc<Scalars>,
    last: Mutex<Option<Instant>>,
}

impl HostService for CellHost {
    fn progress(&self, phase: &str, done: u64, total: u64) {
        let Ok(mut last) = self.last.lock() else {
            return;
        };
        let due = last.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL);
        if due || done >= total {
            *last = Some(Instant::now());
            self.events.send(&Event::Progress {
                phase: phase.to_owned(),
                done,
                total,
            });
        }
    }

    fn log(&self, level: Level, message: &str) {
        match level {
            Level::Debug => terminal::say(format_args!("debug: {message}")),
            Level::Info => terminal::say(message),
            Level::Warning => {
                terminal::say(format_args!("warning: {message}"));
                self.events.send(&Event::Warning(message.to_owned()));
            }
        }
    }

    fn scalar(&self, name: &str, step: u64, value: f64) {
        terminal::say(format_args!("{name}[{step}] = {value}"));
        if let Some(warning) = self.scalars.add(name, step, value) {
            self.log(Level::Warning, &warning);
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupt.requested()
    }
}
