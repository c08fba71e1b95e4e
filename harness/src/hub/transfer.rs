//! The transfer of one file: resumed, retried, within its size, and checked.

use super::Watch;
use super::client::{Client, Failure};
use super::error::HubError;
use super::listing::{RepoFile, SMALL};
use super::part::Part;
use super::snapshot::Snapshot;
use std::thread;
use std::time::Duration;
use ureq::Body;
use ureq::http::Response;
use ureq::http::header::{CONTENT_RANGE, TRANSFER_ENCODING};

/// How often an interrupted transfer is retried.
const RETRIES: u32 = 4;
/// The wait before the first retry; it doubles with each retry.
const WAIT: Duration = Duration::from_millis(500);
/// The largest weights whose size the hub announces but does not list. The largest CLIP has 10 GB.
const UNLISTED: u64 = 16 << 30;

/// A file on its way into the cache.
pub(super) struct Transfer<'a> {
    pub(super) client: &'a Client,
    pub(super) snapshot: &'a Snapshot<'a>,
    pub(super) file: &'a RepoFile,
}

/// Why an attempt failed.
enum Attempt {
    Failed(Failure),
    Ended(HubError),
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Attempt {
        Attempt::Failed(failure)
    }
}

impl Transfer<'_> {
    /// Downloads the file. `false` if another process has done so meanwhile.
    pub(super) fn run(&self, watch: &mut dyn Watch) -> Result<bool, HubError> {
        let path = self.snapshot.part(self.file);
        let part = Part::open(&path).map_err(HubError::at(&path))?;
        let mut part = part.ok_or_else(|| HubError::Busy {
            model: self.snapshot.model.to_string(),
            file: self.file.name.to_string(),
        })?;
        if self.snapshot.has(self.file)? {
            part.truncate(0).map_err(HubError::at(&path))?;
            return Ok(false);
        }
        watch.start(self.file);
        let mut retries = 0;
        loop {
            let failure = match self.attempt(&mut part, watch) {
                Ok(()) => break,
                Err(Attempt::Ended(error)) => return Err(error),
                Err(Attempt::Failed(failure)) => failure,
            };
            let what = match failure {
                Failure::Network(what) if retries < RETRIES => what,
                Failure::Range if retries < RETRIES => {
                    // What is here is longer than the file.
                    part.truncate(0).map_err(HubError::at(&path))?;
                    "status 416".into()
                }
                failure => return Err(self.error(failure)),
            };
            thread::sleep(WAIT * 2_u32.pow(retries));
            retries += 1;
            watch.warn(&format!(
                "{}: {what}; retry {retries} of {RETRIES}",
                self.file.name
            ));
        }
        let len = part.len();
        self.snapshot.keep(part, self.file)?;
        watch.finish(len);
        Ok(true)
    }

    fn error(&self, failure: Failure) -> HubError {
        let name = &self.file.name;
        self.client.error(failure, self.snapshot.model, |what| {
            format!("{name}: {what}")
        })
    }

    /// Appends to the part until the file is complete.
    fn attempt(&self, part: &mut Part, watch: &mut dyn Watch) -> Result<(), Attempt> {
        let name = &self.file.name;
        let path = part.path().to_owned();
        let cache = |error| Attempt::Ended(HubError::at(&path)(error));
        let refused = |what| Err(Attempt::Failed(Failure::Refused(what)));
        if self.file.size.is_some_and(|size| part.len() > size) {
            part.truncate(0).map_err(cache)?;
        }
        if self.file.size == Some(part.len()) {
            return Ok(());
        }
        self.check_space(part)?;
        let address = format!(
            "/{}/resolve/{}/{name}",
            self.snapshot.model, self.snapshot.commit
        );
        let answer = self.client.get(&address, part.len())?;
        let (from, announced) = span(&answer)?;
        // From 0 on, it sends the whole file again.
        if from != 0 && from != part.len() {
            return refused(format!(
                "sends bytes from {from} on instead of {}",
                part.len()
            ));
        }
        let limit = match (self.file.size, announced) {
            (Some(size), Some(announced)) if announced != size => {
                return refused(format!("lists {size} bytes, but sends {announced}"));
            }
            (Some(size), _) => size,
            (None, Some(_)) if self.file.is_weights() => UNLISTED,
            (None, _) => SMALL,
        };
        let most = match self.file.size {
            Some(_) => format!("more than the {limit} bytes that it lists"),
            None => format!("more than {limit} bytes without listing a size"),
        };
        if announced.is_some_and(|announced| announced > limit) {
            return refused(format!("sends {most}"));
        }
        let size = self.file.size.or(announced);
        let ends = size.is_some() || answer.headers().contains_key(TRANSFER_ENCODING);
        if !ends && self.file.id.is_none() {
            // The end of the connection might come early.
            return refused("neither lists nor sends a size or an id".into());
        }
        part.truncate(from).map_err(cache)?;
        let mut body = answer.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        watch.reached(part.len(), size);
        loop {
            let read = self.client.read(&mut body, &mut buffer)?;
            if read == 0 {
                break;
            }
            if part.len() + read as u64 > limit {
                part.truncate(from).map_err(cache)?;
                return refused(format!("sends {most}"));
            }
            part.append(&buffer[..read]).map_err(cache)?;
            watch.reached(part.len(), size);
        }
        match size.filter(|size| part.len() < *size) {
            Some(size) => {
                let what = format!("ended after {} of {size} bytes", part.len());
                Err(Attempt::Failed(Failure::Network(what)))
            }
            None => Ok(()),
        }
    }

    fn check_space(&self, part: &Part) -> Result<(), Attempt> {
        let need = self.file.size.map_or(0, |size| size - part.len());
        match self.snapshot.free().filter(|free| need > *free) {
            Some(free) => Err(Attempt::Ended(HubError::Space {
                model: self.snapshot.model.to_string(),
                file: self.file.name.to_string(),
                need,
                free,
                folder: self.snapshot.blobs(),
            })),
            None => Ok(()),
        }
    }
}

/// The first byte that an answer has of the file, and the size of the whole file, if it says so.
fn span(answer: &Response<Body>) -> Result<(u64, Option<u64>), Failure> {
    match answer.status().as_u16() {
        200 => Ok((0, answer.body().content_length())),
        206 => {
            let range = answer.headers().get(CONTENT_RANGE);
            let range = range.and_then(|range| content_range(range.to_str().ok()?));
            range.ok_or_else(|| Failure::Refused("sends a part without saying which".into()))
        }
        status => Err(Failure::Refused(format!("answers with status {status}"))),
    }
}

/// Reads `bytes 5-9/10`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((from.parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_has_a_start_and_perhaps_a_size() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for text in [
            "",
            "bytes",
            "bytes 5-9",
            "bytes -1-9/10",
            "bytes 5-9/-1",
            "5-9/10",
            "bytes */10",
        ] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
