//! What a child process tells its parent: JSON lines on its original standard output.
//!
//! Plugins may print. So before any plugin is loaded, the process keeps a private copy of its
//! standard output for the events, and redirects standard output to standard error, which the
//! parent has redirected to a log.
//!
//! A plugin can write to that copy all the same, as it shares the process. So an event never
//! continues a line that something else began, what is not an event is skipped, and the parent
//! believes files, not events.

use crate::error::{Ending, Error};
use crate::exit_code::ExitCode;
use crate::full_disk::FullDisk;
use crate::plugin::{Kind, PluginError};
use harness_abi::ErrorCode;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::sync::Mutex;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// What the process is doing now, such as `checking strategy …`.
    Stage(String),
    /// A task of the stream begins.
    Task {
        /// The task, from 1.
        task: u32,
        /// The number of tasks.
        of: u32,
    },
    /// The progress of a phase of the stage or task.
    Progress {
        /// The phase, such as `epoch`.
        phase: String,
        /// How many units are done.
        done: u64,
        /// How many units there are.
        total: u64,
    },
    /// Something that the user should know.
    Warning(String),
    /// Something that the user may want to know.
    Note(String),
    /// The answer to a request.
    Answer(serde_json::Value),
    /// All work is done and written; how the process ends no longer matters.
    Done,
    /// The work failed.
    Failed(Fault),
}

impl Event {
    /// The events in what a process writes. Anything else in it is skipped.
    pub(super) fn all_in(output: impl BufRead) -> impl Iterator<Item = Event> {
        EventLines(output)
    }

    /// The new stage, if this event begins one.
    pub(super) fn stage(&self) -> Option<String> {
        match self {
            Event::Stage(what) => Some(what.clone()),
            Event::Task { task, of } => Some(format!("task {task}/{of}")),
            _ => None,
        }
    }
}

/// The longest line that may be an event, in bytes. Tables are the longest.
const LONGEST: u64 = 64 << 20;

/// Iterates over the events among the lines of a process's output.
struct EventLines<R>(R);

impl<R: BufRead> Iterator for EventLines<R> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        // Whether a line that is too long has begun, so that its rest is no event.
        let mut within = false;
        loop {
            let mut line = Vec::new();
            let read = (&mut self.0).take(LONGEST).read_until(b'\n', &mut line);
            if !matches!(read, Ok(1..)) {
                return None;
            }
            let ends = line.ends_with(b"\n");
            if !std::mem::replace(&mut within, !ends)
                && let Ok(event) = serde_json::from_slice(&line)
            {
                return Some(event);
            }
        }
    }
}

/// An error on its way to the parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The process's exit code.
    pub code: u8,
    /// The error's text.
    pub message: String,
    /// The parameter at fault: the kind of plugin object, the parameter's path (empty for the
    /// parameters as a whole), and the message without context.
    #[serde(default)]
    pub parameter: Option<(Kind, String, String)>,
    /// If files do not exist: the kind of plugin object that needs them, and its own message.
    #[serde(default)]
    pub missing: Option<(Kind, String)>,
    /// The full disk that caused it.
    #[serde(default)]
    pub full_disk: Option<FullDisk>,
    /// A panic's backtrace, for the log.
    #[serde(default)]
    pub backtrace: Option<String>,
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Fault {
        let (parameter, missing, backtrace) = match error {
            Error::Plugin(PluginError::Failed { kind, error, .. }) => {
                let path = error.parameter_path().unwrap_or_default().to_owned();
                let at_fault = error.code() == ErrorCode::PARAMETER;
                (
                    at_fault.then(|| (*kind, path, error.message().to_owned())),
                    error.is_missing().then(|| (*kind, error.to_string())),
                    error.backtrace().map(str::to_owned),
                )
            }
            _ => (None, None, None),
        };
        let full_disk = FullDisk::behind(error);
        let (code, message) = match &full_disk {
            Some(full) => (ExitCode::Internal, full.to_string()),
            None => (error.exit_code(), error.to_string()),
        };
        Fault {
            code: code as u8,
            message,
            parameter,
            missing,
            full_disk,
            backtrace,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        if let Some(full) = fault.full_disk {
            return Error::FullDisk(Box::new(full));
        }
        // A plugin can send a fault too; a failure never counts as success.
        let code = match ExitCode::of_status(Some(fault.code.into())) {
            ExitCode::Good => ExitCode::Plugin,
            code => code,
        };
        Error::Child {
            code,
            message: fault.message,
            ending: Ending::Reported,
            log: None,
        }
    }
}

/// Where events go.
#[derive(Debug)]
pub struct Events(Mutex<Option<File>>);

impl Events {
    /// Keeps standard output for events, and redirects it to standard error from now on.
    ///
    /// # Errors
    ///
    /// If the file descriptors cannot be duplicated.
    pub fn on_stdout() -> io::Result<Events> {
        let events = rustix::io::dup(rustix::stdio::stdout())?;
        rustix::io::fcntl_setfd(&events, rustix::io::FdFlags::CLOEXEC)?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
        Ok(Events(Mutex::new(Some(File::from(events)))))
    }

    /// Events that are discarded.
    pub fn unheard() -> Events {
        Events(Mutex::new(None))
    }

    /// Sends an event. If the parent is gone, work goes on: the record is what counts.
    pub fn send(&self, event: &Event) {
        let event = serde_json::to_string(event).expect("plain data");
        // A blank line first: a plugin may have written half a line here.
        let line = format!("\n{event}\n");
        if let Ok(mut out) = self.0.lock()
            && let Some(out) = out.as_mut()
        {
            let _ = out.write_all(line.as_bytes());
        }
    }

    /// Sends what the process is doing now.
    pub fn stage(&self, what: impl Into<String>) {
        self.send(&Event::Stage(what.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(output: &[u8]) -> Vec<Event> {
        Event::all_in(output).collect()
    }

    #[test]
    fn what_a_plugin_writes_between_events_hides_none() {
        let done = b"\n\"done\"\n".as_slice();
        for noise in [
            b"half a line".as_slice(),
            b"{\"stage\":\"x",
            b"\xff\xfe not UTF-8\n",
            b"\0\0\0",
            b"\n\n",
            b"",
        ] {
            let output = [noise, done, noise, done].concat();
            assert_eq!(heard(&output), [Event::Done, Event::Done], "{noise:?}");
        }
        assert_eq!(heard(b"\"done\""), [Event::Done]);
    }

    #[test]
    fn a_forged_fault_is_never_a_success() {
        let forged = br#"{"failed":{"code":0,"message":"all good"}}"#;
        let [Event::Failed(fault)] = &heard(forged)[..] else {
            panic!("it is a fault");
        };
        assert_eq!(Error::from(fault.clone()).exit_code(), ExitCode::Plugin);
    }
}
