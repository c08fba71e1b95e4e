//! What a child process tells its parent: JSON lines on its original standard output.
//!
//! Plugins may print. So before any plugin is loaded, the process keeps a private copy of its
//! standard output for the events, and redirects standard output to standard error, which the
//! parent has redirected to a log.

use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::plugin::{Kind, PluginError};
use harness_abi::ErrorCode;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
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
    /// The new stage, if this event begins one.
    pub(super) fn stage(&self) -> Option<String> {
        match self {
            Event::Stage(what) => Some(what.clone()),
            Event::Task { task, of } => Some(format!("task {task}/{of}")),
            _ => None,
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
        Fault {
            code: error.exit_code() as u8,
            message: error.to_string(),
            parameter,
            missing,
            backtrace,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error::Child {
            code: ExitCode::of_status(Some(fault.code.into())),
            message: fault.message,
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
        let mut line = serde_json::to_vec(event).expect("plain data");
        line.push(b'\n');
        if let Ok(mut out) = self.0.lock()
            && let Some(out) = out.as_mut()
        {
            let _ = out.write_all(&line);
        }
    }

    /// Sends what the process is doing now.
    pub fn stage(&self, what: impl Into<String>) {
        self.send(&Event::Stage(what.into()));
    }
}
