//! The contents of a plan's domains, which decide whether older records still count.

use super::content::content;
use super::show::ImageBar;
use super::{Interrupt, Job, Plan};
use crate::domain::ContentDigest;
use crate::domain::content::ContentMemory;
use crate::error::Error;
use crate::scenario::{ExpectationCheck, Scenario};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The contents of a plan's domains. Each is looked up, or read, when it is first needed.
pub struct PlannedContents<'a> {
    memory: ContentMemory,
    interrupt: &'a Interrupt,
    /// By domain, restriction and trust.
    known: Mutex<HashMap<String, ContentDigest>>,
}

impl<'a> PlannedContents<'a> {
    /// Nothing is known yet.
    pub fn new(memory: ContentMemory, interrupt: &'a Interrupt) -> PlannedContents<'a> {
        PlannedContents {
            memory,
            interrupt,
            known: Mutex::new(HashMap::new()),
        }
    }

    /// The content of a cell's domain, as it is on disk. Shows progress if images have to be read.
    ///
    /// # Errors
    ///
    /// If the domain cannot be opened, or an image cannot be read.
    pub fn of(&self, job: &Job) -> Result<ContentDigest, Error> {
        let (stream, trust) = (&job.cell.stream, job.paths.trust[0]);
        let parts = (
            &job.paths.sources[0],
            stream.limit,
            stream.validation,
            trust,
        );
        let key = serde_json::to_string(&parts).expect("plain data");
        // Whoever waits here usually waits for the domain that is being read.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = known.get(&key) {
            return Ok(digest.clone());
        }
        let domain = job.open_domain()?;
        let memory = self.memory.trusting(trust);
        let name = &stream.domain().name;
        let bar = ImageBar::new(&format!("{name}: checking the images"));
        let found = content(&domain, name, &memory, self.interrupt, &|done, total| {
            bar.show(done, total);
        });
        let digest = found?.digest().clone();
        known.insert(key, digest.clone());
        Ok(digest)
    }
}

/// Refuses a plan whose domains do not have the content that the scenario expects. Nothing is
/// expected of a part of a domain.
///
/// # Errors
///
/// If a domain has other content, or cannot be read.
pub fn check_expected(
    scenario: &Scenario,
    plan: &Plan,
    contents: &PlannedContents<'_>,
) -> Result<(), Error> {
    for domain in scenario
        .domains
        .iter()
        .filter(|domain| domain.expect.content.is_some())
    {
        let mut jobs = plan.cells.iter().map(|planned| &planned.job);
        let whole = |job: &&Job| {
            let stream = &job.cell.stream;
            let whole = (stream.limit, stream.validation) == (None, None);
            stream.domain().name == domain.name && whole
        };
        let Some(job) = jobs.find(whole) else {
            continue;
        };
        let check = ExpectationCheck::content(&domain.expect, &contents.of(job)?);
        if !check.good {
            return Err(Error::Unexpected {
                domain: domain.name.clone(),
                scenario: scenario.file.clone(),
                check: Box::new(check),
            });
        }
    }
    Ok(())
}
