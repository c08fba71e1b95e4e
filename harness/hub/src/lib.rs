//! The Hugging Face hub's cache on this machine: its path, its layout, and the valid names in it.
//!
//! `clbench fetch model` fills this cache, backbones read it (`model:` in a scenario), and Python's
//! `huggingface_hub` does both, so all of them must agree on every path. This crate never accesses
//! the network.
//!
//! [`ModelName`], [`Revision`], [`Commit`], [`ContentId`] and [`FileName`] are valid by
//! construction, and every path in the cache is made from them alone, so that none leaves it,
//! whatever a hub answers. [`Cache`] is the folder that the environment names, and [`Repository`] a
//! model's folders in it. [`Quoted`] prints what a hub sent without obeying it.

mod cache;
mod id;
mod name;
mod quoted;

pub use cache::{Cache, NoHome, Repository, home};
pub use id::{Commit, ContentId};
pub use name::{FileName, MAIN, ModelName, NameError, Revision};
pub use quoted::{Quoted, escaped};
