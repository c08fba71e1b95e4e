//! What a strategy must cover to be ranked.

use crate::id::Seed;

/// The planned domains and seeds. A strategy that lacks one of them has no overall mean and no
/// rank.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Names of the domains.
    pub domains: Vec<String>,
    /// The seeds.
    pub seeds: Vec<Seed>,
}
