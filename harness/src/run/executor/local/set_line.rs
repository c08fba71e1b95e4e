//! The line of a set of features in the progress display, which counts the images of all processes
//! that compute it.

use crate::run::Event;
use crate::run::show::{Line, Show};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The line of a set of features.
pub(super) struct SetLine<'a> {
    show: &'a Show,
    state: Mutex<State>,
}

struct State {
    line: Line,
    /// The number of images.
    total: u64,
    /// How many of them each process has encoded, by its first.
    done: HashMap<usize, u64>,
    /// What processes have said to the user. Each would say the same.
    said: HashSet<String>,
}

impl<'a> SetLine<'a> {
    pub(super) fn new(show: &'a Show, title: String) -> SetLine<'a> {
        let state = State {
            line: show.begin(title),
            total: 0,
            done: HashMap::new(),
            said: HashSet::new(),
        };
        SetLine {
            show,
            state: Mutex::new(state),
        }
    }

    /// From now on, this many images are encoded.
    pub(super) fn expect(&self, total: usize) {
        self.lock().total = total as u64;
    }

    /// Shows how many images were read for their digests.
    pub(super) fn read(&self, done: u64, total: u64) {
        let mut state = self.lock();
        if done == 1 {
            let stage = Event::Stage("checking the images".into());
            state.line.hear(self.show, &stage);
        }
        let phase = "image".to_owned();
        let event = Event::Progress { phase, done, total };
        state.line.hear(self.show, &event);
    }

    pub(super) fn warn(&self, warning: &str) {
        let event = Event::Warning(warning.to_owned());
        self.lock().line.hear(self.show, &event);
    }

    /// Shows an event of the process whose first image is given. Returns the answer, if it is one.
    pub(super) fn hear(&self, first: usize, event: Event) -> Option<serde_json::Value> {
        let mut state = self.lock();
        let begun = !state.done.is_empty();
        let event = match event {
            Event::Answer(answer) => return Some(answer),
            Event::Progress { phase, done, .. } if phase == "image" => {
                state.done.insert(first, done);
                Event::Progress {
                    phase,
                    done: state.done.values().sum(),
                    total: state.total,
                }
            }
            Event::Warning(said) if !state.said.insert(said.clone()) => return None,
            Event::Note(said) if !state.said.insert(said.clone()) => return None,
            // A process that starts while others encode.
            Event::Stage(_) | Event::Progress { .. } if begun => return None,
            event => event,
        };
        state.line.hear(self.show, &event);
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
