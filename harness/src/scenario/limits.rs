//! How long a cell may run, and how much memory it may use. Limits change no numbers, so they are
//! not part of what a cell is.

use super::{ByteSize, WrittenDuration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
            .map_err(|error: super::ByteSizeError| error.to_string())?;
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
