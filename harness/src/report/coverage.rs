//! What a strategy has to cover for a place among the others.

use crate::id::Seed;

/// The domains and seeds that were to be run: a strategy that lacks one has no overall mean and no
/// rank.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Names of the domains.
    pub domains: Vec<String>,
    /// The seeds.
    pub seeds: Vec<Seed>,
}
