//! Damage to a file, as a disk, a network or a person with bad intentions may do it. Equal numbers
//! give equal damage.

/// Makes damaged copies of files.
pub struct Mutator(u64);

/// Numbers at which arithmetic goes wrong.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Pieces that mean something in text.
const PIECES: [&str; 34] = [
    "-1",
    "0",
    "1e999",
    "-0.0",
    "NaN",
    ".inf",
    "18446744073709551616",
    "4294967296",
    "2147483648",
    "99999999999999999999999999999999",
    "null",
    "~",
    "{",
    "}",
    "[",
    "]",
    "[[[[[[[[",
    "\"",
    "'",
    ",",
    ":",
    ": ",
    "\n",
    "\r\n",
    "\n- ",
    "\n  ",
    "\t",
    "\0",
    "\u{1b}[2J",
    "\u{feff}",
    "&a *a",
    "<<: ",
    "../",
    "!!int ",
];

impl Mutator {
    /// The mutator of a target's case.
    pub fn new(target: &str, case: u64) -> Mutator {
        // FNV-1a, so that targets differ; the generator below does the rest.
        let name = target
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Mutator(name ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// 64 random bits (SplitMix64).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A random number below `n`; 0 if that is 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.next().checked_rem(n as u64).unwrap_or(0) as usize
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A damaged copy of the bytes.
    pub fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..self.one(&[1, 1, 1, 2, 3, 8]) {
            self.step(&mut bytes);
        }
        bytes
    }

    /// A place in the bytes; often in the first or last hundred, where headers and footers are.
    fn place(&mut self, bytes: &[u8]) -> usize {
        let near = bytes.len().min(100);
        match self.below(4) {
            0 => self.below(near),
            1 => bytes.len() - near + self.below(near),
            _ => self.below(bytes.len()),
        }
    }

    /// A range of at most 64 bytes, or, seldom, of any length.
    fn range(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.place(bytes);
        let rest = bytes.len() - start;
        let most = if self.below(8) == 0 {
            rest
        } else {
            rest.min(64)
        };
        start..start + self.below(most + 1)
    }

    fn step(&mut self, bytes: &mut Vec<u8>) {
        let at = self.place(bytes);
        match self.below(11) {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.next() as u8;
                }
            }
            3 | 4 => {
                let number = self.one(&NUMBERS);
                let number = match self.below(2) {
                    0 => number.to_le_bytes(),
                    _ => number.to_be_bytes(),
                };
                let width = self.one(&[1, 2, 4, 8]);
                let number = match self.below(2) {
                    0 => &number[..width],
                    _ => &number[8 - width..],
                };
                let end = bytes.len().min(at + width);
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            5 => bytes.truncate(at),
            6 => drop(bytes.drain(self.range(bytes))),
            7 => {
                let piece = bytes[self.range(bytes)].to_vec();
                let times = self.one(&[1, 1, 2, 16]);
                bytes.splice(at..at, piece.repeat(times));
            }
            8 => {
                let piece = bytes[self.range(bytes)].to_vec();
                let end = bytes.len().min(at + piece.len());
                bytes.splice(at..end, piece);
            }
            9 => {
                let piece = self.one(&PIECES).bytes();
                bytes.splice(at..at, piece);
            }
            _ => {
                // A number in text becomes another.
                let digit = |&index: &usize| bytes[index].is_ascii_digit();
                if let Some(start) = (at..bytes.len()).find(digit) {
                    let length = bytes[start..]
                        .iter()
                        .take_while(|b| b.is_ascii_digit())
                        .count();
                    let number = self.one(&NUMBERS).to_string();
                    bytes.splice(start..start + length, number.into_bytes());
                }
            }
        }
    }
}
