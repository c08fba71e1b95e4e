//! YAML as a tree that remembers where everything was written.
//!
//! A scenario file is parsed once, into [`Node`]s. Each knows its value and the place that a
//! message about it should point at, so everything that needs the file reads this one tree: serde
//! types through the [`Deserializer`] that `&Node` is, overrides by changing it, and errors that
//! turn up only later by looking a [`KeyPath`] up in it.
//!
//! - [`parse`] builds the tree from the events of `saphyr-parser`. It resolves anchors, aliases and
//!   merge keys (`<<: *base`); what comes through one of them keeps the place where it was written.
//! - [`scalar`] decides what a scalar means, by the rules of `serde_yaml`, which reads the other
//!   YAML files and the values of the command line.
//! - [`tree`] holds the nodes, finds them by their path, and replaces them.
//! - [`deserialize`] hands the nodes to serde.
//! - [`path`] and [`place`] say which key, and where.
//! - [`syntax`] explains why a text is not YAML; [`flow`] shows a value in a message.
//!
//! `serde_yaml` itself cannot build the tree, since its values forget their lines. `serde-saphyr`
//! knows lines, but reads untyped values by other rules (`yes` is true, `012` is 12, `!tag` is
//! dropped) and reports no key with a syntax error.
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
