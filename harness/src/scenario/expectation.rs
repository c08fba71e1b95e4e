//! What a scenario expects a domain to contain: the counts and hashes behind published results, so
//! that a different split of the same name is noticed before it produces a table.

use crate::domain::{ContentDigest, DomainSummary};
use crate::id::Seed;
use crate::stream::OrderDigest;

/// What a domain must contain; absent values are not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Number of training samples.
    pub train: Option<u64>,
    /// Number of test samples.
    pub test: Option<u64>,
    /// The first digits of the split hash.
    pub split: Option<String>,
    /// The first digits of the content digest.
    pub content: Option<String>,
    /// How many test images are also in the train split; 0 unless the scenario says otherwise.
    pub shared: u64,
}

/// One property of a domain, with the expected value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectationCheck {
    /// The property, such as `train samples`.
    pub what: String,
    /// The expected value, if the scenario gives one.
    pub expected: Option<String>,
    /// The value found.
    pub found: String,
    /// Whether the two agree; true if no value is expected.
    pub good: bool,
}

/// Enough digits of a hash to tell it from any other.
const SHOWN: usize = 12;

impl Expectation {
    /// Compares a domain with the expected values.
    pub fn compare(&self, domain: &DomainSummary) -> Vec<ExpectationCheck> {
        vec![
            ExpectationCheck::count("train samples", self.train, domain.n_train),
            ExpectationCheck::count("test samples", self.test, domain.n_test),
            ExpectationCheck::hash("split", self.split.as_deref(), domain.split_hash.as_str()),
        ]
    }
}

impl ExpectationCheck {
    /// The check of a count.
    pub fn count(what: &str, expected: Option<u64>, found: usize) -> ExpectationCheck {
        ExpectationCheck {
            what: what.to_owned(),
            expected: expected.map(|n| n.to_string()),
            found: found.to_string(),
            good: expected.is_none_or(|n| n == found as u64),
        }
    }

    /// The checks of a stream's class orders, one per seed, given the expected first digits of some.
    pub fn class_orders(
        expected: &[(Seed, String)],
        orders: &[(Seed, OrderDigest)],
    ) -> Vec<ExpectationCheck> {
        let of_seed = |seed: Seed| {
            let order = expected.iter().find(|(of, _)| *of == seed);
            order.map(|(_, digest)| digest.as_str())
        };
        let check = |(seed, digest): &(Seed, OrderDigest)| {
            let what = format!("class order, seed {seed}");
            ExpectationCheck::hash(&what, of_seed(*seed), digest.as_str())
        };
        orders.iter().map(check).collect()
    }

    /// The check of the content.
    pub fn content(expectation: &Expectation, found: &ContentDigest) -> ExpectationCheck {
        ExpectationCheck::hash("content", expectation.content.as_deref(), found.as_str())
    }

    /// The check of a hash, of which only the first digits may be expected.
    fn hash(what: &str, expected: Option<&str>, found: &str) -> ExpectationCheck {
        let short = |hash: &str| hash.chars().take(SHOWN).collect();
        ExpectationCheck {
            what: what.to_owned(),
            expected: expected.map(short),
            found: short(found),
            good: expected.is_none_or(|start| found.starts_with(start)),
        }
    }
}
