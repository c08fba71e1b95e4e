//! Processes of our own program.

use super::{Event, Interrupt};
use crate::error::Error;
use crate::exit_code::ExitCode;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
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
    /// What it reads.
    pub input: &'a str,
    /// How many threads libraries may use in it.
    pub threads: u32,
    /// Where what it prints goes: plugins may print, and their words are no part of ours.
    pub log: File,
}

impl Child<'_> {
    /// Starts the process, hears its events, and waits for its end.
    ///
    /// # Errors
    ///
    /// What the process reported before it ended, or how it ended if it could not.
    pub fn run(self, interrupt: &Interrupt, hear: &mut dyn FnMut(Event)) -> Result<(), Error> {
        let internal = |error: std::io::Error| Error::Internal(format!("a child process: {error}"));
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
            .stderr(self.log);
        let mut process = command.spawn().map_err(internal)?;
        let _running = interrupt.started(process.id());
        let mut stdin = process.stdin.take().expect("piped");
        let stdout = process.stdout.take().expect("piped");
        let (mut fault, mut done, mut stage) = (None, false, None);
        thread::scope(|scope| {
            // A process that ends before it has read everything says why by its events.
            scope.spawn(move || {
                let _ = stdin.write_all(self.input.as_bytes());
            });
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(Event::Failed(reported)) => fault = Some(reported),
                    Ok(Event::Done) => done = true,
                    Ok(event) => {
                        stage = event.stage().or(stage.take());
                        hear(event);
                    }
                    // Not ours: printed past the redirection. It belongs to the log, and is no
                    // event.
                    Err(_) => {}
                }
            }
        });
        let status = process.wait().map_err(internal)?;
        match fault {
            Some(fault) => Err(fault.into()),
            // The status alone says little: a plugin can end its process with 0 halfway, or crash
            // it on the way out.
            None if done => Ok(()),
            None if interrupt.requested() => Err(Error::Interrupted),
            None => Err(Error::Child {
                message: match stage {
                    Some(stage) => format!("{stage}: {}", ending(status)),
                    None => ending(status),
                },
                code: ExitCode::Plugin,
            }),
        }
    }
}

/// How a process ended that could not say so itself: only a plugin's code can do that.
fn ending(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "its process was killed (signal 9), perhaps for want of memory".into(),
        (Some(signal), _) => format!("a plugin crashed its process (signal {signal})"),
        (None, code) => format!(
            "a plugin ended its process (exit status {})",
            code.unwrap_or_default()
        ),
    }
}
