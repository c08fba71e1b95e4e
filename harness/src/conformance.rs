//! What the testkit finds in a plugin file: `clbench plugin check`.
//!
//! A host relies on properties that types cannot express, such as that the seed decides every bit.
//! [`harness_abi::testkit`] checks them in an author's own tests; here the same checks run on a
//! file, on what it offers under a name. [`Target`] is what the user named. Each offer is checked
//! in a process of its own, so one that crashes is a finding, and the others are checked all the
//! same.

mod given;
mod python;
mod target;

use crate::error::{Ending, Error};
use crate::exit_code::ExitCode;
use crate::plugin::{Kind, Loaded, PluginFile, PluginRef};
use crate::run::{Child, Event, Events, Fault, Interrupt, Log, Watch, Work, silent};
use crate::scenario::Device;
use crate::terminal;
pub use given::GivenParameter;
use harness_abi::testkit::{self, Report};
use harness_abi::{Error as PluginsError, ErrorCode};
pub use python::PythonClass;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
pub use target::{Options, Planned, Target};

/// An offer to check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The plugin.
    pub plugin: PluginRef,
    /// A strategy or a backbone.
    pub kind: Kind,
    /// Its name in the plugin.
    pub name: String,
    /// Its parameters.
    pub parameters: Value,
    /// Where relative paths among them start, as an absolute path.
    pub folder: PathBuf,
    /// The seed; the testkit's own if there is none.
    pub seed: Option<u64>,
}

/// What the process of a check answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The checks ran.
    Checked(Report),
    /// They cannot run with these parameters on the testkit's toys.
    Refused(Fault),
}

/// How a check ended.
#[derive(Debug)]
pub struct Outcome {
    /// What was found.
    pub found: Found,
    /// What the plugin printed.
    pub printed: Vec<u8>,
}

/// What a check found.
#[derive(Debug)]
pub enum Found {
    /// The testkit's report.
    Report(Report),
    /// The plugin does not accept its parameters, or what the testkit lends it.
    Refused(Error),
    /// The plugin ended the process.
    Crashed(Error),
}

/// Checks a request. Call this in a separate process, which an interrupt ends before the next
/// check.
///
/// # Errors
///
/// If the plugin cannot be loaded.
pub fn perform(
    request: &Request,
    events: &Arc<Events>,
    interrupt: &Interrupt,
) -> Result<Answer, Error> {
    events.stage("loading");
    let loaded = Loaded::load(&PluginFile::open_planned(&request.plugin)?, Device::CPU)?;
    let plugin = testkit::loaded(loaded.foreign());
    let refused = |error| {
        let error = loaded.failed(request.kind, &request.name)(error);
        Answer::Refused(Fault::from(&Error::Plugin(error)))
    };
    let (tell, interrupt) = (events.clone(), interrupt.clone());
    let begin = move |check: testkit::Check| {
        if interrupt.requested() {
            process::exit(ExitCode::Interrupted as i32);
        }
        tell.stage(check.to_string());
    };
    events.stage("parameters");
    // The two kits have no type in common.
    macro_rules! checked {
        ($kit:expr) => {{
            let mut kit = $kit
                .parameters(request.parameters.clone())
                .folder(&request.folder)
                .before_each(begin);
            if let Some(seed) = request.seed {
                kit = kit.seed(seed);
            }
            match kit.accepts() {
                Err(error) if is_refusal(&error) => refused(error),
                _ => Answer::Checked(kit.report()),
            }
        }};
    }
    Ok(match request.kind {
        Kind::Backbone => checked!(plugin.backbone(&request.name)),
        _ => checked!(plugin.strategy(&request.name)),
    })
}

/// Whether an error is no fault of the plugin: wrong parameters, missing weights, or a toy that
/// lacks what the plugin needs.
fn is_refusal(error: &PluginsError) -> bool {
    [
        ErrorCode::PARAMETER,
        ErrorCode::DATA,
        ErrorCode::UNSUPPORTED,
    ]
    .contains(&error.code())
}

impl Request {
    /// Has the offer checked in a child process.
    ///
    /// # Errors
    ///
    /// If the plugin cannot be loaded, or the user interrupts the check.
    pub fn run(&self, interrupt: &Interrupt) -> Result<Outcome, Error> {
        let log = Log::in_memory();
        let input = serde_json::to_string(self).expect("plain data");
        let mut answer = None;
        let what = format!("the check of {} `{}`", self.kind, self.name);
        let tell = |length| terminal::say(silent(&what, length));
        let child = Child {
            work: Work::Check,
            args: &["testkit"],
            paths: &[],
            input: &input,
            // As the testkit tells the plugin.
            threads: 1,
            gpu: None,
            log: Some(&log),
            foreground: false,
            watch: Watch {
                silent: Some(&tell),
                ..Watch::default()
            },
        };
        let ended = child.run(interrupt, &mut |event| {
            if let Event::Answer(value) = event {
                answer = serde_json::from_value(value).ok();
            }
        });
        let found = match (ended, answer) {
            (Ok(()), Some(Answer::Checked(report))) => Found::Report(report),
            (Ok(()), Some(Answer::Refused(fault))) => Found::Refused(fault.into()),
            (Ok(()), None) => Found::Crashed(Error::Child {
                message: "the plugin ended the check before it was complete".into(),
                code: ExitCode::Plugin,
                ending: Ending::Crashed,
                log: None,
            }),
            (Err(error), _) => match error.with_log(None) {
                crashed @ Error::Child {
                    ending: Ending::Crashed | Ending::Killed,
                    ..
                } => Found::Crashed(crashed),
                error => return Err(error),
            },
        };
        Ok(Outcome {
            found,
            printed: log.text(),
        })
    }
}
