//! Child processes that run this same program.

use super::{Event, Interrupt, Log};
use crate::error::{Ending, Error};
use crate::exit_code::ExitCode;
use std::io::{BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::{env, thread};

/// A process to start.
pub struct Child<'a> {
    /// The hidden subcommand and its arguments.
    pub args: &'a [&'a str],
    /// Further arguments that are paths.
    pub paths: &'a [&'a Path],
    /// Its standard input.
    pub input: &'a str,
    /// How many threads libraries may use in it.
    pub threads: u32,
    /// The log for its output: plugins may print, and that must not mix with our own output.
    pub log: &'a Log,
}

impl Child<'_> {
    /// Starts the process, passes its events to `hear`, and waits until it ends.
    ///
    /// # Errors
    ///
    /// The error that the process reported, or how it ended if it reported none.
    pub fn run(self, interrupt: &Interrupt, hear: &mut dyn FnMut(Event)) -> Result<(), Error> {
        let internal =
            |error: std::io::Error| Error::Internal(format!("cannot run a child process: {error}"));
        let threads = self.threads.to_string();
        let mut command = Command::new(env::current_exe().map_err(internal)?);
        command
            .args(self.args)
            .args(self.paths)
            .envs(
                ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]
                    .map(|name| (name, &threads)),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().map_err(internal)?;
        let _running = interrupt.started(process.id());
        let log = self.log.read(process.stderr.take().expect("piped"));
        let mut stdin = process.stdin.take().expect("piped");
        let stdout = process.stdout.take().expect("piped");
        let (mut fault, mut done, mut stage) = (None, false, None);
        thread::scope(|scope| {
            // A process that ends before it has read everything says why with its events.
            scope.spawn(move || {
                let _ = stdin.write_all(self.input.as_bytes());
            });
            for event in Event::all_in(BufReader::new(stdout)) {
                match event {
                    Event::Failed(reported) => fault = Some(reported),
                    Event::Done => done = true,
                    event => {
                        stage = event.stage().or(stage.take());
                        hear(event);
                    }
                }
            }
        });
        let status = process.wait().map_err(internal)?;
        let log = Some(Box::new(log.end()));
        match fault {
            Some(fault) => Err(Error::from(fault).with_log(log)),
            // The exit status is not enough: a plugin can exit with 0 halfway, or crash the process
            // at exit.
            None if done => Ok(()),
            None if interrupt.requested() => Err(Error::Interrupted),
            None => {
                let message = match stage {
                    Some(stage) => format!("{stage}: {}", ending(status)),
                    None => ending(status),
                };
                let ending = match status.signal() {
                    Some(9) => Ending::Killed,
                    _ => Ending::Crashed,
                };
                Err(Error::Child {
                    message,
                    code: ExitCode::Plugin,
                    ending,
                    log,
                })
            }
        }
    }
}

/// How a process ended without reporting it, which only a plugin's code can cause.
fn ending(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => {
            "the process was killed (signal 9), perhaps because it ran out of memory".into()
        }
        (Some(signal), _) => format!("a plugin crashed the process (signal {signal})"),
        (None, code) => format!(
            "a plugin ended the process (exit status {})",
            code.unwrap_or_default()
        ),
    }
}
