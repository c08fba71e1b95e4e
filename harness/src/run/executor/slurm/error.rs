//! What can go wrong with Slurm.

use crate::error::Error;
use crate::exit_code::ExitCode;
use std::path::{Path, PathBuf};

/// Why Slurm did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum SlurmError {
    #[error(
        "`{program}` not found: submit from a machine that has the commands of Slurm, such as the cluster's login node"
    )]
    Missing { program: &'static str },
    #[error("`{program}` failed: {said}")]
    Failed { program: &'static str, said: String },
    #[error("`{program}` printed what clbench does not understand: {said}")]
    Unclear { program: &'static str, said: String },
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The user asked to stop.
    #[error("interrupted")]
    Stopped,
}

impl From<SlurmError> for Error {
    fn from(error: SlurmError) -> Error {
        match error {
            SlurmError::Stopped => Error::Interrupted,
            SlurmError::File { path, source } => Error::File { path, source },
            error => Error::Executor {
                message: format!("cannot use Slurm: {error}"),
                code: match error {
                    SlurmError::Missing { .. } => ExitCode::Usage,
                    _ => ExitCode::Internal,
                },
            },
        }
    }
}

impl SlurmError {
    /// For `map_err`: an error about a file.
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> SlurmError {
        let path = path.to_owned();
        move |source| SlurmError::File { path, source }
    }
}
