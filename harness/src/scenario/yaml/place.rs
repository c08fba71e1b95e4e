//! Where something was written.

/// A place in a file: where a key, or an entry of a list, begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// Its length in characters.
    pub width: u32,
}

/// Where a key got its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File {
        /// Which of the tree's files: 0 is the one on the command line.
        source: u32,
        /// Where in it.
        place: Place,
    },
    /// On the command line, with the argument as typed: `--set threads=2`.
    Argument(String),
}
