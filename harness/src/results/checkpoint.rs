//! A checkpoint: a cell between two tasks, in one file, from which it is resumed.
//!
//! ```text
//! 8 bytes    CLBCKPT1
//! 8 bytes    length of the header, little-endian
//! header     JSON: the record so far, the number of tasks learned, the rows of predictions
//! state      the strategy's state, at the next multiple of 64 bytes, up to the hash
//! 32 bytes   BLAKE3 of everything before
//! ```
//!
//! It is written after a task is learned and before it is evaluated, since learning costs more. The
//! record in it says what it belongs to: the cell, its images and its plugin files. A checkpoint of
//! anything else is refused, like a record of anything else.

use super::{AfterTask, CellRecord, RECORD_FORMAT};
use crate::atomic::PendingFile;
use crate::regular_file;
use blake3::Hasher;
use harness_abi::tensor::{ALIGNMENT, AlignedBytes};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"CLBCKPT1";

/// The length of the magic number and of the header's length.
const PREFIX: usize = 16;

const HASH: usize = 32;

/// The longest header that is read: a record, which is a small part of this.
const LONGEST_HEADER: u64 = 1 << 30;

/// A cell between two tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Its record, with the rows of the matrices and the costs until then.
    pub record: CellRecord,
    /// How many tasks have been learned.
    pub learned: u32,
    /// The saved rows of predictions; empty if predictions are not saved.
    pub rows: Vec<SavedRow>,
    /// The strategy's state after the last of these tasks, as bytes.
    pub state: AlignedBytes,
}

/// A row of the matrix whose predictions are in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedRow {
    /// The row.
    pub after: AfterTask,
    /// BLAKE3 of the file.
    pub hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    /// The clbench that wrote it: another one may cut or order tasks differently.
    clbench: Cow<'a, str>,
    learned: u32,
    rows: Cow<'a, [SavedRow]>,
    record: Cow<'a, CellRecord>,
}

/// A checkpoint's parts, to be written. The state is not copied.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointParts<'a> {
    /// See [`Checkpoint::record`].
    pub record: &'a CellRecord,
    /// See [`Checkpoint::learned`].
    pub learned: u32,
    /// See [`Checkpoint::rows`].
    pub rows: &'a [SavedRow],
    /// See [`Checkpoint::state`].
    pub state: &'a AlignedBytes,
}

impl CheckpointParts<'_> {
    /// Writes the file at `path`, over one that is already there, and returns its size in bytes.
    ///
    /// # Errors
    ///
    /// If it cannot be written; the older file is then unchanged.
    pub fn write(&self, path: &Path) -> io::Result<u64> {
        let header = Header {
            clbench: VERSION.into(),
            learned: self.learned,
            rows: self.rows.into(),
            record: Cow::Borrowed(self.record),
        };
        let header = serde_json::to_vec(&header).expect("plain data");
        let length = (header.len() as u64).to_le_bytes();
        let padding = vec![0; padding(header.len())];
        let mut file = PendingFile::create(path)?;
        let mut hasher = Hasher::new();
        let mut size = HASH;
        for part in [MAGIC.as_slice(), &length, &header, &padding, self.state] {
            hasher.update(part);
            file.write_all(part)?;
            size += part.len();
        }
        file.write_all(hasher.finalize().as_bytes())?;
        file.commit()?;
        Ok(size as u64)
    }
}

impl Checkpoint {
    /// Reads the file at `path`; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Why it cannot be used, to follow "its checkpoint".
    pub fn read(path: &Path) -> Result<Option<Checkpoint>, String> {
        let opened = match regular_file::open_with_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened,
        };
        let unreadable = |error: io::Error| format!("cannot be read: {error}");
        let (file, metadata) = opened.map_err(unreadable)?;
        Self::read_from(file, metadata.len()).map(Some)
    }

    /// Reads a checkpoint of this many bytes.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn read_from(mut file: impl Read, length: u64) -> Result<Checkpoint, String> {
        let damaged = || "is damaged".to_owned();
        let read = |error: io::Error| format!("cannot be read: {error}");
        let mut hasher = Hasher::new();
        let mut take = |bytes: &mut [u8]| {
            file.read_exact(bytes).map_err(read)?;
            Ok::<_, String>(hasher.update(bytes).finalize())
        };
        let rest = length.checked_sub((PREFIX + HASH) as u64);
        let rest = rest.ok_or_else(damaged)?;
        let mut prefix = [0; PREFIX];
        take(&mut prefix)?;
        let (magic, header) = prefix.split_at(8);
        if magic != MAGIC {
            return Err("has another format".into());
        }
        let header = u64::from_le_bytes(header.try_into().expect("8 bytes"));
        if header > rest.min(LONGEST_HEADER) {
            return Err(damaged());
        }
        let mut header = vec![0; header as usize];
        take(&mut header)?;
        let mut padding = vec![0; padding(header.len())];
        let state = (rest - header.len() as u64).checked_sub(padding.len() as u64);
        let state = state.and_then(|length| usize::try_from(length).ok());
        let state = state.ok_or_else(damaged)?;
        take(&mut padding)?;
        let mut state = AlignedBytes::zeroed(state);
        let found = take(&mut state)?;
        let mut stated = [0; HASH];
        file.read_exact(&mut stated).map_err(read)?;
        if *found.as_bytes() != stated {
            return Err(damaged());
        }
        // It is whole, so what does not fit now was written by another clbench.
        let header: Header<'_> =
            serde_json::from_slice(&header).map_err(|_| "was written by another clbench")?;
        if header.clbench != VERSION || header.record.format != RECORD_FORMAT {
            return Err("was written by another clbench".into());
        }
        Ok(Checkpoint {
            record: header.record.into_owned(),
            learned: header.learned,
            rows: header.rows.into_owned(),
            state,
        })
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How many zeros stand between the header and the state.
fn padding(header: usize) -> usize {
    let end = PREFIX + header;
    end.next_multiple_of(ALIGNMENT) - end
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{as_run, record};
    use super::*;
    use harness_abi::State;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            record: as_run(record("digits", "ncm", 1992, [90, 70])),
            learned: 1,
            rows: vec![SavedRow {
                after: AfterTask(1),
                hash: "x".into(),
            }],
            state: State::default().to_bytes().unwrap(),
        }
    }

    fn write(checkpoint: &Checkpoint, path: &Path) -> u64 {
        let parts = CheckpointParts {
            record: &checkpoint.record,
            learned: checkpoint.learned,
            rows: &checkpoint.rows,
            state: &checkpoint.state,
        };
        parts.write(path).unwrap()
    }

    #[test]
    fn a_checkpoint_round_trips_and_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.checkpoint");
        assert_eq!(Checkpoint::read(&path), Ok(None));
        let written = checkpoint();
        let size = write(&written, &path);
        assert_eq!(Checkpoint::read(&path), Ok(Some(written)));

        let good = std::fs::read(&path).unwrap();
        assert_eq!(good.len() as u64, size);
        let read = |bytes: &[u8]| Checkpoint::read_from(bytes, bytes.len() as u64);
        for length in 0..good.len() {
            read(&good[..length]).unwrap_err();
        }
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            let why = read(&bytes).unwrap_err();
            let expected = if at < 8 {
                "has another format"
            } else {
                "is damaged"
            };
            assert_eq!(why, expected, "byte {at}");
        }
    }

    #[test]
    fn a_checkpoint_of_another_clbench_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.checkpoint");
        let mut other = checkpoint();
        other.record.format += 1;
        write(&other, &path);
        assert_eq!(
            Checkpoint::read(&path).unwrap_err(),
            "was written by another clbench"
        );
    }
}
