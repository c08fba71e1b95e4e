//! The content of a cell's domain: remembered, or read from the images.

use super::show::ImageBar;
use super::{Event, Events, Interrupt, Job, Plan};
use crate::domain::content::{Content, ContentMemory, ContentSurvey};
use crate::domain::{ContentDigest, Domain};
use crate::error::Error;
use crate::features::FeatureStore;
use crate::scenario::{ExpectationCheck, Scenario};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Minimum time between progress events.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What clbench keeps between runs, in the user's cache folder.
#[derive(Debug, Clone)]
pub struct Caches {
    /// Features of frozen backbones.
    pub features: FeatureStore,
    /// Digests of images.
    pub content: ContentMemory,
}

impl Caches {
    /// The caches of this user. Waiting for other processes ends with an interrupt.
    ///
    /// # Errors
    ///
    /// If there is no folder for them.
    pub fn open(interrupt: &Interrupt) -> Result<Caches, Error> {
        let folder = crate::cache::folder().ok_or_else(|| {
            Error::Usage(
                "no folder for the feature cache, since HOME is not set; set CLBENCH_CACHE to a folder"
                    .into(),
            )
        })?;
        let interrupt = interrupt.clone();
        Ok(Caches {
            features: FeatureStore::new(folder.join("features"))
                .until(move || interrupt.requested()),
            content: ContentMemory::new(folder.join("content")),
        })
    }
}

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

/// The content of a domain: what the domain knows, what is remembered, or what its images say.
/// `progress` gets the number of images that were read and that have to be.
///
/// # Errors
///
/// If an image cannot be read.
pub fn content<'a>(
    domain: &'a Domain,
    name: &str,
    memory: &ContentMemory,
    interrupt: &Interrupt,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<&'a Content, Error> {
    match domain.content() {
        Some(content) => Ok(content),
        None => read(domain, name, domain.survey(memory), interrupt, progress),
    }
}

/// The content of a domain that was looked up before.
pub(super) fn read<'a>(
    domain: &'a Domain,
    name: &str,
    survey: ContentSurvey<'_>,
    interrupt: &Interrupt,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<&'a Content, Error> {
    let (total, done) = (survey.unread() as u64, AtomicU64::new(0));
    let content = survey.read(&|| {
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        !interrupt.requested()
    });
    let content = content.map_err(Error::domain(name))?;
    let content = content.ok_or(Error::Interrupted)?;
    survey.remember(&content);
    Ok(domain.know_content(content))
}

/// Sends progress to the parent, but not after every image.
pub(super) fn sent(events: &Events) -> impl Fn(u64, u64) + Sync {
    let last = Mutex::new(Instant::now());
    move |done, total| {
        if let Ok(mut last) = last.try_lock()
            && last.elapsed() >= PROGRESS_INTERVAL
        {
            *last = Instant::now();
            events.send(&Event::Progress {
                phase: "image".into(),
                done,
                total,
            });
        }
    }
}
