//! What is kept of a long text: its beginning and its end.

use crate::byte_size::ByteSize;

/// How much is kept of the beginning, and of the end, in bytes.
pub(super) const PART: usize = 1 << 20;

/// How much of a line is shown, in characters.
const LONGEST_LINE: usize = 300;

/// The beginning and the end of a text that is being written.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// At most [`PART`] bytes.
    beginning: Vec<u8>,
    /// What follows, or the last of it: less than twice [`PART`], so that old bytes are dropped
    /// only now and then.
    end: Vec<u8>,
    /// How many bytes between the two are gone.
    left_out: u64,
    /// A line that says so, or nothing.
    gap: String,
}

/// What changed in the kept text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It became longer.
    Longer,
    /// Everything after this number of bytes is different.
    From(usize),
}

impl Kept {
    /// Adds to the text.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Change {
        let room = PART - self.beginning.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.beginning.extend_from_slice(first);
        let mut change = Change::Longer;
        for piece in rest.chunks(PART) {
            if self.end.len() + piece.len() >= 2 * PART {
                change = self.shorten();
            }
            self.end.extend_from_slice(piece);
        }
        change
    }

    /// Drops what is older than the last [`PART`] bytes.
    pub(super) fn shorten(&mut self) -> Change {
        if self.end.len() <= PART {
            return Change::Longer;
        }
        let mut cut = self.end.len() - PART;
        // Where lines are not too long, the end begins with a whole one.
        let next = self.end[cut - 1..].iter().take(1 << 16);
        if let Some(newline) = next.clone().position(|&byte| byte == b'\n') {
            cut += newline;
        }
        self.end.drain(..cut);
        self.left_out += cut as u64;
        let newline = if self.beginning.ends_with(b"\n") {
            ""
        } else {
            "\n"
        };
        self.gap = format!(
            "{newline}… {} left out …\n",
            ByteSize(self.left_out).rounded()
        );
        Change::From(self.beginning.len())
    }

    /// The kept text in pieces, with a line that says how much is missing.
    pub(super) fn pieces(&self) -> [&[u8]; 3] {
        [&self.beginning, self.gap.as_bytes(), &self.end]
    }

    /// The kept text.
    pub(super) fn text(&self) -> Vec<u8> {
        self.pieces().concat()
    }

    /// The last lines that are not blank, for people.
    pub(super) fn last_lines(&self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        // A line may begin in the beginning and end in the end, if nothing between is missing.
        let text = match self.left_out {
            0 => &self.text(),
            _ => &self.end,
        };
        for line in text.rsplit(|&byte| byte == b'\n') {
            if lines.len() == count {
                break;
            }
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end();
            if !line.is_empty() {
                lines.push(line.chars().take(LONGEST_LINE).collect());
            }
        }
        lines.reverse();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_kept_whole() {
        let text: Vec<u8> = (0..2 * PART).map(|i| (i / 7) as u8).collect();
        let mut kept = Kept::default();
        for piece in text.chunks(65_537) {
            assert_eq!(kept.push(piece), Change::Longer);
        }
        assert_eq!(kept.shorten(), Change::Longer);
        assert_eq!(kept.text(), text);
    }

    #[test]
    fn of_a_long_text_the_beginning_and_the_end_are_kept() {
        let line = |i: usize| format!("line {i}\n");
        let text: String = (0..2_000_000).map(line).collect();
        for size in [1_000, 1 << 16, text.len()] {
            let mut kept = Kept::default();
            for piece in text.as_bytes().chunks(size) {
                kept.push(piece);
                assert!(kept.text().len() < 3 * PART + 100);
            }
            kept.shorten();
            let short = String::from_utf8(kept.text()).unwrap();
            let (beginning, end) = short.split_once("\n… ").unwrap();
            let (gap, end) = end.split_once(" left out …\n").unwrap();
            assert_eq!(beginning, &text[..PART]);
            assert!(text.ends_with(end) && end.starts_with("line "), "{size}");
            assert!(end.len() > PART - 20);
            assert_eq!(
                gap,
                ByteSize((text.len() - PART - end.len()) as u64).rounded()
            );
            assert_eq!(kept.last_lines(2), ["line 1999998", "line 1999999"]);
        }
    }

    #[test]
    fn the_last_lines_are_those_that_say_something() {
        let mut kept = Kept::default();
        assert_eq!(kept.last_lines(3), [""; 0]);
        kept.push(b"first\nsecond\n\n\xff third \r\n\n");
        assert_eq!(kept.last_lines(2), ["second", "\u{fffd} third"]);
        kept.push("é".repeat(1000).as_bytes());
        assert_eq!(kept.last_lines(1), ["é".repeat(LONGEST_LINE)]);
    }
}
