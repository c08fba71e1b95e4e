//! Published figures: what papers and logs report, and under which protocol.
//!
//! `results/published.yaml` is built into the program; [`Published::read`] reads any file of that
//! form. An [`Entry`] is what one table or log reports under one protocol. [`compare`] says whether
//! own cells follow the same protocol: a [`Mark`] lists the [`Aspect`]s in which they differ, or
//! that cannot be determined. What an entry does not say counts as unknown, never as equal.
//!
//! [`report`](crate::report) finds the figures that belong beside a section of a leaderboard.

mod aspect;
mod compare;
mod file;
mod order;
mod read;

pub use aspect::{Aspect, Mark};
pub use compare::compare;
pub use file::{
    Candidates, Dataset, Entry, Figure, Mean, Preprocessing, Printed, Shots, Source, Split, Tasks,
    Templates, Weights,
};
pub use order::{ClassOrder, OrderSeed};
pub use read::Published;

/// A figure and a cell that follows its protocol, for tests.
#[cfg(test)]
pub(crate) mod fixture {
    pub(crate) use super::compare::tests::{cell, published};
}
