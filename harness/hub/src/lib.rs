//! The Hugging Face hub's cache on this machine: where it is, how it is laid out, and what a model
//! and its revisions may be called.
//!
//! `clbench fetch model` fills this cache, the backbones read it (`model:` in a scenario), and
//! Python's `huggingface_hub` does both; all of them have to agree on every path. Nothing here
//! touches the network.
//!
//! A [`ModelName`] and a [`Revision`] are valid by construction, so that no path made of them
//! leaves the cache. [`Cache`] finds the folder that the environment names, and [`Repository`] a
//! model's files in it.

mod cache;
mod name;

pub use cache::{Cache, NoHome, Repository, home};
pub use name::{MAIN, ModelName, NameError, Revision};
