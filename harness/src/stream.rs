//! A stream: domains cut into an ordered list of tasks.
//!
//! The class order changes the figures of a continual-learning paper as much as the method does.
//! Published code draws it with one of two generators and reads the permutation in one of two ways.
//! So the orders here are those of NumPy and of Python, bit for bit ([`harness_random`]), and each
//! reading of a permutation has a name ([`Convention`]).
//!
//! A stream has one domain or several. A task is a domain or a part of one, so every sample belongs
//! to exactly one task. What makes classes of two domains one class is the stream's
//! [`ClassIdentity`]: in domain-incremental learning, classes come back.
//!
//! Inside a stream, classes are numbered in the order in which they first arrive
//! ([`ClassId`](crate::id::ClassId)): task 1 has the first ids, and "all classes seen so far" is
//! always a range that starts at 0. A domain's own numbers ([`Label`](crate::id::Label)) are used
//! only outside.
//!
//! [`open`] opens a scenario's domains and cuts its streams. [`warnings`] lists what limits the
//! comparison with other figures.

mod class_order;
mod class_words;
mod digest;
mod error;
mod numbered;
pub mod open;
pub mod repeated_names;
mod spec;
mod tasks;
pub mod warnings;

pub use class_order::{
    ClassOrder, Convention, PublishedOrder, SeedRef, WrittenOrder, WrittenOrderError,
};
pub use digest::{DigestTask, OrderDigest};
pub use error::StreamError;
pub use numbered::{Stream, StreamClass, StreamTask};
pub use spec::{Augmentation, ClassIdentity, Cut, StreamSpec};
pub use tasks::Tasks;
