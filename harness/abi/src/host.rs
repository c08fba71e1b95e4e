//! What the host offers to plugins: progress, log lines, scalars, and cancellation.

use crate::wire::{HostObject, RawHost, RawHost_TO};
use abi_stable::erased_types::TD_Opaque;
use abi_stable::std_types::{RArc, RStr};
use std::fmt;
use std::sync::Arc;

/// The level of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For debugging.
    Debug,
    /// For everyone who reads the log.
    Info,
    /// The result may not be what the user expects. Warnings are shown on the terminal too.
    Warning,
}

/// A plugin's handle to the host. It is cheap to clone, and can be used from any thread.
pub struct Host(HostObject);

impl Host {
    /// Reports progress: `done` of `total` in a phase such as `epoch`. Call it as often as you
    /// like; the host drops updates that come too fast to show.
    pub fn progress(&self, phase: &str, done: u64, total: u64) {
        self.0.progress(RStr::from_str(phase), done, total);
    }

    /// Writes a line to the cell's log.
    pub fn log(&self, level: Level, message: &str) {
        self.0.log(level as u32, RStr::from_str(message));
    }

    /// Records a value of the training, such as `loss` after an epoch. Values that are reported in
    /// `learn` are part of the cell's record and of `scalars.csv`; others, and those that are not
    /// finite, are only logged. Report them in an order that does not depend on chance, so from one
    /// thread: a cell that is run again must give the same record.
    pub fn scalar(&self, name: &str, step: u64, value: f64) {
        self.0.scalar(RStr::from_str(name), step, value);
    }

    /// Whether the run is to stop, for example because the user pressed Ctrl-C. Long work checks
    /// this regularly, such as before every batch, and then returns [`Error::cancelled`].
    ///
    /// [`Error::cancelled`]: crate::Error::cancelled
    pub fn cancelled(&self) -> bool {
        self.0.cancelled()
    }

    /// A host that ignores everything and never stops a run; for tests.
    pub fn silent() -> Host {
        struct Silence;
        impl HostService for Silence {}
        Host::serving(Arc::new(Silence))
    }

    /// Creates the handle that a host gives to plugins.
    pub fn serving(service: Arc<dyn HostService>) -> Host {
        Host(RawHost_TO::from_ptr(RArc::new(Served(service)), TD_Opaque))
    }

    pub(crate) fn from_raw(object: HostObject) -> Host {
        Host(object)
    }

    pub(crate) fn to_raw(&self) -> HostObject {
        RawHost_TO::from_sabi(self.0.obj.shallow_clone())
    }
}

impl Clone for Host {
    fn clone(&self) -> Host {
        Host(self.to_raw())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

/// A host's side of [`Host`]. It must not panic, because its caller is a plugin.
pub trait HostService: Send + Sync + 'static {
    /// See [`Host::progress`].
    fn progress(&self, _phase: &str, _done: u64, _total: u64) {}
    /// See [`Host::log`].
    fn log(&self, _level: Level, _message: &str) {}
    /// See [`Host::scalar`].
    fn scalar(&self, _name: &str, _step: u64, _value: f64) {}
    /// See [`Host::cancelled`].
    fn cancelled(&self) -> bool {
        false
    }
}

struct Served(Arc<dyn HostService>);

impl RawHost for Served {
    fn progress(&self, phase: RStr<'_>, done: u64, total: u64) {
        self.0.progress(phase.as_str(), done, total);
    }

    fn log(&self, level: u32, message: RStr<'_>) {
        let level = match level {
            0 => Level::Debug,
            1 => Level::Info,
            _ => Level::Warning,
        };
        self.0.log(level, message.as_str());
    }

    fn scalar(&self, name: RStr<'_>, step: u64, value: f64) {
        self.0.scalar(name.as_str(), step, value);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}
