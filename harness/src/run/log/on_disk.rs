//! The file of a log, which always holds what is kept of the text so far.

use super::kept::{Change, Kept};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A log's file. A later write makes up for one that failed.
#[derive(Debug)]
pub(super) struct OnDisk {
    file: File,
    /// How many bytes of the kept text it holds.
    written: usize,
    /// The most bytes that it may have.
    longest: usize,
    /// Why the last write failed.
    failed: Option<io::Error>,
}

impl OnDisk {
    /// A log in this file, which is empty.
    pub(super) fn new(file: File) -> OnDisk {
        OnDisk {
            file,
            written: 0,
            longest: 0,
            failed: None,
        }
    }

    /// Writes what is new in the kept text.
    pub(super) fn update(&mut self, kept: &Kept, change: Change) {
        if let Change::From(unchanged) = change {
            self.written = self.written.min(unchanged);
        }
        self.failed = self.write(&kept.pieces()).err();
    }

    /// Why the file does not hold all of the kept text.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    fn write(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let total = pieces.iter().map(|piece| piece.len()).sum();
        self.longest = self.longest.max(total);
        let mut begin = 0;
        for piece in pieces {
            let end = begin + piece.len();
            if self.written < end {
                let new = &piece[self.written.max(begin) - begin..];
                self.file.write_all_at(new, self.written as u64)?;
                self.written = end;
            }
            begin = end;
        }
        // An old end is cut off after the new one was written over it: a reader always finds one.
        if self.longest > total {
            self.file.set_len(total as u64)?;
            self.longest = total;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::kept::PART;
    use super::*;

    #[test]
    fn the_file_holds_the_kept_text_at_every_moment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut disk = OnDisk::new(File::create(&path).unwrap());
        let mut kept = Kept::default();
        for number in 0..70_u32 {
            let piece = vec![b'a' + (number % 26) as u8; PART / 13 + number as usize];
            let change = kept.push(&piece);
            disk.update(&kept, change);
            assert!(disk.failure().is_none());
            assert!(std::fs::read(&path).unwrap() == kept.text(), "{number}");
        }
        let change = kept.shorten();
        disk.update(&kept, change);
        assert!(std::fs::read(&path).unwrap() == kept.text());
    }
}
