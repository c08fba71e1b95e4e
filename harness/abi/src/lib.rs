//! The plugin boundary of clbench.
//!
//! A plugin is a shared library that offers backbones, strategies and metrics. Its author
//! implements ordinary traits that return [`Result`], and passes the types to [`export_plugin!`]:
//!
//! - [`Strategy`]: a continual-learning method that learns task after task.
//! - [`Backbone`]: a frozen model that encodes images and texts, with one differentiable call
//!   through which prompts are trained.
//! - [`Metric`]: a pure function of a run's accuracy matrices and costs.
//!
//! Each trait has a complete example. The [`guide`] says which thread calls which method in which
//! order, and what every tensor looks like, and trains a text prompt step by step. With the feature
//! `testkit`, the module [`testkit`] checks a plugin in an ordinary test.
//!
//! Two layers connect a plugin to the host. The guard, in the plugin's file, turns the traits into
//! boundary objects, panics into errors, and JSON into an author's own parameter type
//! ([`parameters`]). The [`foreign`] types, in the host's file, turn the objects into safe types
//! again. [`tensor`]s cross as DLPack, without a copy; [`error`]s cross as data; infos and settings
//! cross as JSON, so that fields can be added. A plugin file describes itself in its [`manifest`],
//! which a host reads before it runs any of the file's code.
//!
//! [`serde`] and [`serde_json`] are re-exported, so that a plugin needs no dependency but this
//! crate:
//!
//! ```
//! use harness_abi::serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(crate = "harness_abi::serde")]
//! struct Memory {
//!     tasks: u32,
//! }
//! # let _ = Memory { tasks: 1 }.tasks;
//! ```
//!
//! No other crate names the library that implements the boundary, so that it can be replaced.
#![cfg_attr(not(feature = "testkit"), allow(rustdoc::broken_intra_doc_links))]

// The derive macros name this crate as its users do.
extern crate self as harness_abi;

#[macro_use]
mod version;

pub mod backbone;
pub mod error;
mod export;
pub mod foreign;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod guard;
pub mod guide;
pub mod host;
pub mod manifest;
pub mod metric;
pub mod parameters;
pub mod state;
pub mod strategy;
pub mod tensor;
#[cfg(feature = "testkit")]
pub mod testkit;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod wire;

#[doc(hidden)]
pub use export::__private;

pub use backbone::{
    Backbone, BackboneInfo, BackboneSetting, Forward, Inputs, Place, Pullback, Site,
};
pub use error::{Error, ErrorCode, Result};
pub use foreign::BackboneHandle;
pub use harness_abi_derive::{Choice, ParameterSet};
pub use host::{Host, Level};
pub use metric::{Matrix, Metric, MetricInfo, Run};
pub use parameters::{NoParameters, ParameterSet};
pub use serde;
pub use serde_json;
pub use state::State;
pub use strategy::{
    Batch, Class, Declaration, Keeps, Learned, Outline, Setting, SourceFile, Strategy, Task,
};
pub use tensor::{DType, Device, Element, Tensor, TensorView};
pub use version::ABI_VERSION;
