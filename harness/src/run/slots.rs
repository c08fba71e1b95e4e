//! Slots for processes: how many may run at the same time, whatever they work on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often whoever waits looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// A number of slots.
pub(super) struct Slots {
    free: Mutex<usize>,
    given_back: Condvar,
}

/// A slot, until dropped.
pub(super) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(super) fn new(number: usize) -> Slots {
        Slots {
            free: Mutex::new(number),
            given_back: Condvar::new(),
        }
    }

    /// Waits for a slot; `None` once `stopped` returns true.
    pub(super) fn take(&self, stopped: impl Fn() -> bool) -> Option<Slot<'_>> {
        let mut free = self.lock();
        while !stopped() {
            if *free > 0 {
                *free -= 1;
                return Some(Slot(self));
            }
            let waited = self.given_back.wait_timeout(free, LOOK);
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn no_more_than_the_slots_are_taken_at_a_time() {
        let (slots, inside) = (Slots::new(2), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let slot = slots.take(|| false).unwrap();
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                    thread::sleep(Duration::from_millis(2));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(slot);
                });
            }
        });
        let _all = [slots.take(|| false), slots.take(|| false)];
        let asked = AtomicUsize::new(0);
        let stopped = || asked.fetch_add(1, Ordering::SeqCst) > 0;
        assert!(slots.take(stopped).is_none());
    }
}
