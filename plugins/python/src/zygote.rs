//! Zygotes: an interpreter that has imported PyTorch and nothing of the author's. A worker is a fork
//! of one, so it starts within milliseconds and shares PyTorch's memory.
//!
//! There is one for each interpreter in the host's process. It ends with that process: when its
//! connection closes, it kills its workers.

use crate::connection::{Broken, Connection, Peer, has_ended};
use crate::memory::Pool;
use crate::message::{Incoming, Outgoing, read};
use crate::package;
use crate::worker::Worker;
use harness_abi::{Error, Host, Result, SourceFile};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The version of the protocol, which the package has too.
const VERSION: u32 = 1;

static ZYGOTES: LazyLock<Mutex<HashMap<PathBuf, Arc<Zygote>>>> = LazyLock::new(Mutex::default);

/// An interpreter that workers are forked from.
#[derive(Debug)]
pub struct Zygote {
    interpreter: PathBuf,
    process: OwnedFd,
    control: Connection,
    shared: Mutex<Shared>,
}

/// What all workers of an interpreter share.
#[derive(Debug, Default)]
struct Shared {
    /// The modules that it has imported.
    imported: HashSet<String>,
    memories: Pool,
    /// The sources of each strategy, as they were first loaded.
    sources: HashMap<Value, Vec<SourceFile>>,
}

impl Zygote {
    /// The zygote of an interpreter, which is started if it is not running.
    ///
    /// # Errors
    ///
    /// If the interpreter cannot be started, or is none that strategies can use.
    pub fn of(interpreter: &Path, host: Option<&Host>) -> Result<Arc<Zygote>> {
        let mut zygotes = lock(&ZYGOTES);
        if let Some(zygote) = zygotes.get(interpreter)
            && !zygote.has_ended()
        {
            return Ok(zygote.clone());
        }
        let zygote = Arc::new(Zygote::start(interpreter, host)?);
        zygotes.insert(interpreter.to_owned(), zygote.clone());
        Ok(zygote)
    }

    fn start(interpreter: &Path, host: Option<&Host>) -> Result<Zygote> {
        let cannot = |error: &dyn std::fmt::Display| {
            Error::failed(format!("cannot start {}: {error}", interpreter.display()))
        };
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|error| cannot(&error))?;
        let stderr = rustix::stdio::stderr();
        let stdout = stderr
            .try_clone_to_owned()
            .map_err(|error| cannot(&error))?;
        let child = Command::new(interpreter)
            .args(["-c", package::START])
            // A thread of OpenBLAS would not survive the fork.
            .env("OPENBLAS_NUM_THREADS", "1")
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::from(theirs))
            // The standard output is the program's; what Python prints goes to the log.
            .stdout(Stdio::from(stdout))
            .spawn()
            .map_err(|error| cannot(&error))?;
        let pid = Pid::from_child(&child);
        let zygote = Zygote {
            interpreter: interpreter.to_owned(),
            process: pidfd_open(pid, PidfdFlags::empty()).map_err(|error| cannot(&error))?,
            control: Connection::new(ours),
            shared: Mutex::default(),
        };
        zygote.send(package::first_message(), host)?;
        zygote.send(json!({ "version": VERSION }), host)?;
        let answer = zygote.receive(host)?.header;
        if let Some(why) = answer["failed"].as_str() {
            return Err(Error::parameter("interpreter", why));
        }
        match read::<u32>(&answer, "version")? {
            VERSION => Ok(zygote),
            other => Err(Error::failed(format!(
                "the Python package speaks version {other} of the protocol, not {VERSION}"
            ))),
        }
    }

    fn has_ended(&self) -> bool {
        has_ended(self.process.as_fd())
    }

    /// Imports a module, unless that was done before.
    ///
    /// # Errors
    ///
    /// If the interpreter has ended.
    pub fn import(&self, module: &str) -> Result<()> {
        match self.shared().imported.insert(module.to_owned()) {
            true => self.send(json!({ "import": module }), None),
            false => Ok(()),
        }
    }

    /// Forks a worker.
    ///
    /// # Errors
    ///
    /// If the interpreter has ended.
    pub fn fork(self: &Arc<Self>, host: Option<&Host>) -> Result<Worker> {
        self.send(json!({ "fork": true }), host)?;
        let Incoming {
            header, descriptor, ..
        } = self.receive(host)?;
        let pid: u32 = read(&header, "worker")?;
        let socket = descriptor.ok_or_else(|| self.ended())?;
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let process = process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let process = process.ok_or_else(|| self.ended())?;
        Ok(Worker::new(
            self.clone(),
            Connection::new(socket),
            pid,
            process,
            host.cloned(),
        ))
    }

    /// How a worker that is gone has ended: its exit status, or the negative number of a signal.
    pub fn status_of(&self, worker: u32) -> Option<i32> {
        self.shared().memories.release_all(worker);
        self.send(json!({ "ended": worker }), None).ok()?;
        read(&self.receive(None).ok()?.header, "status").ok()
    }

    /// Puts a message's large tensors into memory, and passes the memory on.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn settled<T>(
        &self,
        worker: u32,
        message: &mut Outgoing,
        send: impl FnOnce(&Outgoing, Option<std::os::fd::BorrowedFd<'_>>) -> T,
    ) -> Result<T> {
        let mut shared = self.shared();
        let number = message.settle(&mut shared.memories, worker)?;
        let memory = number.and_then(|number| shared.memories.get(number));
        Ok(send(message, memory))
    }

    /// Takes back memory that a worker has no tensor in any longer.
    pub fn release(&self, number: u64) {
        self.shared().memories.release(number);
    }

    /// Compares the sources of a strategy with those that it was first loaded from.
    ///
    /// # Errors
    ///
    /// If a file has changed.
    pub fn same_sources(&self, strategy: Value, found: Vec<SourceFile>) -> Result<()> {
        let mut shared = self.shared();
        let before = shared
            .sources
            .entry(strategy)
            .or_insert_with(|| found.clone());
        let changed = found.iter().find(|file| !before.contains(file));
        match changed.or(before.iter().find(|file| !found.contains(file))) {
            None => Ok(()),
            Some(file) => Err(Error::failed(format!(
                "{} has changed while the strategy was running; run it again",
                file.path.display()
            ))),
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    fn send(&self, order: Value, host: Option<&Host>) -> Result<()> {
        let stop = stop(host);
        let sent = self
            .control
            .send(&Outgoing::new(order), None, &self.peer(&stop));
        sent.map_err(|broken| self.broken(broken))
    }

    fn receive(&self, host: Option<&Host>) -> Result<Incoming> {
        let stop = stop(host);
        let received = self.control.receive(&self.peer(&stop));
        received.map_err(|broken| self.broken(broken))
    }

    fn peer<'a>(&'a self, stop: &'a dyn Fn() -> bool) -> Peer<'a> {
        Peer {
            process: self.process.as_fd(),
            stop,
        }
    }

    fn broken(&self, broken: Broken) -> Error {
        match broken {
            Broken::Stopped => Error::cancelled(),
            Broken::Closed | Broken::Garbled => self.ended(),
        }
    }

    fn ended(&self) -> Error {
        Error::failed(format!(
            "the interpreter {} has ended; what it printed is in the log",
            self.interpreter.display()
        ))
    }
}

fn stop(host: Option<&Host>) -> impl Fn() -> bool {
    move || host.is_some_and(Host::cancelled)
}

/// A lock whose content stays usable if a thread panicked: all of it is changed in single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
