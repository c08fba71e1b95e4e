//! The same work on many things, on several threads.

use std::panic;
use std::thread::{self, ScopedJoinHandle};

/// The most threads. The work mostly waits for files.
const MOST: usize = 8;

/// What `work` returns for each item, in the items' order.
///
/// # Panics
///
/// If `work` does.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, |number| number.get().min(MOST));
    let chunk = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let work = &work;
        let chunks = items.chunks(chunk);
        let workers: Vec<ScopedJoinHandle<'_, Vec<R>>> = chunks
            .map(|items| scope.spawn(move || items.iter().map(work).collect()))
            .collect();
        let joined = workers.into_iter().flat_map(|worker| {
            let done = worker.join();
            done.unwrap_or_else(|panic| panic::resume_unwind(panic))
        });
        joined.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<u32> = (0..1001).collect();
        let doubled: Vec<u32> = items.iter().map(|item| 2 * item).collect();
        assert_eq!(map(&items, |item| 2 * item), doubled);
        assert!(map(&[], |item: &u32| *item).is_empty());
    }
}
