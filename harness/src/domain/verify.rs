//! A full check of a domain, beyond what opening it does: every image is decoded, and no image may
//! be in both splits.
//!
//! Two images are the same if their decoded pixels are, whatever their files are called and however
//! they are encoded. Images are decoded on all cores, and each is held only while it is checked.

use super::collection::Domain;
use super::error::DomainError;
use super::sample::Split;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What checking every image of a domain found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Images that cannot be decoded, train before test, in the order of their split.
    pub undecodable: Vec<Undecodable>,
    /// Images of the test split that are also in the train split, in the order of the test split.
    pub shared: Vec<Shared>,
}

/// An image that cannot be decoded.
#[derive(Debug)]
pub struct Undecodable {
    /// Its split.
    pub split: Split,
    /// The sample's name.
    pub sample: String,
    /// Why.
    pub error: DomainError,
}

/// An image that is in both splits.
#[derive(Debug, PartialEq, Eq)]
pub struct Shared {
    /// The first sample of the train split that has it.
    pub train: String,
    /// The sample of the test split.
    pub test: String,
}

/// How many samples each class has in each split: `[train, test]`, by label.
pub fn per_class(domain: &Domain) -> Vec<[usize; 2]> {
    let mut counts = vec![[0; 2]; domain.classes().len()];
    for (column, split) in [Split::Train, Split::Test].into_iter().enumerate() {
        for sample in domain.samples(split) {
            counts[sample.label.index()][column] += 1;
        }
    }
    counts
}

/// Decodes every image. `seen` is called after each image; once it returns false, no other image is
/// started, and there are no findings.
pub fn examine(domain: &Domain, seen: &(dyn Fn() -> bool + Sync)) -> Option<Findings> {
    let all: Vec<(Split, usize)> = [Split::Train, Split::Test]
        .into_iter()
        .flat_map(|split| (0..domain.samples(split).len()).map(move |index| (split, index)))
        .collect();
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let stopped = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut own = Vec::new();
                while stopped.load(Ordering::Relaxed) == 0 {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&(split, index)) = all.get(at) else {
                        break;
                    };
                    let digest = domain.image(split, index).map(|image| {
                        let mut hasher = blake3::Hasher::new();
                        hasher.update(&image.width().to_le_bytes());
                        hasher.update(image.as_raw());
                        *hasher.finalize().as_bytes()
                    });
                    // An error is far larger than a digest, and rare.
                    let digest = digest.map_err(Box::new);
                    own.push((at, digest));
                    if !seen() {
                        stopped.store(1, Ordering::Relaxed);
                    }
                }
                results.lock().expect("no worker panics here").extend(own);
            });
        }
    });
    if stopped.into_inner() != 0 {
        return None;
    }
    let mut results = results.into_inner().expect("no worker panics here");
    results.sort_unstable_by_key(|&(at, _)| at);
    let (mut findings, mut of_train) = (Findings::default(), HashMap::new());
    for (at, digest) in results {
        let (split, index) = all[at];
        let sample = &domain.samples(split)[index].name;
        match (digest, split) {
            (Err(error), split) => findings.undecodable.push(Undecodable {
                split,
                sample: sample.clone(),
                error: *error,
            }),
            (Ok(digest), Split::Train) => {
                of_train.entry(digest).or_insert(sample);
            }
            (Ok(digest), Split::Test) => {
                if let Some(train) = of_train.get(&digest) {
                    findings.shared.push(Shared {
                        train: (*train).clone(),
                        test: sample.clone(),
                    });
                }
            }
        }
    }
    Some(findings)
}
