//! The Hugging Face hub's cache on this machine: its path, its layout, and the valid names of
//! models and revisions.
//!
//! `clbench fetch model` fills this cache, backbones read it (`model:` in a scenario), and Python's
//! `huggingface_hub` does both, so all of them must agree on every path. This crate never accesses
//! the network.
//!
//! [`ModelName`] and [`Revision`] are valid by construction, so that no path made from them leaves
//! the cache. [`Cache`] is the folder that the environment names, and [`Repository`] a model's
//! folders in it.

mod cache;
mod name;

pub use cache::{Cache, NoHome, Repository, home};
pub use name::{MAIN, ModelName, NameError, Revision};
