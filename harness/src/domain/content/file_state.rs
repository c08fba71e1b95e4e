//! What tells that a file has not changed since it was read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that changed less than this before it was looked at may change again within the same tick
/// of its file system's clock.
const SETTLED_SECONDS: i64 = 2;

/// How much has to be equal for a file to count as unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Size, modification time, change time and inode. Programs can set a modification time, but
    /// not a change time.
    #[default]
    Inode,
    /// Size and modification time only: for file systems whose inodes are not stable, and for
    /// copies on the disks of several machines.
    Stat,
}

/// The state of a file at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileState {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
}

impl FileState {
    /// The state of the file at this path now; of a link, that of its target.
    pub(super) fn of(path: &Path) -> io::Result<FileState> {
        let found = fs::metadata(path)?;
        Ok(FileState {
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
            inode: found.ino(),
        })
    }

    /// Whether a file in this state is the one that was in the other state.
    pub(super) fn same(&self, other: &FileState, trust: Trust) -> bool {
        let stat = |state: &FileState| (state.size, state.modified);
        let inode = |state: &FileState| (state.changed, state.inode);
        stat(self) == stat(other) && (trust == Trust::Stat || inode(self) == inode(other))
    }

    /// Whether a change after the file was looked at, at the time `seen`, would show.
    pub(super) fn settled(&self, seen: SystemTime, trust: Trust) -> bool {
        let last = match trust {
            Trust::Inode => self.modified.0.max(self.changed.0),
            Trust::Stat => self.modified.0,
        };
        let seen = seen.duration_since(UNIX_EPOCH);
        let seen = seen.map_or(i64::MIN, |seen| seen.as_secs() as i64);
        seen.saturating_sub(last) > SETTLED_SECONDS
    }
}

impl Trust {
    /// Whether it is the default.
    pub fn is_inode(&self) -> bool {
        *self == Trust::Inode
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Trust::Inode => "inode",
            Trust::Stat => "stat",
        })
    }
}
