//! A worker: the process in which one strategy runs, from its creation until it is dropped.

use crate::connection::{Broken, Connection, Peer, ends_within};
use crate::message::{Incoming, Outgoing, broken};
use crate::requests::{Pullbacks, Requests};
use crate::zygote::Zygote;
use harness_abi::{Error, Host, Result};
use rustix::process::{Signal, pidfd_send_signal};
use serde_json::Value;
use std::cell::Cell;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a worker may take to end after it was interrupted.
const GRACE: Duration = Duration::from_secs(5);
/// How long a worker may take to end when it is no longer needed.
const FAREWELL: Duration = Duration::from_secs(2);

/// A process that serves one strategy.
#[derive(Debug)]
pub struct Worker {
    zygote: Arc<Zygote>,
    connection: Connection,
    pid: u32,
    process: OwnedFd,
    host: Option<Host>,
    pullbacks: Pullbacks,
    /// When it was told to stop.
    interrupted: Cell<Option<Instant>>,
}

impl Worker {
    pub fn new(
        zygote: Arc<Zygote>,
        connection: Connection,
        pid: u32,
        process: OwnedFd,
        host: Option<Host>,
    ) -> Worker {
        Worker {
            zygote,
            connection,
            pid,
            process,
            host,
            pullbacks: Pullbacks::default(),
            interrupted: Cell::new(None),
        }
    }

    /// The zygote that it was forked from.
    pub fn zygote(&self) -> &Zygote {
        &self.zygote
    }

    /// Makes a call, and serves what the worker asks for until it is done. Returns its last
    /// message, and what that says is done.
    ///
    /// # Errors
    ///
    /// What the author's code raised, or how the process ended.
    pub fn call(&mut self, call: Outgoing, requests: &Requests<'_>) -> Result<(Incoming, Value)> {
        self.send(call)?;
        loop {
            let message = self.receive()?;
            let kinds = ["tell", "ask", "done", "failed", "cancelled", "problem"];
            let kind = kinds
                .into_iter()
                .find(|kind| message.header.get(kind).is_some());
            match kind {
                Some("tell") => self.hear(&message, requests)?,
                Some("ask") => {
                    let answer = requests.answer(&message, &mut self.pullbacks);
                    let answer = answer.unwrap_or_else(|error| {
                        Outgoing::new(serde_json::json!({ "error": error.to_string() }))
                    });
                    self.send(answer)?;
                }
                Some("done") => {
                    let done = message.header["done"].clone();
                    return Ok((message, done));
                }
                Some("failed") => return Err(Error::failed(message.field::<String>("failed")?)),
                Some("problem") => {
                    let path: String = message.field("parameter")?;
                    let separator = if path.is_empty() { "" } else { "." };
                    let path = format!("parameters{separator}{path}");
                    return Err(Error::parameter(path, message.field::<String>("problem")?));
                }
                Some("cancelled") if self.is_cancelled() => return Err(Error::cancelled()),
                Some("cancelled") => return Err(Error::failed("it was interrupted")),
                _ => return Err(broken("a message of an unknown kind")),
            }
        }
    }

    fn hear(&mut self, message: &Incoming, requests: &Requests<'_>) -> Result<()> {
        match &*message.field::<String>("tell")? {
            "release" => {
                self.pullbacks
                    .release(&message.field::<Vec<u64>>("pullbacks")?);
                for memory in message.field::<Vec<u64>>("memories")? {
                    self.zygote.release(memory);
                }
                Ok(())
            }
            _ => requests.hear(message),
        }
    }

    fn send(&self, mut message: Outgoing) -> Result<()> {
        let stop = || self.stops();
        let sent = self
            .zygote
            .settled(self.pid, &mut message, |message, memory| {
                self.connection.send(message, memory, &self.peer(&stop))
            })?;
        match sent {
            Ok(()) => Ok(()),
            // A part may have been sent, so this connection is of no further use.
            Err(Broken::Stopped) => {
                self.signal(Signal::KILL);
                Err(Error::cancelled())
            }
            Err(_) => Err(self.ended()),
        }
    }

    fn receive(&self) -> Result<Incoming> {
        let stop = || self.stops();
        loop {
            match self.connection.receive(&self.peer(&stop)) {
                Ok(message) => return Ok(message),
                Err(Broken::Stopped) if self.interrupted.get().is_none() => {
                    self.interrupted.set(Some(Instant::now()));
                    self.signal(Signal::INT);
                }
                Err(Broken::Stopped) => {
                    self.signal(Signal::KILL);
                    return Err(Error::cancelled());
                }
                Err(Broken::Closed) => return Err(self.ended()),
                Err(Broken::Garbled) => return Err(broken("bytes that are no message")),
            }
        }
    }

    fn is_cancelled(&self) -> bool {
        self.host.as_ref().is_some_and(Host::cancelled)
    }

    /// Whether to stop waiting for it: when the run is cancelled, and again when the time that it
    /// has to end is over.
    fn stops(&self) -> bool {
        match self.interrupted.get() {
            None => self.is_cancelled(),
            Some(since) => since.elapsed() > GRACE,
        }
    }

    fn peer<'a>(&'a self, stop: &'a dyn Fn() -> bool) -> Peer<'a> {
        Peer {
            process: self.process.as_fd(),
            stop,
        }
    }

    fn signal(&self, signal: Signal) {
        // It may have ended by itself.
        let _ = pidfd_send_signal(&self.process, signal);
    }

    /// The error about a process that ended in the middle of a call.
    fn ended(&self) -> Error {
        if !ends_within(self.process.as_fd(), FAREWELL) {
            self.signal(Signal::KILL);
            return Error::failed("the Python process closed its connection");
        }
        if self.is_cancelled() {
            return Error::cancelled();
        }
        Error::failed(match self.zygote.status_of(self.pid) {
            Some(-9) => "the Python process was killed (signal 9), perhaps because it ran out of \
                         memory"
                .to_owned(),
            Some(-11) => "the Python process crashed (signal 11, a segmentation fault); the log \
                          has the line"
                .to_owned(),
            Some(signal @ ..0) => format!(
                "the Python process was ended by signal {}; the log may say why",
                -signal
            ),
            Some(status) => format!(
                "the Python process exited with status {status} in the middle of a call, perhaps \
                 by `os._exit`"
            ),
            None => "the Python interpreter has ended".to_owned(),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends when its connection closes, unless something keeps it busy.
        self.connection.shut_down();
        if !ends_within(self.process.as_fd(), FAREWELL) {
            self.signal(Signal::KILL);
            ends_within(self.process.as_fd(), GRACE);
        }
        let _ = self.zygote.status_of(self.pid);
    }
}
