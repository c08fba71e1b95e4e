//! Child processes that run this same program.
//!
//! Each but one that is debugged leads a process group, which is killed when the process has ended: whatever a plugin has
//! started ends with it. A process that leaves the group on purpose, as a daemon does, is not found.

use super::interrupt::{Interrupt, Running};
use super::log::{Log, LogEnd, Reader};
use super::watch::{Verdict, Watch, Watched};
use super::{Event, Gpu, orphan};
use crate::byte_size::ByteSize;
use crate::error::{Ending, Error};
use crate::exit_code::ExitCode;
use crate::scenario::LimitExceeded;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{self, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use std::{env, thread};

/// How long to wait for the end of the events of a process that has ended. Something that it
/// started may hold the pipe open.
const REST: Duration = Duration::from_secs(1);

/// A process to start.
pub struct Child<'a> {
    /// What it does.
    pub work: Work,
    /// The hidden subcommand and its arguments.
    pub args: &'a [&'a str],
    /// Further arguments that are paths.
    pub paths: &'a [&'a Path],
    /// Its standard input.
    pub input: &'a str,
    /// How many threads libraries may use in it.
    pub threads: u32,
    /// The only GPU that it sees; `None` for those that this process sees.
    pub gpu: Option<&'a Gpu>,
    /// The log for its output: plugins may print, and that must not mix with our own output. `None`
    /// if its output goes where ours goes.
    pub log: Option<&'a Log>,
    /// Whether it stays in this process's group, so that it can read from the terminal.
    pub foreground: bool,
    /// How to watch it.
    pub watch: Watch<'a>,
}

/// What a child process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Checks plugins.
    Check,
    /// Computes features.
    Features,
    /// Runs a cell.
    Cell,
    /// Writes tables.
    Tables,
}

/// For people: `waiting for …`.
impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Work::Check => "the check of the plugins",
            Work::Features => "the computation of features",
            Work::Cell => "a cell",
            Work::Tables => "the tables",
        })
    }
}

/// What the threads around a process tell.
enum Message {
    Event(Event),
    Ended,
}

/// What a process has said about its work.
#[derive(Default)]
struct Said {
    fault: Option<super::Fault>,
    done: bool,
    stage: Option<String>,
}

impl Child<'_> {
    /// Starts the process, passes its events to `hear`, and waits until it ends. It is killed if it
    /// exceeds a limit.
    ///
    /// # Errors
    ///
    /// The error that the process reported, or how it ended if it reported none.
    pub fn run(self, interrupt: &Interrupt, hear: &mut dyn FnMut(Event)) -> Result<(), Error> {
        let started = interrupt.moment();
        let mut process = self.start().map_err(internal)?;
        let running = interrupt.started(process.id(), self.work);
        let log = self.read_log(&mut process);
        let messages = self.attend(&mut process).map_err(internal)?;
        let mut watched = Watched::new(self.watch, process.id());
        let (mut said, mut exceeded) = (Said::default(), None);
        loop {
            let pause = watched.pause(interrupt.elapsed(&started));
            match messages.recv_timeout(pause) {
                Ok(Message::Event(event)) => {
                    watched.heard(interrupt.elapsed(&started));
                    said.note(event, hear);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Ended) | Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = interrupt.elapsed(&started);
            if said.done {
                watched.done(now);
            }
            if exceeded.is_none() {
                match watched.look(now) {
                    Verdict::GoOn => {}
                    Verdict::Linger | Verdict::Unneeded => running.kill(),
                    Verdict::Exceeded(limit) => {
                        exceeded = Some(limit);
                        running.kill();
                    }
                }
            }
        }
        let status = end(process, running, || said.rest(&messages, hear))?;
        let log = log.map(Reader::end);
        said.result(status, exceeded, watched.peak(), log, interrupt)
    }

    fn start(&self) -> io::Result<process::Child> {
        let threads = self.threads.to_string();
        let mut command = Command::new(env::current_exe()?);
        command
            .args(self.args)
            .args(self.paths)
            .envs(
                ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]
                    .map(|name| (name, &threads)),
            )
            .env(orphan::PARENT, process::id().to_string())
            .envs(waiting_threads(|name| env::var_os(name).is_some()))
            .envs(self.gpu.map(Gpu::environment).unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(match self.log {
                Some(_) => Stdio::piped(),
                None => Stdio::inherit(),
            });
        if !self.foreground {
            command.process_group(0);
        }
        command.spawn()
    }

    fn read_log(&self, process: &mut process::Child) -> Option<Reader> {
        let log = self.log?;
        Some(log.read(process.stderr.take().expect("piped")))
    }

    /// Starts the threads around a process: they write its input, read its events, and wait for its
    /// end. The first two are not waited for, since something that the process started may hold a
    /// pipe open for ever.
    fn attend(&self, process: &mut process::Child) -> io::Result<Receiver<Message>> {
        let stdin = process.stdin.take().expect("piped");
        let stdout = process.stdout.take().expect("piped");
        // A process that says more than is heard has to wait.
        let (messages, receiver) = sync_channel(64);
        let (input, ends, pid) = (self.input.to_owned(), messages.clone(), process.id());
        in_thread(move || write(stdin, &input))?;
        in_thread(move || read(stdout, &messages))?;
        in_thread(move || {
            wait(pid);
            let _ = ends.send(Message::Ended);
        })?;
        Ok(receiver)
    }
}

fn internal(error: io::Error) -> Error {
    Error::Internal(format!("cannot run a child process: {error}"))
}

fn in_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().spawn(work).map(drop)
}

/// A process that ends before it has read everything says why with its events.
fn write(mut stdin: ChildStdin, input: &str) {
    let _ = stdin.write_all(input.as_bytes());
}

fn read(stdout: ChildStdout, messages: &SyncSender<Message>) {
    for event in Event::all_in(BufReader::new(stdout)) {
        if messages.send(Message::Event(event)).is_err() {
            return;
        }
    }
}

/// Waits for the end of a process. It stays a zombie, so that its number, which is also its
/// group's, is not given to another.
fn wait(process: u32) {
    let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else {
        return;
    };
    let ends = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), ends) {}
}

/// Ends the group of a process that has ended, reads what is left of its events, and returns its
/// status.
fn end(
    mut process: process::Child,
    group: Running,
    rest: impl FnOnce(),
) -> Result<ExitStatus, Error> {
    drop(group);
    rest();
    process.wait().map_err(internal)
}

impl Said {
    fn note(&mut self, event: Event, hear: &mut dyn FnMut(Event)) {
        match event {
            Event::Failed(reported) => self.fault = Some(reported),
            Event::Done => self.done = true,
            event => {
                self.stage = event.stage().or(self.stage.take());
                hear(event);
            }
        }
    }

    /// Notes what a process said before it ended.
    fn rest(&mut self, messages: &Receiver<Message>, hear: &mut dyn FnMut(Event)) {
        let until = Instant::now() + REST;
        while let Ok(message) =
            messages.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            if let Message::Event(event) = message {
                self.note(event, hear);
            }
        }
    }

    fn result(
        self,
        status: ExitStatus,
        exceeded: Option<LimitExceeded>,
        peak: Option<ByteSize>,
        log: Option<LogEnd>,
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        let log = log.map(Box::new);
        match (self.fault, exceeded) {
            (Some(fault), _) => Err(Error::from(fault).with_log(log)),
            // The exit status is not enough: a plugin can exit with 0 halfway, or crash the process
            // at exit.
            (None, _) if self.done => Ok(()),
            (None, Some(exceeded)) => Err(Error::Limit {
                stage: self.stage,
                exceeded,
                log,
            }),
            (None, None) if interrupt.requested() => Err(Error::Interrupted),
            (None, None) => Err(Error::Child {
                message: match self.stage {
                    Some(stage) => format!("{stage}: {}", ending(status, peak)),
                    None => ending(status, peak),
                },
                code: ExitCode::Plugin,
                ending: match status.signal() {
                    Some(9) => Ending::Killed,
                    _ => Ending::Crashed,
                },
                log,
            }),
        }
    }
}

/// How threads of OpenMP wait: for a moment actively, then asleep. On a busy machine, waiting
/// actively for long takes the processor from the thread that is waited for; without a moment of
/// it, every short operation has to wake threads. The policy is for all implementations, the
/// moment for that of GCC, which libtorch uses and which would not wait actively at all under this
/// policy. What the user has set stays.
fn waiting_threads(is_set: impl Fn(&str) -> bool) -> Vec<(&'static OsStr, &'static OsStr)> {
    const SET_BY_USERS: [&str; 3] = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"];
    if SET_BY_USERS.into_iter().any(is_set) {
        return Vec::new();
    }
    vec![
        ("OMP_WAIT_POLICY".as_ref(), "PASSIVE".as_ref()),
        // Less than a millisecond.
        ("GOMP_SPINCOUNT".as_ref(), "20000".as_ref()),
    ]
}

/// How a process ended without reporting it, which only a plugin's code can cause.
fn ending(status: ExitStatus, peak: Option<ByteSize>) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => {
            let used = peak.map(|peak| format!(" (it was seen to use {})", peak.rounded()));
            format!(
                "the process was killed (signal 9), perhaps because it ran out of memory{}",
                used.unwrap_or_default()
            )
        }
        (Some(signal), _) => format!("a plugin crashed the process (signal {signal})"),
        (None, code) => format!(
            "a plugin ended the process (exit status {})",
            code.unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_has_set_about_waiting_threads_stays() {
        assert_eq!(waiting_threads(|_| false).len(), 2);
        for name in ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"] {
            assert_eq!(waiting_threads(|set| set == name), []);
        }
    }
}
