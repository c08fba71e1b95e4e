//! The scenario: one YAML file that says what is compared, and on what.
//!
//! It is read in two stages. The *spec* ([`spec`]) is the file as written: optional keys may be
//! absent, and names are not yet looked up. The [`Scenario`] is the resolved form: defaults filled
//! in, paths joined to the file's folder, references checked, and a strategy with a grid expanded
//! into one row per combination. A `Scenario` is valid as far as that can be known without opening
//! a domain or loading a plugin.
//!
//! The text is parsed once, into a tree whose nodes know their files and lines. A scenario may
//! extend another (`extends`), and the command line may add a file (`--with`): their trees are
//! merged. Overrides from the command line ([`SetOverride`]) change this tree too before it is
//! typed, so all of this is checked exactly like a single file. The scenario keeps the tree, so a later stage that rejects a key (more tasks than classes,
//! a parameter that the plugin refuses) can point at its line, with [`Scenario::key_error`].
//!
//! Every mistake ends in a [`ScenarioError`]: one message with the file, the line, the key, and how
//! to fix it. What is allowed, but limits what the figures can be compared with, is a [`Warning`].

mod checkpointing;
mod domain;
mod duration;
mod error;
mod expectation;
mod extends;
mod file;
mod grid;
mod guide;
mod limits;
mod load;
mod merge;
mod overrides;
mod parameter_folder;
mod resolve;
mod resolved;
mod schema;
mod selection;
mod size;
pub mod spec;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
mod yaml;

pub use checkpointing::Checkpointing;
pub use duration::{DurationError, WrittenDuration};
pub use error::{Problem, ScenarioError, Warning};
pub use expectation::{Expectation, ExpectationCheck};
pub use grid::GridChoice;
pub use limits::{LimitExceeded, Limits};
pub use overrides::{OverrideError, SetOverride};
pub use resolved::{BackboneUse, Device, DomainCut, DomainUse, Scenario, StrategyRow, StreamUse};
pub use schema::{OfferedParameters, keys, schema};
pub use selection::Selection;
pub use size::MOST_CELLS;
pub use spec::{Provenance, Regime};
pub(crate) use yaml::Tree;
pub use yaml::{KeyPath, Origin, Place, Segment};
// The module `stream` owns these types; the scenario fills them in.
pub use crate::stream::{ClassOrder, Convention, SeedRef, StreamSpec, Tasks};
