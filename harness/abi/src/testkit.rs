//! The checks that a plugin author runs on their own plugin.
//!
//! A host relies on properties that types cannot express: the seed decides every bit, the state is
//! everything that a strategy remembers, a sample's logits do not depend on its batch, and a
//! pullback returns the gradient. The testkit puts an author's type behind the real boundary, with
//! the same guard and wire types as a loaded file, drives it as a host does, and reports what a
//! host could not accept. It needs no data and no weights: a [`SyntheticStream`] of pictures and a
//! [`ToyBackbone`] are part of it.
//!
//! Use it in an ordinary test. Enable the feature `testkit` for tests only:
//!
//! ```toml
//! [dev-dependencies]
//! harness-abi = { path = "…/clbench/harness/abi", features = ["testkit"] }
//! ```
//!
//! A backbone:
//!
//! ```
//! use harness_abi::testkit::{self, ToyBackbone, json};
//!
//! testkit::backbone::<ToyBackbone>()
//!     .parameters(json!({ "seed": 3 }))
//!     .bad_parameters(json!({ "seed": "three" }), "seed")
//!     .check();
//! ```
//!
//! [`Strategy`](crate::Strategy) has a complete strategy with its check. [`loaded`] checks a plugin
//! file that was loaded, by the names of what it offers; `clbench plugin check` does so.
//!
//! Both kits collect all findings in a [`Report`] before `check` panics with it. [`Check`] lists
//! what is checked. For state that a framework keeps for the whole process, such as the gradient
//! mode, pass a probe: `global_state("the gradient mode", || …)`. A plugin that reads or writes
//! such state needs a test process of its own, because tests in one process run in parallel.

mod backbone;
mod bad_parameters;
mod linked;
mod loaded;
mod offered;
mod random;
mod report;
mod strategy;
mod stream;
mod toy;
mod watch;

pub use backbone::{BackboneKit, backbone};
pub use loaded::{LoadedPlugin, loaded};
pub use report::{Check, Finding, Report};
pub use serde_json::json;
pub use strategy::{StrategyKit, strategy};
pub use stream::SyntheticStream;
pub use toy::{ToyBackbone, ToyParameters};

use crate::backbone::{Backbone, BackboneSetting};
use crate::error::Result;
use crate::foreign::BackboneHandle;
use crate::host::Host;
use std::path::PathBuf;

/// Creates a backbone on the CPU, with one thread, behind the boundary, for
/// [`StrategyKit::backbone`].
///
/// # Errors
///
/// If the backbone reports an error.
pub fn backbone_handle<B: Backbone>(parameters: &serde_json::Value) -> Result<BackboneHandle> {
    linked::backbone_plugin::<B>().backbone(linked::NAME, parameters, &backbone_setting())
}

fn backbone_setting() -> BackboneSetting {
    BackboneSetting {
        device: "cpu".into(),
        threads: 1,
        folder: PathBuf::from("."),
        host: Host::silent(),
    }
}
