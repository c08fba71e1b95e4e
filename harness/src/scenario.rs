//! The scenario: one YAML file that says what is compared, and on what.
//!
//! It is read in two stages. The *spec* ([`spec`]) is the file as written: every key optional that
//! a user may leave out, names not yet looked up. The [`Scenario`] is what it means: defaults
//! filled in, paths made absolute to the file, every reference known to exist, a strategy with a
//! grid spread into one row per value. A `Scenario` that exists is valid, as far as that can be
//! known without opening a domain or loading a plugin.
//!
//! The text is parsed once, into a tree whose nodes know on which line they were written. The
//! overrides of the command line ([`SetOverride`]) change this tree before it is typed, and so are
//! checked exactly like the file. Because the scenario keeps the tree, a later stage that finds a
//! key at fault (more tasks than the domain has classes, a parameter that the plugin refuses) says
//! so in the same words and place, with [`Scenario::key_error`].
//!
//! Every mistake ends in a [`ScenarioError`]: one message with the file, the line, the key, and how
//! to fix it. What is allowed but limits what the figures can be compared with is a [`Warning`].

mod domain;
mod error;
mod expectation;
mod grid;
mod guide;
mod load;
mod overrides;
mod resolve;
mod resolved;
mod schema;
mod selection;
pub mod spec;
#[cfg(test)]
mod tests;
mod yaml;

pub use error::{Problem, ScenarioError, Warning};
pub use expectation::{Expectation, ExpectationCheck};
pub use grid::GridChoice;
pub use overrides::{OverrideError, SetOverride};
pub use resolved::{BackboneUse, Device, DomainUse, Scenario, StrategyRow, StreamUse};
pub use schema::schema;
pub use selection::Selection;
pub use spec::{Provenance, Regime};
pub use yaml::{KeyPath, Origin, Place, Segment};
// The stream's own description: its module owns the types, the scenario fills them in.
pub use crate::stream::{ClassOrder, Convention, SeedRef, StreamSpec, Tasks};
