//! A stream: a domain cut into an ordered list of tasks by a class order.
//!
//! The class order changes the figures of a continual-learning paper as much as the method does.
//! Published code draws it with one of two generators and reads the permutation in one of two ways.
//! So the orders here are those of NumPy and of Python, bit for bit ([`harness_random`]), and each
//! reading of a permutation has a name ([`Convention`]).
//!
//! Inside a stream, classes are numbered by their place in the order
//! ([`ClassId`](crate::id::ClassId)): task 1 has the first ids, and "all classes seen so far" is
//! always a range that starts at 0. The domain's own numbers ([`Label`](crate::id::Label)) are used
//! only outside.
//!
//! [`open`] opens a scenario's domain and checks that its streams can be cut. [`warnings`] lists
//! what limits the comparison with other figures.

mod class_order;
mod class_words;
mod error;
pub mod open;
mod tasks;
pub mod warnings;

pub use class_order::{
    ClassOrder, Convention, PublishedOrder, SeedRef, WrittenOrder, WrittenOrderError,
};
pub use error::StreamError;
pub use tasks::{Augmentation, ClassRange, OrderDigest, Stream, StreamSpec, Tasks};
