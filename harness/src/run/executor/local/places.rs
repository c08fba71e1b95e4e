//! The places in which processes run: at most one process in each at a time, whatever it works on.

use crate::run::Gpu;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often whoever waits looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// The places of a run: as many as processes may run at a time. A place is a GPU that its process
/// sees as the only one, or anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<Option<Gpu>>);

/// Places that are free, or taken by a process.
pub(super) struct Slots {
    free: Mutex<Vec<Option<Gpu>>>,
    given_back: Condvar,
}

/// A place that is taken, until dropped.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    place: Option<Gpu>,
}

impl Places {
    /// This many processes, which see what this process sees.
    pub fn anywhere(number: NonZeroUsize) -> Places {
        Places(vec![None; number.get()])
    }

    /// One process on each of these GPUs. If there are none, one process anywhere, which will say
    /// what is missing.
    pub fn gpus(gpus: Vec<Gpu>) -> Places {
        match gpus.is_empty() {
            true => Places::anywhere(NonZeroUsize::MIN),
            false => Places(gpus.into_iter().map(Some).collect()),
        }
    }

    /// The GPU of the first.
    pub fn first(&self) -> Option<&Gpu> {
        self.0.first()?.as_ref()
    }

    pub(super) fn number(&self) -> usize {
        self.0.len()
    }

    pub(super) fn all(&self) -> &[Option<Gpu>] {
        &self.0
    }

    /// The places for processes that keep their GPU busy: each GPU once.
    pub(super) fn each_gpu_once(&self) -> Places {
        let mut once: Vec<Option<Gpu>> = Vec::new();
        for place in &self.0 {
            if place.is_none() || !once.contains(place) {
                once.push(place.clone());
            }
        }
        Places(once)
    }
}

impl Slots {
    pub(super) fn of(places: &Places) -> Slots {
        Slots {
            // The last is taken first.
            free: Mutex::new(places.0.iter().rev().cloned().collect()),
            given_back: Condvar::new(),
        }
    }

    /// Waits for a place; `None` once `stopped` returns true.
    pub(super) fn take(&self, stopped: impl Fn() -> bool) -> Option<Slot<'_>> {
        let mut free = self.lock();
        while !stopped() {
            if let Some(place) = free.pop() {
                return Some(Slot { slots: self, place });
            }
            let waited = self.given_back.wait_timeout(free, LOOK);
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Gpu>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    /// The GPU of the place.
    pub(super) fn gpu(&self) -> Option<&Gpu> {
        self.place.as_ref()
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.lock().push(self.place.take());
        self.slots.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn no_place_is_taken_twice_at_a_time() {
        let gpus = ["0", "1"].map(Gpu::named);
        let slots = Slots::of(&Places::gpus(gpus.to_vec()));
        let inside = [AtomicUsize::new(0), AtomicUsize::new(0)];
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let slot = slots.take(|| false).unwrap();
                    let number = gpus.iter().position(|gpu| slot.gpu() == Some(gpu)).unwrap();
                    assert_eq!(inside[number].fetch_add(1, Ordering::SeqCst), 0);
                    thread::sleep(Duration::from_millis(2));
                    inside[number].fetch_sub(1, Ordering::SeqCst);
                    drop(slot);
                });
            }
        });
        let all = [slots.take(|| false), slots.take(|| false)];
        assert!(all.iter().all(Option::is_some));
        let asked = AtomicUsize::new(0);
        let stopped = || asked.fetch_add(1, Ordering::SeqCst) > 0;
        assert!(slots.take(stopped).is_none());
    }

    #[test]
    fn a_gpu_that_is_listed_twice_computes_features_in_one_process() {
        let gpus = ["0", "1", "0"].map(Gpu::named);
        let places = Places::gpus(gpus.to_vec());
        assert_eq!(places.number(), 3);
        assert_eq!(places.each_gpu_once(), Places::gpus(gpus[..2].to_vec()));
        let four = Places::anywhere(NonZeroUsize::new(4).unwrap());
        assert_eq!(four.each_gpu_once(), four);
        assert_eq!(Places::gpus(Vec::new()).number(), 1);
    }
}
