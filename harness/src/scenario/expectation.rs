//! What a scenario says that a domain is: the numbers that published results were made with, so
//! that another split of the same name is noticed before it has made a table.

use crate::domain::DomainSummary;
use crate::id::Seed;
use crate::stream::OrderDigest;

/// What a domain must be; what is absent is not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Samples to learn from.
    pub train: Option<u64>,
    /// Samples to be measured on.
    pub test: Option<u64>,
    /// How the split hash begins.
    pub split: Option<String>,
    /// How the digest of the class order begins, by seed.
    pub class_orders: Vec<(Seed, String)>,
    /// How many images of the test split the train split has too; none where the scenario does not
    /// say.
    pub shared: u64,
}

/// One thing that a domain is, beside what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectationCheck {
    /// What of it, as in `train samples`.
    pub what: String,
    /// What it must be, where that is said.
    pub expected: Option<String>,
    /// What it is.
    pub found: String,
    /// Whether that is as it must be; so is what nothing is said of.
    pub good: bool,
}

/// As many digits of a hash tell it from every other one.
const SHOWN: usize = 12;

impl Expectation {
    /// Compares a domain, and the class orders of its seeds, with what they must be.
    pub fn compare(
        &self,
        domain: &DomainSummary,
        orders: &[(Seed, OrderDigest)],
    ) -> Vec<ExpectationCheck> {
        let expected = |seed: Seed| {
            let order = self.class_orders.iter().find(|(of, _)| *of == seed);
            order.map(|(_, digest)| digest.as_str())
        };
        let orders = orders.iter().map(|(seed, digest)| {
            let what = format!("class order, seed {seed}");
            ExpectationCheck::hash(&what, expected(*seed), digest.as_str())
        });
        [
            ExpectationCheck::count("train samples", self.train, domain.n_train),
            ExpectationCheck::count("test samples", self.test, domain.n_test),
            ExpectationCheck::hash("split", self.split.as_deref(), domain.split_hash.as_str()),
        ]
        .into_iter()
        .chain(orders)
        .collect()
    }
}

impl ExpectationCheck {
    /// A number of things.
    pub fn count(what: &str, expected: Option<u64>, found: usize) -> ExpectationCheck {
        ExpectationCheck {
            what: what.to_owned(),
            expected: expected.map(|n| n.to_string()),
            found: found.to_string(),
            good: expected.is_none_or(|n| n == found as u64),
        }
    }

    /// A hash, of which the beginning may be said.
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
