//! A stream: a domain cut into an ordered list of tasks by a class order.
//!
//! Which class comes when decides the numbers of a continual-learning paper as much as the method
//! does, and the papers' code bases draw their orders with two generators and read the result in
//! two ways. So the orders are those of NumPy and of Python, bit for bit ([`harness_random`]), and
//! what a permutation means has a name ([`Convention`]).
//!
//! Inside a stream classes are numbered by their place in the order
//! ([`ClassId`](crate::id::ClassId)): task 1 holds the first ids, and "all classes seen so far" is
//! always a range that starts at 0. The domain's own numbers ([`Label`](crate::id::Label)) come
//! back at the edges only.
//!
//! [`open`] opens a scenario's domain and checks that its streams can be cut. [`warnings`] are about
//! what limits how its figures can be compared.

mod class_order;
mod error;
pub mod open;
mod tasks;
pub mod warnings;

pub use class_order::{ClassOrder, Convention, SeedRef};
pub use error::StreamError;
pub use tasks::{Augmentation, ClassRange, OrderDigest, Stream, StreamSpec, Tasks};
