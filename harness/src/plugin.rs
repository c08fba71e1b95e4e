//! Plugins: from a file to objects that can be called.
//!
//! [`discover`](SearchPath) finds files, [`PluginFile::open`] reads what a file says of itself without running any of
//! it, the [`Registry`] answers who offers a name, and [`Loaded`] brings a file into the process. Everything that lists,
//! plans or validates stops before the last step, so that a broken file can harm nothing but the cell that needs it.

mod crate_folder;
mod discover;
mod error;
mod file;
mod kind;
mod library;
mod libtorch;
mod load;
mod parameters;
mod preflight;
mod reference;
mod registry;

pub use discover::SearchPath;
pub use error::{PluginError, PluginFault};
pub use file::PluginFile;
pub use kind::Kind;
pub use load::Loaded;
pub use parameters::{Choice, InvalidParameter, Parameter, ParameterSchema};
pub use reference::{PluginId, PluginRef};
pub use registry::Registry;

/// The runtime that plugins on libtorch name in their manifest, and that this clbench opens for them.
pub const LIBTORCH: &str = "libtorch 2.11.0";
