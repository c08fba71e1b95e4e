//! Downloads models from the Hugging Face hub into the cache that backbones (`model:`) and Python's
//! `huggingface_hub` read.
//!
//! Only this module accesses the network, and only `clbench fetch` calls it. A model's files are
//! fetched at one commit. The revision's name points to that commit only once all files are
//! complete, so an incomplete model is never found by its name. Cached files are not downloaded
//! again, and interrupted downloads resume, even in a later call.
//!
//! The hub is not trusted: `HF_ENDPOINT` may name any server, and a redirect leads anywhere.
//!
//! - What it lists becomes a [commit](harness_hub::Commit), a [content's
//!   id](harness_hub::ContentId) or a [file name](harness_hub::FileName) before it gets into a
//!   path. No header does.
//! - A content is written beside its place, within the size that was listed, and moved there once
//!   its hash is right.
//! - The token goes to the hub's own scheme, host and port alone, and only encrypted or within this
//!   machine.
//! - A hub that is silent, redirects in circles or sends without end is given up.

mod client;
mod content;
mod endpoint;
mod error;
mod listing;
mod part;
mod snapshot;
mod transfer;

use client::{Client, Failure};
pub use error::HubError;
pub use listing::RepoFile;
use listing::{Listing, ListingError};
use snapshot::Snapshot;
use transfer::Transfer;

use harness_hub::{Cache, Commit, MAIN, ModelName, Revision};
use std::path::PathBuf;

/// The longest list of files; one with ten thousand files has 2 MB.
const LISTING: usize = 10_000_000;

/// A model in the cache.
#[derive(Debug)]
pub struct Fetched {
    /// The commit that the revision names.
    pub commit: Commit,
    /// The folder of its files.
    pub folder: PathBuf,
    /// How many files, including those that were cached already.
    pub files: usize,
    /// Their total size in bytes, as far as the hub reports it.
    pub bytes: u64,
    /// How many of the files were downloaded.
    pub transferred: usize,
}

/// Shows how far a download is.
pub trait Watch {
    /// Something that the user should know, although the download goes on.
    fn warn(&mut self, warning: &str);
    /// The download of a file starts.
    fn start(&mut self, file: &RepoFile);
    /// So many bytes of the file are here, of so many as far as that is known.
    fn reached(&mut self, bytes: u64, size: Option<u64>);
    /// The file is complete, with so many bytes.
    fn finish(&mut self, bytes: u64);
}

/// Downloads the files of a model that a backbone reads, at a revision (by default [`MAIN`]).
///
/// # Errors
///
/// If a file cannot be listed, downloaded, checked or written. Files that are complete by then
/// stay in the cache.
pub fn fetch(
    model: &str,
    revision: Option<&str>,
    watch: &mut dyn Watch,
) -> Result<Fetched, HubError> {
    let model = ModelName::new(model)?;
    let revision = Revision::new(revision.unwrap_or(MAIN))?;
    let cache = Cache::from_environment()?;
    let (client, warning) = Client::from_environment()?;
    if let Some(warning) = warning {
        watch.warn(&warning);
    }
    let listing = client.list(&model, &revision)?;
    let files = listing.wanted().map_err(|error| match error {
        ListingError::Lacks(what) => HubError::NoWeights {
            model: model.to_string(),
            revision: revision.to_string(),
            what,
        },
        ListingError::Refused(what) => client.refused(what),
    })?;
    let snapshot = Snapshot::new(&cache, &model, &listing.commit);
    let mut transferred = 0;
    for file in &files {
        let transfer = Transfer {
            client: &client,
            snapshot: &snapshot,
            file,
        };
        if !snapshot.has(file)? && transfer.run(watch)? {
            transferred += 1;
        }
    }
    snapshot.name(&revision)?;
    let sizes = files.iter().filter_map(|file| file.size);
    Ok(Fetched {
        folder: snapshot.folder(),
        files: files.len(),
        bytes: sizes.fold(0, u64::saturating_add),
        transferred,
        commit: listing.commit,
    })
}

impl Client {
    /// The files of a revision.
    fn list(&self, model: &ModelName, revision: &Revision) -> Result<Listing, HubError> {
        let path = format!(
            "/api/models/{model}/revision/{}?blobs=true",
            in_path(revision)
        );
        let text = self.get(&path, 0).and_then(|answer| {
            let mut body = answer.into_body().into_reader();
            let (mut text, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
            loop {
                match self.read(&mut body, &mut buffer)? {
                    0 => return Ok(text),
                    read => text.extend_from_slice(&buffer[..read]),
                }
                if text.len() > LISTING {
                    let what = format!("its list of files has more than {LISTING} bytes");
                    return Err(Failure::Refused(what));
                }
            }
        });
        let text = text.map_err(|failure| match failure {
            Failure::Status(404) => HubError::Unknown {
                endpoint: self.endpoint().into(),
                model: model.to_string(),
                revision: revision.to_string(),
            },
            failure => self.error(failure, model, |what| what),
        })?;
        let listing = Listing::read(&text).map_err(|what| self.refused(what))?;
        match Commit::new(revision.as_str()) {
            Ok(commit) if commit != listing.commit => Err(self.refused(format!(
                "lists commit {} instead of {commit}",
                listing.commit
            ))),
            _ => Ok(listing),
        }
    }

    fn refused(&self, what: String) -> HubError {
        HubError::Refused {
            endpoint: self.endpoint().into(),
            what,
        }
    }

    /// The error for a failed request; `about` says what it was about.
    fn error(
        &self,
        failure: Failure,
        model: &ModelName,
        about: impl FnOnce(String) -> String,
    ) -> HubError {
        let endpoint = self.endpoint().to_owned();
        let network = |what| HubError::Network {
            endpoint: self.endpoint().into(),
            what,
        };
        match failure {
            Failure::Status(status @ (401 | 403)) => HubError::Denied {
                endpoint,
                model: model.to_string(),
                status,
            },
            Failure::Status(status) => network(about(format!("status {status}"))),
            Failure::Range => network(about("status 416".into())),
            Failure::Network(what) => network(about(what)),
            Failure::Refused(what) => self.refused(about(what)),
        }
    }
}

/// A revision as a single part of a URL's path.
fn in_path(revision: &Revision) -> String {
    let mut path = String::new();
    for byte in revision.as_str().bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'~' => path.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => path.push(byte.into()),
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_one_part_of_the_path() {
        let path = |revision| in_path(&Revision::new(revision).unwrap());
        assert_eq!(path("v1.0_a-b~"), "v1.0_a-b~");
        assert_eq!(path("refs/pr/3"), "refs%2Fpr%2F3");
        assert_eq!(path("ä:&<"), "%C3%A4%3A%26%3C");
    }
}
