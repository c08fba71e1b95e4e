//! YAML as a tree that remembers where everything was written.
//!
//! A scenario file is parsed once, into [`Node`]s. Each has a value and the place that a message
//! about it should point at, so everything that needs the file reads this one tree: serde types are
//! read from `&Node`, which is a [`Deserializer`]; overrides change the tree; and later errors look
//! up a [`KeyPath`] in it.
//!
//! - [`parse`] builds the tree from the events of `saphyr-parser`. It resolves anchors, aliases and
//!   merge keys (`<<: *base`); what comes through one of them keeps the place where it was written.
//! - [`scalar`] decides what a scalar means, by the rules of `serde_yaml`, which reads all other
//!   YAML: separate files, and values on the command line.
//! - [`tree`] holds the nodes, finds them by their path, and replaces them.
//! - [`deserialize`] hands the nodes to serde.
//! - [`path`] and [`place`] say which key, and where.
//! - [`syntax`] explains why a text is not YAML; [`flow`] shows a value in a message.
//!
//! `serde_yaml` itself cannot build the tree, since its values lose their lines. `serde-saphyr`
//! keeps lines, but reads untyped values by other rules (`yes` is true, `012` is 12, `!tag` is
//! dropped) and does not report the key of a syntax error.
//!
//! [`Deserializer`]: serde::Deserializer

mod deserialize;
mod flow;
mod parse;
pub(super) mod path;
pub(super) mod place;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;

pub use flow::{shortened, text_in_flow};
pub use path::{KeyPath, Segment};
pub use place::{Origin, Place};
pub use tree::{Node, Tree, Value};
