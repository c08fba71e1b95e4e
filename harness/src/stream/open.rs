//! Opening a scenario's domain, which checks it against the scenario's expectations and makes sure
//! that the stream of every seed can be cut from it.

use super::{OrderDigest, Stream, StreamError};
use crate::domain::{Domain, DomainSummary, Source, Split};
use crate::error::Error;
use crate::id::Seed;
use crate::scenario::{DomainUse, Scenario};
use std::num::NonZeroUsize;

/// The seed of the validation split, the same for all cells, so that all seeds are compared on the
/// same samples.
const VALIDATION_SEED: u64 = 0;

/// Which part of a scenario's data is used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Restriction {
    /// `--limit`: samples per class.
    pub limit: Option<NonZeroUsize>,
    /// `--validation`: the fraction of the training data that replaces the test split.
    pub validation: Option<f64>,
}

impl Restriction {
    /// Opens a domain of this source, reduced by `--limit` and `--validation`.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or cut.
    pub fn open(self, name: &str, source: &Source) -> Result<Domain, Error> {
        let mut domain = Domain::open(source).map_err(Error::domain(name))?;
        if let Some(fraction) = self.validation {
            domain = domain
                .validation(fraction, VALIDATION_SEED)
                .map_err(Error::domain(name))?;
        }
        if let Some(limit) = self.limit {
            domain = domain.limited(limit);
        }
        Ok(domain)
    }
}

/// A domain of the scenario, opened.
pub struct OpenedDomain {
    /// Where its images come from.
    pub source: Source,
    /// Its classes, counts and hashes.
    pub summary: DomainSummary,
    /// How many training samples each class has, by label.
    pub train_of_class: Vec<u64>,
}

/// Opens a scenario's domain and checks that every seed's stream can be cut from it, and that it
/// meets the scenario's expectations. The latter is skipped under a restriction, since a part of a
/// domain cannot meet them.
///
/// # Errors
///
/// If it cannot be opened, has fewer classes than tasks, or does not meet the expectations.
pub fn open(
    scenario: &Scenario,
    domain: &DomainUse,
    restriction: Restriction,
) -> Result<OpenedDomain, Error> {
    let source = domain
        .source
        .resolved()
        .map_err(Error::domain(&domain.name))?;
    let opened = restriction.open(&domain.name, &source)?;
    let (orders, summary) = (class_orders(scenario, domain, &opened)?, opened.summary());
    let mut checks = domain.expect.compare(&summary, &orders).into_iter();
    if restriction == Restriction::default()
        && let Some(check) = checks.find(|check| !check.good)
    {
        return Err(Error::Unexpected {
            domain: domain.name.clone(),
            scenario: scenario.file.clone(),
            check: Box::new(check),
        });
    }
    Ok(OpenedDomain {
        source,
        summary,
        train_of_class: train_of_class(&opened),
    })
}

/// How many training samples each class of a domain has, by label.
pub(crate) fn train_of_class(domain: &Domain) -> Vec<u64> {
    let mut counts = vec![0; domain.classes().len()];
    for sample in domain.samples(Split::Train) {
        counts[sample.label.index()] += 1;
    }
    counts
}

/// How many training samples the largest task of a stream has, given those of each class.
pub(crate) fn largest_task(train_of_class: &[u64], stream: &Stream) -> u64 {
    let of_task = |task| {
        let classes = stream.classes_of(task).iter();
        classes
            .map(|class| train_of_class[stream.label_of(class).index()])
            .sum()
    };
    stream.tasks().map(of_task).max().unwrap_or_default()
}

/// Opens all of a scenario's domain, without checking the scenario's expectations.
///
/// # Errors
///
/// If it cannot be opened.
pub fn open_whole(domain: &DomainUse) -> Result<Domain, Error> {
    let source = domain
        .source
        .resolved()
        .map_err(Error::domain(&domain.name))?;
    Restriction::default().open(&domain.name, &source)
}

/// The class order of each of the scenario's seeds.
///
/// # Errors
///
/// If one cannot be drawn, or the domain has fewer classes than tasks.
pub fn class_orders(
    scenario: &Scenario,
    domain: &DomainUse,
    opened: &Domain,
) -> Result<Vec<(Seed, OrderDigest)>, Error> {
    let digest = |&seed: &Seed| {
        let stream = Stream::new(&domain.stream.spec, opened.classes().len(), seed)
            .map_err(|error| stream_error(scenario, domain, &error))?;
        Ok((
            seed,
            stream.order_digest(opened.classes(), &domain.templates),
        ))
    };
    scenario.seeds.iter().map(digest).collect()
}

/// An error about a domain's stream, at the key of the scenario that caused it.
pub(crate) fn stream_error(scenario: &Scenario, domain: &DomainUse, error: &StreamError) -> Error {
    let key = match error {
        StreamError::SeedTooLargeForNumpy { .. } | StreamError::OrderOfOtherLength { .. } => {
            domain.stream.class_order_key()
        }
        _ => domain.stream.tasks_key(),
    };
    let message = format!("domain `{}`: {error}", domain.name);
    scenario.key_error(&key, message).into()
}
