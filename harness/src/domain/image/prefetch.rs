//! Prefetching: works on images on all cores before the results are needed, in order and in bounded
//! memory.
//!
//! Decoding and resizing a photograph takes longer than a GPU needs to encode it, and about as long
//! as a CPU core needs with a small model. So threads decode the next images while a backbone
//! encodes the current ones. Worker *w* of *n* takes the images *w*, *w* + *n*, …, and puts the
//! results in its own queue. Reading the queues in turn gives every result in the order of the
//! images, with nothing to sort or synchronise.
//!
//! A full queue makes its worker wait, so at most `ready` results wait, plus one in each worker.
//! With images prepared for a backbone, that is two batches of pixels, and for every core one file
//! and its image at full size.
//!
//! The number of threads does not change any result, since every image is processed independently.
//! There are as many as cores available to this process. The scenario's `threads` does not matter
//! here: it is about the numerics of models. Processes that run in parallel, cells that train on
//! images or those that extract features, share these cores.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// How many results of [`all`] may wait to be collected, which takes no time. A queue has room for
/// all of them from the start.
const COLLECTED_AT_ONCE: usize = 1024;

/// With fewer items than this, a worker is not worth starting.
const ITEMS_PER_WORKER: usize = 8;

type Done<T> = Result<T, Box<dyn Any + Send>>;

/// The results of [`prefetch`], in order. Dropping it stops the work.
#[derive(Debug)]
pub struct Prefetched<T> {
    /// One for each worker.
    queues: Vec<Receiver<Done<T>>>,
    next: usize,
    items: usize,
}

/// Does `work` on items 0 to `items`, on all cores, while `take` takes the results; at most `ready`
/// of them wait to be taken. When `take` returns, no further items are started.
///
/// A panic in `work` is raised again in `take` when it reaches that item.
pub fn prefetch<T: Send, R>(
    items: usize,
    ready: usize,
    work: impl Fn(usize) -> T + Sync,
    take: impl FnOnce(Prefetched<T>) -> R,
) -> R {
    with_workers(workers(items), items, ready, work, take)
}

/// Does `work` on items 0 to `items`, on all cores, and returns the results in order.
///
/// # Errors
///
/// The error of the first item for which `work` fails.
pub fn all<T: Send, E: Send>(
    items: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    match workers(items) {
        1 => (0..items).map(work).collect(),
        workers => with_workers(
            workers,
            items,
            items.min(COLLECTED_AT_ONCE),
            work,
            Iterator::collect,
        ),
    }
}

fn workers(items: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    cores.min(items / ITEMS_PER_WORKER).max(1)
}

fn with_workers<T: Send, R>(
    workers: usize,
    items: usize,
    ready: usize,
    work: impl Fn(usize) -> T + Sync,
    take: impl FnOnce(Prefetched<T>) -> R,
) -> R {
    thread::scope(|scope| {
        let work = &work;
        let queue = |worker: usize| {
            // Rounded down, so that all queues together hold at most `ready`. A queue without room
            // hands over each result directly.
            let (queue, taken) = sync_channel(ready / workers);
            scope.spawn(move || {
                for item in (worker..items).step_by(workers) {
                    let done = catch_unwind(AssertUnwindSafe(|| work(item)));
                    if queue.send(done).is_err() {
                        // The receiver is gone.
                        break;
                    }
                }
            });
            taken
        };
        take(Prefetched {
            queues: (0..workers).map(queue).collect(),
            next: 0,
            items,
        })
    })
}

impl<T> Iterator for Prefetched<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next == self.items {
            return None;
        }
        let queue = &self.queues[self.next % self.queues.len()];
        self.next += 1;
        let done = queue
            .recv()
            .expect("a worker sends something for each of its items");
        Some(done.unwrap_or_else(|panic| resume_unwind(panic)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.items - self.next;
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for Prefetched<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    /// A place where two workers wait for each other.
    #[derive(Default)]
    struct Meeting {
        arrived: Mutex<usize>,
        both: Condvar,
    }

    impl Meeting {
        /// Whether another worker arrived within the timeout.
        fn wait(&self) -> bool {
            let mut arrived = self.arrived.lock().unwrap();
            *arrived += 1;
            self.both.notify_all();
            let alone = |arrived: &mut usize| *arrived < 2;
            let long = Duration::from_secs(10);
            let met = self.both.wait_timeout_while(arrived, long, alone).unwrap();
            !met.1.timed_out()
        }
    }

    /// Items 0 and 1 can only finish while both are being worked on, so sequential work fails.
    #[test]
    fn items_are_worked_on_in_parallel() {
        let meeting = Meeting::default();
        let work = |item| item > 1 || meeting.wait();
        let met: Vec<bool> = with_workers(2, 4, 2, work, Iterator::collect);
        assert_eq!(met, [true; 4]);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(workers(ITEMS_PER_WORKER * cores), cores);
    }

    #[test]
    fn results_come_in_order() {
        for workers in [1, 3, 8] {
            for ready in [0, 2, 100] {
                let slow = |item: usize| {
                    thread::sleep(Duration::from_micros(item as u64 * 7919 % 400));
                    item
                };
                let taken: Vec<_> = with_workers(workers, 50, ready, slow, Iterator::collect);
                assert_eq!(taken, (0..50).collect::<Vec<_>>(), "{workers}, {ready}");
            }
        }
        assert_eq!(all(50, |item| Ok::<_, ()>(2 * item)).unwrap()[49], 98);
    }

    /// Items that were started and not yet taken are those in the queues and one in each worker.
    #[test]
    fn work_waits_until_results_are_taken() {
        let begun = AtomicUsize::new(0);
        let work = |_| begun.fetch_add(1, Ordering::SeqCst);
        with_workers(3, 300, 6, work, |results| {
            for (taken, _) in results.enumerate() {
                if taken % 50 == 0 {
                    thread::sleep(Duration::from_millis(5));
                }
                assert!(begun.load(Ordering::SeqCst) <= taken + 1 + 6 + 3);
            }
        });
        assert_eq!(begun.into_inner(), 300);
    }

    #[test]
    fn the_first_error_ends_the_work() {
        let begun = AtomicUsize::new(0);
        let work = |item| {
            begun.fetch_add(1, Ordering::SeqCst);
            match item {
                // The later one is reported sooner.
                20 => {
                    thread::sleep(Duration::from_millis(5));
                    Err("first")
                }
                21 => Err("second"),
                _ => Ok(item),
            }
        };
        let taken: Result<Vec<_>, _> = with_workers(2, 10_000, 4, work, Iterator::collect);
        assert_eq!(taken, Err("first"));
        assert!(begun.into_inner() < 30);
    }

    #[test]
    fn a_panic_is_passed_on() {
        let panicked = catch_unwind(|| {
            let work = |item| assert_ne!(item, 5, "no fifth");
            with_workers(2, 10, 4, work, Iterator::count)
        });
        let message = panicked.unwrap_err();
        let message = message.downcast_ref::<String>().unwrap();
        assert!(message.contains("no fifth"), "{message}");
    }
}
