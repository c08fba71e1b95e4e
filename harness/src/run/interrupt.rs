//! Ctrl-C sets a flag that is checked between two steps, so nothing is left half-written. The first
//! one is passed on to the child processes; the second one kills them.

use crate::error::Error;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Whether the user asked to stop. Clones share the same flag.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    requests: AtomicU32,
    children: Mutex<HashSet<u32>>,
}

/// Registers a child process until dropped.
pub(super) struct Running(Interrupt, u32);

impl Interrupt {
    /// From now on, Ctrl-C (and SIGTERM) sets the flag instead of ending the process.
    ///
    /// # Errors
    ///
    /// If the signal handler cannot be installed.
    pub fn on_ctrl_c() -> Result<Interrupt, Error> {
        let interrupt = Interrupt::default();
        let shared = interrupt.clone();
        ctrlc::set_handler(move || shared.request())
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(interrupt)
    }

    /// Sets the flag, here and in the child processes.
    pub fn request(&self) {
        let before = self.0.requests.fetch_add(1, Ordering::SeqCst);
        let signal = if before == 0 {
            Signal::INT
        } else {
            Signal::KILL
        };
        let children = self.0.children.lock();
        for &child in children.unwrap_or_else(PoisonError::into_inner).iter() {
            send(child, signal);
        }
    }

    /// Whether the flag is set.
    pub fn requested(&self) -> bool {
        self.0.requests.load(Ordering::SeqCst) > 0
    }

    /// For use with `?` between two steps.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the flag is set.
    pub fn check(&self) -> Result<(), Error> {
        if self.requested() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }

    pub(super) fn started(&self, process: u32) -> Running {
        self.lock().insert(process);
        // A request between the start of the process and this line did not reach it.
        if self.requested() {
            send(process, Signal::INT);
        }
        Running(self.clone(), process)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<u32>> {
        let children = self.0.children.lock();
        children.unwrap_or_else(PoisonError::into_inner)
    }
}

fn send(process: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // A process that has just ended needs no signal.
        let _ = kill_process(pid, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    #[test]
    fn a_process_that_is_just_starting_is_interrupted_too() {
        let interrupt = Interrupt::default();
        let mut process = Command::new("sleep").arg("60").spawn().unwrap();
        interrupt.request();
        let _running = interrupt.started(process.id());
        assert_eq!(process.wait().unwrap().signal(), Some(2));
    }
}
