//! Ctrl-C: a wish that work notices between two steps, so that nothing is left half-written. The
//! first one is passed on to the processes that were started; the second one ends them.

use crate::error::Error;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Whether an end is wanted. Clones share one wish.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    requests: AtomicU32,
    children: Mutex<HashSet<u32>>,
}

/// A process that was started, until this is dropped.
pub(super) struct Running(Interrupt, u32);

impl Interrupt {
    /// From now on, Ctrl-C (and a request to terminate) sets the wish instead of ending the
    /// process.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn on_ctrl_c() -> Result<Interrupt, Error> {
        let interrupt = Interrupt::default();
        let wish = interrupt.clone();
        ctrlc::set_handler(move || wish.request())
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(interrupt)
    }

    /// Sets the wish, here and in the processes that were started.
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

    /// Whether it is set.
    pub fn requested(&self) -> bool {
        self.0.requests.load(Ordering::SeqCst) > 0
    }

    /// For `?` between two steps.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if it is set.
    pub fn check(&self) -> Result<(), Error> {
        if self.requested() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }

    pub(super) fn started(&self, process: u32) -> Running {
        self.lock().insert(process);
        // A wish of the moment between its start and this has passed it by.
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
    fn a_process_that_was_being_started_is_told_too() {
        let interrupt = Interrupt::default();
        let mut process = Command::new("sleep").arg("60").spawn().unwrap();
        interrupt.request();
        let _running = interrupt.started(process.id());
        assert_eq!(process.wait().unwrap().signal(), Some(2));
    }
}
