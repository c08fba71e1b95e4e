//! A cache for the last few requests: rows of text that a strategy in training encodes repeatedly,
//! each time with another context.
//!
//! A strategy has only a few such requests at a time, such as class prompts and zero-shot prompts,
//! so a linear search is enough. The least recently used entry is evicted.

use crate::packing::Contexts;
use clbench_transformer::compute::ComputeType;
use harness_abi::{Place, Result};
use std::collections::VecDeque;

/// The maximum number of entries.
const KEPT: usize = 8;
/// The maximum total size in bytes. A training step on some rows needs many times the memory of
/// their layout, so this limit matters only if far more memory is in use anyway.
const BYTES: usize = 256 << 20;

/// Rows of text, independent of the values of their contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) texts: &'a [&'a str],
    pub(crate) row_text: &'a [i64],
    pub(crate) place: Place,
    /// Whose contexts the rows have.
    pub(crate) contexts: Contexts,
    /// The number of vectors of a context.
    pub(crate) n: usize,
    pub(crate) suffix: &'a str,
    pub(crate) precision: ComputeType,
}

/// A cache of results by request.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    /// Ordered by last use; the most recent is last.
    kept: VecDeque<Kept<T>>,
    /// The total size of the entries.
    bytes: usize,
}

#[derive(Debug)]
struct Kept<T> {
    texts: Vec<String>,
    row_text: Vec<i64>,
    place: Place,
    contexts: Contexts,
    n: usize,
    suffix: String,
    precision: ComputeType,
    bytes: usize,
    made: T,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Recent {
            kept: VecDeque::with_capacity(KEPT),
            bytes: 0,
        }
    }
}

impl<T> Recent<T> {
    /// Calls `then` with the cached result of a request, or with a new one from `make`. `make` also
    /// returns its size in bytes; results that are too large are not cached.
    pub(crate) fn with<R>(
        &mut self,
        request: Request<'_>,
        make: impl FnOnce() -> Result<(T, usize)>,
        then: impl FnOnce(&T) -> Result<R>,
    ) -> Result<R> {
        if let Some(at) = self.kept.iter().position(|kept| kept.answers(request)) {
            if let Some(found) = self.kept.remove(at) {
                self.kept.push_back(found);
            }
        } else {
            let (made, bytes) = make()?;
            let bytes = bytes.saturating_add(request.bytes());
            if bytes > BYTES {
                return then(&made);
            }
            while self.kept.len() >= KEPT || self.bytes + bytes > BYTES {
                match self.kept.pop_front() {
                    Some(oldest) => self.bytes -= oldest.bytes,
                    None => break,
                }
            }
            self.bytes += bytes;
            self.kept.push_back(Kept::new(request, made, bytes));
        }
        then(&self.kept[self.kept.len() - 1].made)
    }
}

impl Request<'_> {
    /// The size of a cached request.
    fn bytes(&self) -> usize {
        let texts: usize = self
            .texts
            .iter()
            .map(|text| text.len() + size_of::<String>())
            .sum();
        texts + size_of_val(self.row_text) + self.suffix.len()
    }
}

impl<T> Kept<T> {
    fn new(request: Request<'_>, made: T, bytes: usize) -> Kept<T> {
        Kept {
            texts: request.texts.iter().map(|&text| text.to_owned()).collect(),
            row_text: request.row_text.to_vec(),
            place: request.place,
            contexts: request.contexts,
            n: request.n,
            suffix: request.suffix.to_owned(),
            precision: request.precision,
            bytes,
            made,
        }
    }

    fn answers(&self, request: Request<'_>) -> bool {
        self.place == request.place
            && self.contexts == request.contexts
            && self.n == request.n
            && self.precision == request.precision
            && self.suffix == request.suffix
            && self.row_text == request.row_text
            && self.texts == request.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_transformer::compute::ComputeType;
    use harness_abi::Error;

    const REQUEST: Request<'static> = Request {
        texts: &["red apple", "zebra"],
        row_text: &[0, 1],
        place: Place::Front,
        contexts: Contexts::PerRow,
        n: 2,
        suffix: ".",
        precision: ComputeType::F32,
    };

    /// Whether a request was not in the cache.
    fn made(recent: &mut Recent<usize>, request: Request<'_>, bytes: usize) -> bool {
        let mut made = false;
        let n = recent.with(
            request,
            || {
                made = true;
                Ok((request.n, bytes))
            },
            |&n| Ok(n),
        );
        assert_eq!(n.unwrap(), request.n);
        made
    }

    #[test]
    fn a_request_is_made_once_and_every_field_distinguishes_it() {
        let mut recent = Recent::default();
        let others = [
            Request {
                texts: &["red apple", "zebr"],
                ..REQUEST
            },
            Request {
                row_text: &[1, 0],
                ..REQUEST
            },
            Request {
                place: Place::End,
                ..REQUEST
            },
            Request {
                contexts: Contexts::Shared,
                ..REQUEST
            },
            Request { n: 3, ..REQUEST },
            Request {
                suffix: "",
                ..REQUEST
            },
            Request {
                precision: ComputeType::Bf16,
                ..REQUEST
            },
        ];
        let requests = [&[REQUEST], &others[..]].concat();
        for &request in &requests {
            assert!(made(&mut recent, request, 0), "{request:?}");
        }
        for &request in &requests {
            assert!(!made(&mut recent, request, 0), "{request:?}");
        }
        let text = String::from("red apple");
        let copied = Request {
            texts: &[&text, "zebra"],
            ..REQUEST
        };
        assert!(!made(&mut recent, copied, 0));
    }

    #[test]
    fn the_least_recently_used_is_evicted_and_large_results_are_not_cached() {
        let mut recent = Recent::default();
        let request = |n| Request { n, ..REQUEST };
        for n in 0..KEPT {
            made(&mut recent, request(n), 0);
        }
        assert!(!made(&mut recent, request(0), 0));
        assert!(made(&mut recent, request(KEPT), 0));
        assert!(!made(&mut recent, request(0), 0) && made(&mut recent, request(1), 0));

        let mut recent = Recent::default();
        let half = BYTES / 2 - REQUEST.bytes();
        assert!(made(&mut recent, request(0), half) && made(&mut recent, request(1), half));
        for _ in 0..2 {
            assert!(made(&mut recent, request(2), BYTES));
            assert!(!made(&mut recent, request(0), half) && !made(&mut recent, request(1), half));
        }
        assert!(made(&mut recent, request(3), 1));
        assert!(made(&mut recent, request(0), half));
        assert_eq!(recent.bytes, half + 1 + 2 * REQUEST.bytes());
    }

    #[test]
    fn failures_are_not_cached() {
        let mut recent = Recent::<usize>::default();
        let failed = recent.with(REQUEST, || Err(Error::failed("too long")), |_| Ok(()));
        assert_eq!(failed.unwrap_err().to_string(), "too long");
        assert!(made(&mut recent, REQUEST, 0));
    }
}
