//! Independent work on several threads.

use crate::training::GradientMode;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::{iter, thread};

/// Sets libtorch's number of threads per operation, for this thread and those started later, until
/// it is dropped.
struct OneThreadEach {
    before: i32,
}

impl OneThreadEach {
    fn new() -> OneThreadEach {
        let before = tch::get_num_threads();
        if before != 1 {
            tch::set_num_threads(1);
        }
        OneThreadEach { before }
    }
}

impl Drop for OneThreadEach {
    fn drop(&mut self) {
        if self.before != 1 {
            tch::set_num_threads(self.before);
        }
    }
}

/// Calls `work` with each item, on as many threads as libtorch may use for an operation, and
/// returns the results in order. While it runs, an operation uses one thread, so the results do not
/// depend on the number of threads. Gradients are not recorded.
///
/// # Panics
///
/// If `work` panics.
pub fn in_parallel<I: Send, T: Send>(items: Vec<I>, work: impl Fn(I) -> T + Sync) -> Vec<T> {
    let allowed = usize::try_from(tch::get_num_threads()).unwrap_or(1);
    let threads = allowed.min(items.len());
    let _one = OneThreadEach::new();
    if threads <= 1 {
        let _mode = GradientMode::off();
        return items.into_iter().map(work).collect();
    }
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let each = || {
        // OpenMP keeps this number for each thread.
        tch::set_num_threads(1);
        let _mode = GradientMode::off();
        let done = iter::from_fn(next).map(|(at, item)| (at, work(item)));
        done.collect::<Vec<_>>()
    };
    let mut done: Vec<(usize, T)> = thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
        let ended = started.into_iter().map(|thread| thread.join());
        ended
            .flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Calls `work` as [`in_parallel`] calls it with one item.
pub fn on_one_thread<T>(work: impl FnOnce() -> T) -> T {
    let _one = OneThreadEach::new();
    let _mode = GradientMode::off();
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order() {
        tch::set_num_threads(2);
        let squares = in_parallel((0..20).collect(), |number: i32| {
            assert_eq!(tch::get_num_threads(), 1);
            number * number
        });
        assert_eq!(
            squares,
            (0..20).map(|number| number * number).collect::<Vec<_>>()
        );
        assert!(in_parallel(Vec::<i32>::new(), |number| number).is_empty());
    }
}
