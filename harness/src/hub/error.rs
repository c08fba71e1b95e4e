//! Why a model could not be fetched.

use harness_hub::{NameError, NoHome};
use std::io;
use std::path::{Path, PathBuf};

/// Why a model could not be fetched. What a hub sent is escaped before it gets into a message.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// An invalid name of a model or a revision.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no home directory for the cache.
    #[error(transparent)]
    NoHome(#[from] NoHome),
    /// An environment variable with an unusable value.
    #[error("`{variable}` {what}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is wrong with its value, and what to set.
        what: String,
    },
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
    /// The hub did not answer, or broke off.
    #[error(
        "{endpoint}: {what}; run the same command again to resume, or set `HF_ENDPOINT` to another address of the hub"
    )]
    Network {
        /// The hub's address.
        endpoint: String,
        /// What happened.
        what: String,
    },
    /// An answer that a sound hub does not give.
    #[error(
        "{endpoint}: {what}; the hub is faulty or hostile, so nothing of this answer is kept; set `HF_ENDPOINT` to \
         another address of the hub"
    )]
    Refused {
        /// The hub's address.
        endpoint: String,
        /// What it answered.
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
    /// The disk is too small.
    #[error(
        "{file} of `{model}` needs {need} bytes more, but only {free} are free in {}; free some space, or set `HF_HUB_CACHE` \
         to a folder on another disk",
        folder.display()
    )]
    Space {
        /// The model.
        model: String,
        /// The file's name.
        file: String,
        /// The bytes to come.
        need: u64,
        /// The bytes that are free.
        free: u64,
        /// The folder.
        folder: PathBuf,
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

impl HubError {
    /// For `map_err`: an error about a file of the cache.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> HubError {
        let path = path.to_owned();
        move |source| HubError::Cache { path, source }
    }
}
