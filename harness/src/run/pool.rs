//! The samples of a stream's domains in one list per split: those of the first domain, then those
//! of the next.

use crate::domain::{Domain, Sample, Split};

/// Domains, opened, whose samples are numbered together.
pub(super) struct Pool {
    domains: Vec<PooledDomain>,
}

/// A domain of a pool.
pub(super) struct PooledDomain {
    /// Its index in the stream.
    pub(super) number: usize,
    /// Its name in the scenario.
    pub(super) name: String,
    pub(super) domain: Domain,
}

/// A sample of a pool.
#[derive(Clone, Copy)]
pub(super) struct PooledSample<'a> {
    /// The index of its domain in the pool.
    pub(super) domain: usize,
    /// Its index in that domain's split.
    pub(super) index: usize,
    pub(super) sample: &'a Sample,
}

impl Pool {
    pub(super) fn new(domains: Vec<PooledDomain>) -> Pool {
        Pool { domains }
    }

    pub(super) fn domains(&self) -> &[PooledDomain] {
        &self.domains
    }

    /// The class names of each domain, by label.
    pub(super) fn classes(&self) -> Vec<&[String]> {
        let domains = self.domains.iter();
        domains.map(|pooled| pooled.domain.classes()).collect()
    }

    /// The number of samples of a split.
    pub(super) fn len(&self, split: Split) -> usize {
        let domains = self.domains.iter();
        domains
            .map(|pooled| pooled.domain.samples(split).len())
            .sum()
    }

    /// All samples of a split, in order.
    pub(super) fn samples(&self, split: Split) -> impl Iterator<Item = PooledSample<'_>> {
        let domains = self.domains.iter().enumerate();
        domains.flat_map(move |(domain, pooled)| {
            let samples = pooled.domain.samples(split).iter().enumerate();
            samples.map(move |(index, sample)| PooledSample {
                domain,
                index,
                sample,
            })
        })
    }

    /// The sample with this number in its split.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(super) fn sample(&self, split: Split, number: usize) -> PooledSample<'_> {
        let mut index = number;
        for (domain, pooled) in self.domains.iter().enumerate() {
            let samples = pooled.domain.samples(split);
            match samples.get(index) {
                Some(sample) => {
                    return PooledSample {
                        domain,
                        index,
                        sample,
                    };
                }
                None => index -= samples.len(),
            }
        }
        panic!("the {split} split has no sample {number}")
    }
}
