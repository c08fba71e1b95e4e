//! Plugins: from a file to objects that can be called.
//!
//! [`SearchPath`] finds files, [`PluginFile::open`] reads a file's manifest without running any of
//! it, [`ParameterSchema`] checks and lists parameters, the [`Registry`] finds the file that offers
//! a name, and [`Loaded`] loads a copy of a file that nobody can change into the process.
//! Everything that lists or inspects stops before the last step. `run`, `plan`, `validate` and
//! `plugin check` take it in processes of their own, so that a broken file can harm only what needs
//! it.

mod beside;
mod crate_folder;
mod discover;
mod error;
mod file;
#[cfg(test)]
mod fixture;
mod kind;
mod library;
mod libtorch;
mod load;
mod parameters;
mod preflight;
mod reference;
mod registry;
mod sealed;

pub use discover::SearchPath;
pub use error::{PluginError, PluginFault};
pub use file::PluginFile;
pub use kind::Kind;
pub use libtorch::provide as provide_libtorch;
pub use load::Loaded;
pub use parameters::{Choice, InvalidParameter, Parameter, ParameterSchema};
pub use reference::{PluginId, PluginRef};
pub use registry::Registry;

/// The runtime that libtorch plugins name in their manifest, and that this clbench opens for them.
pub const LIBTORCH: &str = "libtorch 2.11.0";
