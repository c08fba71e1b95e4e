//! What a process of ours tells its parent: JSON lines on what was its standard output.
//!
//! Plugins may print. So before any plugin is loaded, the process keeps a private copy of its
//! standard output for the events and points standard output at standard error, which the parent
//! has pointed at a log.

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
    /// What is being done now, such as `features` or `checking linear`.
    Stage(String),
    /// A task of the stream begins.
    Task {
        /// Which one, from 1.
        task: u32,
        /// Of how many.
        of: u32,
    },
    /// How far a phase of it is.
    Progress {
        /// The phase, such as `epoch`.
        phase: String,
        /// Done.
        done: u64,
        /// Of how many.
        total: u64,
    },
    /// Something that the user should know.
    Warning(String),
    /// The answer of a process that was asked something.
    Answer(serde_json::Value),
    /// What was to be done is done and written; the process may end as it likes.
    Done,
    /// The end, with an error.
    Failed(Fault),
}

impl Event {
    /// What is being done from now on, if that is what it says.
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
    /// The parameter at fault: whose, its path (empty for the parameters as a whole), and the
    /// message alone.
    #[serde(default)]
    pub parameter: Option<(Kind, String, String)>,
    /// A panic's backtrace, for the log.
    #[serde(default)]
    pub backtrace: Option<String>,
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Fault {
        let (parameter, backtrace) = match error {
            Error::Plugin(PluginError::Failed { kind, error, .. }) => {
                let path = error.parameter_path().unwrap_or_default().to_owned();
                let at_fault = error.code() == ErrorCode::PARAMETER;
                (
                    at_fault.then(|| (*kind, path, error.message().to_owned())),
                    error.backtrace().map(str::to_owned),
                )
            }
            _ => (None, None),
        };
        Fault {
            code: error.exit_code() as u8,
            message: error.to_string(),
            parameter,
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
    /// Keeps standard output for events, and points it at standard error from now on.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn on_stdout() -> io::Result<Events> {
        let events = rustix::io::dup(rustix::stdio::stdout())?;
        rustix::io::fcntl_setfd(&events, rustix::io::FdFlags::CLOEXEC)?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
        Ok(Events(Mutex::new(Some(File::from(events)))))
    }

    /// Events that nobody hears.
    pub fn unheard() -> Events {
        Events(Mutex::new(None))
    }

    /// Tells. A parent that is gone is no reason to stop: the record is what counts.
    pub fn send(&self, event: &Event) {
        let mut line = serde_json::to_vec(event).expect("plain data");
        line.push(b'\n');
        if let Ok(mut out) = self.0.lock()
            && let Some(out) = out.as_mut()
        {
            let _ = out.write_all(&line);
        }
    }

    /// Tells what is being done.
    pub fn stage(&self, what: impl Into<String>) {
        self.send(&Event::Stage(what.into()));
    }
}
