//! A full disk: recognised wherever it is met, and reported as what it is, not as the fault of
//! whoever tried to write.
//!
//! A run that meets one starts no further cells. Files appear [whole or not at all](crate::atomic),
//! so nothing that was finished is lost.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use signal_hook::consts::SIGXFSZ;
use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Why a file cannot grow, whatever is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}: {message}; {}, then run the same command again: what is finished is kept", remedy(*reason, *place))]
pub struct FullDisk {
    /// What is used up.
    pub reason: FullReason,
    /// What is on the disk.
    pub place: Place,
    /// What could not be written, and the system's own words.
    pub message: String,
}

/// What is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum FullReason {
    /// The space on the disk (ENOSPC).
    #[error("the disk is full")]
    Disk,
    /// The space that the user may take (EDQUOT).
    #[error("your disk quota is used up")]
    Quota,
    /// The size that a file may have (EFBIG): the user's limit, or the file system's.
    #[error("a file would be larger than it may be")]
    FileSize,
}

/// What is on a disk that is full, which decides how to choose another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A run folder.
    Run,
    /// The feature cache.
    Features,
    /// The cache of downloaded models.
    Models,
    /// Something else.
    Other,
}

impl FullReason {
    /// What an error of the system says about a full disk; `None` if it says something else.
    pub fn of(error: &io::Error) -> Option<FullReason> {
        match error.kind() {
            ErrorKind::StorageFull => Some(FullReason::Disk),
            ErrorKind::QuotaExceeded => Some(FullReason::Quota),
            ErrorKind::FileTooLarge => Some(FullReason::FileSize),
            _ => None,
        }
    }

    /// The same for an error of any type, and those that caused it.
    fn behind(error: &(dyn StdError + 'static)) -> Option<FullReason> {
        let mut next = Some(error);
        while let Some(error) = next {
            let system = error.downcast_ref().and_then(FullReason::of);
            if system.is_some() {
                return system;
            }
            next = error.source();
        }
        None
    }
}

impl FullDisk {
    /// The full disk behind an error, if that is the cause.
    pub fn behind(error: &Error) -> Option<FullDisk> {
        if let Error::FullDisk(full) = error {
            return Some((**full).clone());
        }
        let reason = FullReason::behind(error)?;
        let message = match error {
            // These speak of the folder, not of the disk.
            Error::Features { path, source } | Error::File { path, source } => {
                format!("cannot write {}: {source}", path.display())
            }
            error => error.to_string(),
        };
        // `tempfile` appends the name of the temporary file, which is gone.
        let message = match message.split_once(" at path \"") {
            Some((message, _)) => message.to_owned(),
            None => message,
        };
        Some(FullDisk {
            reason,
            place: match error {
                Error::Results(_) | Error::Report(_) | Error::File { .. } => Place::Run,
                Error::Features { .. } => Place::Features,
                Error::Hub(_) => Place::Models,
                _ => Place::Other,
            },
            message,
        })
    }
}

/// How to fix it, as the beginning of a sentence.
fn remedy(reason: FullReason, place: Place) -> String {
    let free = match reason {
        FullReason::Disk => "free some space",
        FullReason::Quota => "delete files that you do not need",
        FullReason::FileSize => {
            return "raise the limit (`ulimit -f`), or use a file system that allows larger files"
                .to_owned();
        }
    };
    match place {
        Place::Run => format!("{free}, or choose a folder on another disk with `--out`"),
        Place::Features => format!("{free}, or set CLBENCH_CACHE to a folder on another disk"),
        Place::Models => format!("{free}, or set HF_HUB_CACHE to a folder on another disk"),
        Place::Other => free.to_owned(),
    }
}

/// From now on, a file that reaches the limit on its size is an error, and no longer the end of the
/// process.
///
/// # Errors
///
/// If the signal cannot be handled.
pub fn survive_size_limit() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::HubError;
    use crate::results::ResultsError;
    use crate::run::Fault;
    use expect_test::expect;
    use rustix::io::Errno;

    fn system(errno: Errno) -> io::Error {
        errno.into()
    }

    fn errors() -> Vec<Error> {
        // As `tempfile` does.
        let wrapped = io::Error::new(ErrorKind::StorageFull, system(Errno::NOSPC));
        let (action, path) = ("write", "out/run.json".into());
        vec![
            Error::file("out".as_ref())(wrapped),
            ResultsError::Io {
                action,
                path,
                source: system(Errno::DQUOT),
            }
            .into(),
            Error::Features {
                path: "cache/x".into(),
                source: system(Errno::FBIG),
            },
            HubError::Cache {
                path: "hub/x".into(),
                source: system(Errno::NOSPC),
            }
            .into(),
        ]
    }

    #[test]
    fn a_full_disk_is_recognised_and_the_message_says_how_to_go_on() {
        let messages: Vec<String> = errors()
            .into_iter()
            .map(|error| error.or_full_disk().to_string() + "\n")
            .collect();
        expect![[r#"
            the disk is full: cannot write out: No space left on device (os error 28); free some space, or choose a folder on another disk with `--out`, then run the same command again: what is finished is kept
            your disk quota is used up: cannot write `out/run.json`: Disk quota exceeded (os error 122); delete files that you do not need, or choose a folder on another disk with `--out`, then run the same command again: what is finished is kept
            a file would be larger than it may be: cannot write cache/x: File too large (os error 27); raise the limit (`ulimit -f`), or use a file system that allows larger files, then run the same command again: what is finished is kept
            the disk is full: hub cache hub/x: No space left on device (os error 28); free some space, or set HF_HUB_CACHE to a folder on another disk, then run the same command again: what is finished is kept
        "#]].assert_eq(&messages.concat());
        let denied = Error::file("out".as_ref())(system(Errno::ACCESS));
        assert_eq!(FullDisk::behind(&denied), None);
        assert_eq!(
            denied.or_full_disk().to_string(),
            "out: Permission denied (os error 13)"
        );
    }

    #[test]
    fn a_childs_full_disk_is_the_parents() {
        for error in errors() {
            let fault = Fault::from(&error);
            let error = error.or_full_disk();
            let Error::FullDisk(there) = Error::from(fault) else {
                panic!("it is a full disk");
            };
            assert_eq!(Some(*there), FullDisk::behind(&error));
        }
    }
}
