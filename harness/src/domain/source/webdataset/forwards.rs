//! A file that is read forwards, a few hundred bytes at a time, with gaps of any length: the
//! headers and labels of a tar archive.
//!
//! Small images are in the buffer along with the headers around them, so that a call of the system
//! serves many members. Large ones are skipped. The buffer of the standard library alone would be
//! emptied by every seek.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Enough for many small members, and little to read in vain for a large one.
const BUFFER_BYTES: usize = 16 << 10;

/// A buffered file that keeps what is in its buffer when it skips forwards.
pub(super) struct Forwards {
    file: BufReader<File>,
    at: u64,
}

impl Forwards {
    /// Reads a file from its start.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        file.rewind()?;
        Ok(Self { file, at: 0 })
    }
}

impl Read for Forwards {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Forwards {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Current(by) => {
                let at = self.at.checked_add_signed(by);
                let at = at.ok_or(io::ErrorKind::InvalidInput)?;
                self.file.seek_relative(by)?;
                at
            }
            to => self.file.seek(to)?,
        };
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read_from_its_place() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at / 7) as u8).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let mut reader = Forwards::new(File::open(file.path()).unwrap()).unwrap();
        let mut at = 0;
        for step in [0, 1, 500, 15_000, 17_000, 60_000, 0, 3] {
            at += step;
            assert_eq!(reader.seek(SeekFrom::Current(step)).unwrap(), at as u64);
            let mut found = [0; 300];
            reader.read_exact(&mut found).unwrap();
            assert_eq!(found[..], bytes[at as usize..][..300]);
            at += 300;
        }
        assert_eq!(reader.rewind().ok(), Some(()));
        assert_eq!(reader.seek(SeekFrom::Current(10)).unwrap(), 10);
        assert!(reader.seek(SeekFrom::Current(-11)).is_err());
    }
}
