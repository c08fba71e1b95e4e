//! The scenario: one YAML file that says what is compared, and on what.
//!
//! It is read in two stages. The *spec* ([`spec`]) is the file as written: every key optional that a user may leave out,
//! names not yet looked up. The [`Scenario`] is what it means: defaults filled in, paths made absolute to the file, every
//! reference known to exist, a strategy with a grid spread into one row per value. A `Scenario` that exists is valid, as far as that
//! can be known without opening a domain or loading a plugin.
//!
//! On the way from text to spec stand the overrides of the command line ([`SetOverride`]), which change the YAML tree before it
//! is typed and so are checked exactly like the file, and [`KeyLines`], which remembers on which line each key was written.
//! Because the scenario keeps it, a later stage that finds a key at fault (more tasks than the domain has classes, a
//! parameter that the plugin refuses) says so in the same words and place, with [`Scenario::key_error`].
//!
//! Every mistake ends in a [`ScenarioError`]: one message with the file, the line, the key, and how to mend it.

mod deserializer;
mod domain;
mod error;
mod expectation;
mod grid;
mod lines;
mod overrides;
mod resolve;
mod resolved;
mod schema;
mod selection;
pub mod spec;
#[cfg(test)]
mod tests;

pub use error::{Problem, ScenarioError};
pub use expectation::{Expectation, ExpectationCheck};
pub use grid::GridChoice;
pub use lines::{KeyLines, Origin, Place};
pub use overrides::{OverrideError, SetOverride};
pub use resolved::{BackboneUse, Device, DomainUse, Scenario, StrategyRow, StreamUse};
pub use schema::schema;
pub use selection::Selection;
pub use spec::{Provenance, Regime};
// The stream's own description: its module owns the types, the scenario fills them in.
pub use crate::stream::{ClassOrder, Convention, SeedRef, StreamSpec, Tasks};
