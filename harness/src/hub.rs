//! Models from the Hugging Face hub, into the cache that backbones (`model:`) and Python's
//! `huggingface_hub` read.
//!
//! This is all of clbench that touches the network, and only a user's `clbench fetch` calls it. A
//! model's files are fetched at one commit; the revision's name points to it when all of them are
//! there, so that no half of a model is ever found by its name. What is in the cache already is not
//! transferred again; what was cut off goes on where it ended, in a later call too.

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
use std::{env, fs, io, thread};

const ENDPOINT: &str = "https://huggingface.co";
/// How often a transfer that breaks off is taken up again.
const RETRIES: u32 = 4;
/// The wait before the first time; it doubles.
const WAIT: Duration = Duration::from_millis(500);

/// What keeps a model from being fetched.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A name that cannot be one, of the model or of the revision.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Nowhere to put it.
    #[error(transparent)]
    NoHome(#[from] NoHome),
    /// It is not there.
    #[error("{endpoint} has no model `{model}` at revision `{revision}`")]
    Unknown {
        /// The hub's address.
        endpoint: String,
        /// The model.
        model: String,
        /// The revision.
        revision: String,
    },
    /// It is not there for this user.
    #[error(
        "{endpoint} has no public model `{model}` (status {status}): check the name; if it is private, or its terms are to be \
         accepted first, set `HF_TOKEN` to the token of an account that may read it"
    )]
    Denied {
        /// The hub's address.
        endpoint: String,
        /// The model.
        model: String,
        /// What was answered.
        status: u16,
    },
    /// No answer, or none that can be used.
    #[error(
        "{endpoint}: {what}; what has come stays, and the same command goes on from there; another address of the hub goes into `HF_ENDPOINT`"
    )]
    Network {
        /// The hub's address.
        endpoint: String,
        /// What happened.
        what: String,
    },
    /// There is nothing in it to be read.
    #[error("`{model}` at revision `{revision}` {what}")]
    NoWeights {
        /// The model.
        model: String,
        /// The revision.
        revision: String,
        /// What it lacks.
        what: String,
    },
    /// A file that is not the one that the hub lists.
    #[error("{file} of `{model}` came damaged ({what}) and was removed; fetch it again")]
    Damaged {
        /// The model.
        model: String,
        /// The file's name.
        file: String,
        /// How it differs.
        what: String,
    },
    /// Two at a time.
    #[error("{file} of `{model}` is being fetched by another process; wait for that one")]
    Busy {
        /// The model.
        model: String,
        /// The file's name.
        file: String,
    },
    /// The cache cannot be written.
    #[error("{}: {source}", path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A model that is there.
#[derive(Debug)]
pub struct Fetched {
    /// The commit that the revision names.
    pub commit: String,
    /// The folder of its files.
    pub folder: PathBuf,
    /// How many files, those that were there before too.
    pub files: usize,
    /// How many bytes they have, as far as the hub says.
    pub bytes: u64,
    /// How many of the files were transferred.
    pub transferred: usize,
}

/// Brings what a backbone reads of a model, at a revision (by default [`MAIN`]).
/// `watch` makes, for each file that is to be transferred, what is told of its progress.
///
/// # Errors
///
/// What keeps it from being there in full; what has come by then stays.
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

/// The hub, as the environment says where it is and who asks: `HF_ENDPOINT`, `HF_TOKEN` or the file
/// that logging in leaves.
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
            fs::read_to_string(file).ok()
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

    /// What a revision has.
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
        serde_json::from_str(&text).map_err(|error| {
            self.network(format!("its answer is no list of a model's files: {error}"))
        })
    }

    /// Brings a file, and makes sure that it is the one that was listed.
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

/// Lets one progress be told of a file that is taken up again.
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

/// Whether it may be better the next time.
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

/// Its words, without the library's own before them.
fn said(error: &ApiError) -> String {
    match error {
        ApiError::RequestError(error) => error.to_string(),
        ApiError::IoError(error) => error.to_string(),
        error => error.to_string(),
    }
}
