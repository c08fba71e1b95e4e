//! How long a cell may run, and how much memory it may use. Limits change no numbers, so they are
//! not part of what a cell is.

use super::WrittenDuration;
use crate::byte_size::{ByteSize, ByteSizeError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What each cell may use. A cell that uses more is ended and counts as failed; the others go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How long a cell may run, such as `2h`. Default: any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<WrittenDuration>,
    /// How much memory the processes of a cell may use together, such as `16GiB`. Default: any
    /// amount. Memory of a GPU does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
}

/// The least memory that can be a limit: the program itself takes about as much.
const LEAST_MEMORY: ByteSize = ByteSize(16 << 20);

impl Limits {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Limits::default()
    }

    /// These limits, and for what they leave open, the others.
    #[must_use]
    pub fn or(self, others: Limits) -> Limits {
        Limits {
            time: self.time.or(others.time),
            memory: self.memory.or(others.memory),
        }
    }

    /// Reads a limit on memory.
    ///
    /// # Errors
    ///
    /// If it is not an amount of memory, or less than any cell needs.
    pub fn parse_memory(text: &str) -> Result<ByteSize, String> {
        let memory = text
            .parse()
            .map_err(|error: ByteSizeError| error.to_string())?;
        Limits::check_memory(memory)?;
        Ok(memory)
    }

    /// Checks a limit on memory.
    ///
    /// # Errors
    ///
    /// If it is less than any cell needs.
    pub fn check_memory(memory: ByteSize) -> Result<(), String> {
        if memory >= LEAST_MEMORY {
            return Ok(());
        }
        Err(format!(
            "no cell can run in {memory}; write at least {LEAST_MEMORY}, with a unit as in `16GiB`"
        ))
    }
}

/// A limit that a process has exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitExceeded {
    /// It ran for too long.
    Time {
        /// The limit.
        limit: WrittenDuration,
    },
    /// It used too much memory.
    Memory {
        /// The limit.
        limit: ByteSize,
        /// What it used when that was noticed.
        used: ByteSize,
    },
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LimitExceeded::Time { limit } => write!(
                f,
                "ended after {limit}, the limit on its time (`limits.time`, `--timeout`)"
            ),
            LimitExceeded::Memory { limit, used } => write!(
                f,
                "ended when it used {}, more than {limit}, the limit on its memory (`limits.memory`, `--memory-limit`)",
                used.rounded()
            ),
        }
    }
}

impl LimitExceeded {
    /// Whether these limits are higher than the one that was exceeded.
    pub fn is_raised_by(self, limits: Limits) -> bool {
        match self {
            LimitExceeded::Time { limit } => limits.time.is_none_or(|time| time > limit),
            LimitExceeded::Memory { limit, .. } => limits.memory.is_none_or(|size| size > limit),
        }
    }
}
