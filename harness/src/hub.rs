//! Downloads models from the Hugging Face hub into the cache that backbones (`model:`) and Python's
//! `huggingface_hub` read.
//!
//! Only this module accesses the network, and only `clbench fetch` calls it. A model's files are
//! fetched at one commit. The revision's name points to that commit only once all files are
//! complete, so an incomplete model is never found by its name. Cached files are not downloaded
//! again, and interrupted downloads resume, even in a later call.

mod listing;
mod snapshot;

use crate::hub::listing::Listing;
pub use crate::hub::listing::RepoFile;
use crate::hub::snapshot::Snapshot;
use harness_hub::{Cache, MAIN, ModelName, NameError, NoHome, Revision};
use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Repo, RepoType};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, io, thread};

const ENDPOINT: &str = "https://huggingface.co";
/// How often an interrupted transfer is retried.
const RETRIES: u32 = 4;
/// The wait before the first retry; it doubles with each retry.
const WAIT: Duration = Duration::from_millis(500);

/// Why a model could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// An invalid name of a model or a revision.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no home directory for the cache.
    #[error(transparent)]
    NoHome(#[from] NoHome),
    /// The model does not exist.
    #[error(
        "model `{model}` at revision `{revision}` not found on {endpoint}; check the name and the revision"
    )]
    Unknown {
        /// The hub's address.
        endpoint: String,
        /// The model.
        model: String,
        /// The revision.
        revision: String,
    },
    /// The user may not read the model.
    #[error(
        "{endpoint} denies access to model `{model}` (status {status}); check the name, or, if the model is private or gated, \
         set `HF_TOKEN` to the token of an account with access"
    )]
    Denied {
        /// The hub's address.
        endpoint: String,
        /// The model.
        model: String,
        /// The HTTP status.
        status: u16,
    },
    /// The hub did not answer, or not in a usable way.
    #[error(
        "{endpoint}: {what}; run the same command again to resume, or set `HF_ENDPOINT` to another address of the hub"
    )]
    Network {
        /// The hub's address.
        endpoint: String,
        /// What happened.
        what: String,
    },
    /// The model has no weights that clbench can read.
    #[error("`{model}` at revision `{revision}` {what}")]
    NoWeights {
        /// The model.
        model: String,
        /// The revision.
        revision: String,
        /// What it lacks.
        what: String,
    },
    /// A file that differs from the one that the hub lists.
    #[error(
        "{file} of `{model}` was damaged in transfer ({what}) and has been removed; fetch it again"
    )]
    Damaged {
        /// The model.
        model: String,
        /// The file's name.
        file: String,
        /// How it differs.
        what: String,
    },
    /// Another process is fetching the file.
    #[error("{file} of `{model}` is being fetched by another process; wait until it has finished")]
    Busy {
        /// The model.
        model: String,
        /// The file's name.
        file: String,
    },
    /// The cache cannot be written.
    #[error("hub cache {}: {source}", path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// A model in the cache.
#[derive(Debug)]
pub struct Fetched {
    /// The commit that the revision names.
    pub commit: String,
    /// The folder of its files.
    pub folder: PathBuf,
    /// How many files, including those that were cached already.
    pub files: usize,
    /// Their total size in bytes, as far as the hub reports it.
    pub bytes: u64,
    /// How many of the files were downloaded.
    pub transferred: usize,
}

/// Downloads the files of a model that a backbone reads, at a revision (by default [`MAIN`]).
/// `watch` creates the progress display of each file that is downloaded.
///
/// # Errors
///
/// If a file cannot be listed, downloaded, checked or written. Files that are complete by then
/// stay in the cache.
pub fn fetch<P: Progress>(
    model: &str,
    revision: Option<&str>,
    mut watch: impl FnMut(&RepoFile) -> P,
) -> Result<Fetched, HubError> {
    let model = ModelName::new(model)?;
    let revision = Revision::new(revision.unwrap_or(MAIN))?;
    let cache = Cache::from_environment()?;
    let hub = Hub::new(&cache)?;
    let listing = hub.list(&model, &revision)?;
    let files = listing.wanted().map_err(|what| HubError::NoWeights {
        model: model.to_string(),
        revision: revision.to_string(),
        what,
    })?;
    let snapshot = Snapshot::new(&cache, &model, &listing.commit);
    let source = hub.at(&model, &listing.commit);
    let mut transferred = 0;
    for file in &files {
        if snapshot.has(file)? {
            continue;
        }
        transferred += 1;
        hub.transfer(&source, &snapshot, &model, file, || watch(file))?;
    }
    snapshot.name(&revision)?;
    Ok(Fetched {
        folder: snapshot.folder().to_owned(),
        files: files.len(),
        bytes: files.iter().filter_map(|file| file.size).sum(),
        transferred,
        commit: listing.commit,
    })
}

/// The hub, with address and token from the environment: `HF_ENDPOINT`, and `HF_TOKEN` or the token
/// file that logging in writes.
struct Hub {
    api: Api,
    endpoint: String,
}

impl Hub {
    fn new(cache: &Cache) -> Result<Hub, HubError> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.into());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let left = || {
            let file = harness_hub::home()?.join("token");
            crate::regular_file::read_text(&file, 1 << 20).ok()
        };
        let token = set("HF_TOKEN").or_else(left);
        let token = token.map(|token| token.trim().to_owned());
        let api = ApiBuilder::from_cache(hf_hub::Cache::new(cache.root().to_owned()))
            .with_endpoint(endpoint.clone())
            .with_token(token.filter(|token| !token.is_empty()))
            .with_progress(false)
            .with_user_agent("clbench", env!("CARGO_PKG_VERSION"))
            .build();
        match api {
            Ok(api) => Ok(Hub { api, endpoint }),
            Err(error) => Err(HubError::Network {
                endpoint,
                what: error.to_string(),
            }),
        }
    }

    fn at(&self, model: &ModelName, revision: &str) -> ApiRepo {
        let repo = Repo::with_revision(model.to_string(), RepoType::Model, revision.into());
        self.api.repo(repo)
    }

    fn network(&self, what: impl ToString) -> HubError {
        HubError::Network {
            endpoint: self.endpoint.clone(),
            what: what.to_string(),
        }
    }

    /// The files of a revision.
    fn list(&self, model: &ModelName, revision: &Revision) -> Result<Listing, HubError> {
        let request = self.at(model, revision.as_str()).info_request();
        let answer = request
            .query("blobs", "true")
            .call()
            .and_then(|mut answer| answer.body_mut().read_to_string());
        let text = answer.map_err(|error| match error {
            ureq::Error::StatusCode(404) => HubError::Unknown {
                endpoint: self.endpoint.clone(),
                model: model.to_string(),
                revision: revision.to_string(),
            },
            ureq::Error::StatusCode(status @ (401 | 403)) => HubError::Denied {
                endpoint: self.endpoint.clone(),
                model: model.to_string(),
                status,
            },
            error => self.network(error),
        })?;
        serde_json::from_str(&text)
            .map_err(|error| self.network(format!("its answer is not a list of files: {error}")))
    }

    /// Downloads a file, and checks that it is the one that was listed.
    fn transfer<P: Progress>(
        &self,
        source: &ApiRepo,
        snapshot: &Snapshot,
        model: &ModelName,
        file: &RepoFile,
        watch: impl FnOnce() -> P,
    ) -> Result<(), HubError> {
        let mut watched = Shared(watch());
        let mut retries = 0;
        loop {
            snapshot.clear_the_way(file)?;
            let error = match source.download_with_progress(&file.name, &mut watched) {
                Ok(_) => break,
                Err(error) => error,
            };
            match error {
                ApiError::LockAcquisition(_) => {
                    return Err(HubError::Busy {
                        model: model.to_string(),
                        file: file.name.clone(),
                    });
                }
                error if retries == RETRIES || !passes(&error) => {
                    return Err(self.network(format!("{}: {}", file.name, said(&error))));
                }
                _ => {
                    thread::sleep(WAIT * 2_u32.pow(retries));
                    retries += 1;
                }
            }
        }
        snapshot.tidy(file);
        snapshot.check(file).map_err(|what| {
            snapshot.forget(file);
            HubError::Damaged {
                model: model.to_string(),
                file: file.name.clone(),
                what,
            }
        })
    }
}

/// Keeps one progress display for a file across retries.
struct Shared<P>(P);

impl<P: Progress> Progress for &mut Shared<P> {
    fn init(&mut self, size: usize, filename: &str) {
        self.0.init(size, filename);
    }

    fn update(&mut self, size: usize) {
        self.0.update(size);
    }

    fn finish(&mut self) {
        self.0.finish();
    }
}

/// Whether a retry may succeed.
fn passes(error: &ApiError) -> bool {
    match error {
        ApiError::RequestError(error) => match **error {
            ureq::Error::StatusCode(status) => status >= 500 || matches!(status, 408 | 429),
            _ => true,
        },
        ApiError::IoError(error) => !matches!(
            error.kind(),
            ErrorKind::StorageFull
                | ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::QuotaExceeded
                | ErrorKind::NotFound
        ),
        _ => false,
    }
}

/// The message, without the library's own prefix.
fn said(error: &ApiError) -> String {
    match error {
        ApiError::RequestError(error) => error.to_string(),
        ApiError::IoError(error) => error.to_string(),
        error => error.to_string(),
    }
}
