//! The content of a cell's domain: remembered, or read from the images.

use super::{Event, Events, Interrupt};
use crate::domain::content::{Content, ContentMemory, ContentSurvey};
use crate::domain::{ContentDigest, Domain, SampleDigest};
use crate::error::Error;
use crate::features::FeatureStore;
use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// The content of a domain from whose images features may be made. If it is not known, it becomes
/// known when the images are read for the features.
pub(super) struct PendingContent<'a> {
    domain: &'a Domain,
    name: &'a str,
    memory: &'a ContentMemory,
    /// What was known of the images before they were read.
    survey: RefCell<Option<ContentSurvey<'a>>>,
}

impl<'a> PendingContent<'a> {
    pub(super) fn new(
        domain: &'a Domain,
        name: &'a str,
        memory: &'a ContentMemory,
    ) -> PendingContent<'a> {
        PendingContent {
            domain,
            name,
            memory,
            survey: RefCell::new(None),
        }
    }

    /// The digest, if it is known. If there are `others`, features that may be of the same images,
    /// the images are read for it.
    pub(super) fn known(
        &self,
        others: &dyn Fn() -> bool,
        interrupt: &Interrupt,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Option<ContentDigest>, Error> {
        if let Some(content) = self.domain.content() {
            return Ok(Some(content.digest().clone()));
        }
        let survey = self.domain.survey(self.memory);
        let known = match survey.content() {
            Some(content) => self.domain.know_content(content),
            None if others() => read(self.domain, self.name, survey, interrupt, progress)?,
            None => {
                self.survey.replace(Some(survey));
                return Ok(None);
            }
        };
        Ok(Some(known.digest().clone()))
    }

    /// The digest, from those of all images that were read, by row. They must not differ from what
    /// was known.
    pub(super) fn read(&self, digests: Vec<SampleDigest>) -> Result<ContentDigest, Error> {
        for ((split, index), digest) in self.domain.rows().into_iter().zip(&digests) {
            let checked = self.domain.check(split, index, digest);
            checked.map_err(Error::domain(self.name))?;
        }
        let content = Content::of(digests);
        if let Some(survey) = self.survey.take() {
            survey.remember(&content);
        }
        Ok(self.domain.know_content(content).digest().clone())
    }
}

/// The content of a domain that was looked up before.
fn read<'a>(
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
