//! A scenario's domain, opened: checked against what the scenario expects, and found to hold enough
//! classes for the stream of every seed.

use super::{OrderDigest, Stream, StreamError};
use crate::domain::{Domain, DomainSummary, Source};
use crate::error::Error;
use crate::id::Seed;
use crate::scenario::{DomainUse, Scenario};
use std::num::NonZeroUsize;

/// The seed of `--validation`'s split: one for all cells, so that all seeds are compared on the
/// same samples.
const VALIDATION_SEED: u64 = 0;

/// What is run of a scenario's data.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Restriction {
    /// `--limit`: samples per class.
    pub limit: Option<NonZeroUsize>,
    /// `--validation`: the part of the training data that stands in for the test split.
    pub validation: Option<f64>,
}

impl Restriction {
    /// Opens a domain of this source, cut as `--limit` and `--validation` say.
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
    /// Where its images are.
    pub source: Source,
    /// What it is.
    pub summary: DomainSummary,
}

/// Opens a scenario's domain and checks that every seed's stream can be cut from it, and that it is
/// what the scenario expects. A part of it cannot be, so what is restricted is not compared.
///
/// # Errors
///
/// If it cannot be opened, has fewer classes than tasks, or is another one than the scenario
/// expects.
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
    Ok(OpenedDomain { source, summary })
}

/// Opens all of a scenario's domain, whatever the scenario expects of it.
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
/// If one cannot be made, or the domain has fewer classes than tasks.
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

/// An error about a domain's stream, at the key of the scenario that is to blame.
pub(crate) fn stream_error(scenario: &Scenario, domain: &DomainUse, error: &StreamError) -> Error {
    let key = match error {
        StreamError::SeedTooLargeForNumpy { .. } => domain.stream.class_order_key(),
        _ => domain.stream.tasks_key(),
    };
    let message = format!("domain `{}`: {error}", domain.name);
    scenario.key_error(&key, message).into()
}
