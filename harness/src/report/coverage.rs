//! What a strategy must cover to be ranked.

use crate::id::Seed;

/// The planned streams and seeds. A strategy that lacks one of them has no overall mean and no
/// rank.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Names of the streams.
    pub streams: Vec<String>,
    /// The seeds.
    pub seeds: Vec<Seed>,
}
