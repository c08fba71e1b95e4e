//! YAML as a tree that remembers where everything was written.
//!
//! A scenario file is parsed once, into [`Node`]s. Each knows its value and the place that a message about it should point
//! at, so everything that needs the file reads this one tree: serde types through the [`Deserializer`] that `&Node`
//! is, overrides by changing it, and errors that turn up only later by looking a [`KeyPath`] up in it.
//!
//! - [`parse`] builds the tree from the parser's events, with anchors, aliases and merge keys (`<<: *base`) resolved. What comes from an anchor
//!   keeps the place where it was written.
//! - [`scalar`] decides what a scalar means, with the rules of `serde_yaml`, which reads the other YAML files.
//! - [`tree`] holds the nodes, and finds and replaces them.
//! - [`deserialize`] hands the nodes to serde.
//!
//! [`Deserializer`]: serde::Deserializer

mod deserialize;
mod parse;
pub(super) mod path;
pub(super) mod place;
mod scalar;
#[cfg(test)]
mod tests;
mod tree;

pub use path::{KeyPath, Segment};
pub use place::{Origin, Place};
pub use tree::{Node, Tree, Value};
