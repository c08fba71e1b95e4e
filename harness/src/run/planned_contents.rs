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

    /// The contents of a cell's domains, as they are on disk. Shows progress if images have to be
    /// read.
    ///
    /// # Errors
    ///
    /// If a domain cannot be opened, or an image cannot be read.
    pub fn of(&self, job: &Job) -> Result<Vec<ContentDigest>, Error> {
        let domains = 0..job.cell.stream.domains.len();
        domains.map(|index| self.of_domain(job, index)).collect()
    }

    /// The contents of a cell's domains in one text.
    ///
    /// # Errors
    ///
    /// As for [`of`](Self::of).
    pub fn joined(&self, job: &Job) -> Result<String, Error> {
        let digests = self.of(job)?;
        let digests: Vec<&str> = digests.iter().map(ContentDigest::as_str).collect();
        Ok(digests.join("+"))
    }

    /// The content of the domain with this index.
    fn of_domain(&self, job: &Job, index: usize) -> Result<ContentDigest, Error> {
        let (stream, trust) = (&job.cell.stream, job.paths.trust[index]);
        let parts = (
            &job.paths.sources[index],
            stream.domains[index].shots,
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
        let domain = job.open_domain(index)?;
        let memory = self.memory.trusting(trust);
        let name = &stream.domains[index].name;
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
        let place = |job: &'_ Job| {
            let stream = &job.cell.stream;
            let whole = (stream.limit, stream.validation) == (None, None);
            let mut domains = stream.domains.iter();
            let index = domains.position(|found| found.name == domain.name);
            index.filter(|_| whole)
        };
        let Some((job, index)) = jobs.find_map(|job| Some((job, place(job)?))) else {
            continue;
        };
        let digest = contents.of_domain(job, index)?;
        let check = ExpectationCheck::content(&domain.expect, &digest);
        if !check.good {
            return Err(Error::Unexpected {
                of: format!("domain `{}`", domain.name),
                scenario: scenario.file.clone(),
                check: Box::new(check),
            });
        }
    }
    Ok(())
}
