//! The plugin boundary of clbench.
//!
//! A plugin is a shared library that offers backbones, strategies and metrics. Its author implements ordinary traits
//! that return [`Result`] and hands the types to [`export_plugin!`]:
//!
//! - [`Backbone`]: a frozen model that encodes images and texts, with one differentiable call over named prompt sites.
//! - [`Strategy`]: a continual-learning method that learns task after task.
//! - [`Metric`]: a pure function of a run's accuracy matrices and costs.
//!
//! Two layers make of them what crosses. The guard, in the plugin's file, turns the traits into boundary objects,
//! panics into errors, and JSON into an author's own parameter type ([`parameters`]). The [`foreign`] types, in the
//! host's file, turn the objects into safe types again. [`tensor`]s cross as DLPack, without a copy; [`error`]s cross as
//! data; infos and settings cross as JSON, so that they can grow. A plugin that a host may load says so in its
//! [`manifest`], which is read before any of the file's code runs. The feature `testkit` adds the checks that an author
//! runs on their own plugin.
//!
//! No other crate names the library that the boundary is made with, so that it can be replaced.

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
pub mod host;
pub mod manifest;
pub mod metric;
pub mod parameters;
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
pub use strategy::{
    Batch, Class, Declaration, Keeps, Learned, Outline, Setting, State, Strategy, Task,
};
pub use tensor::{DType, Device, Element, Tensor, TensorView};
pub use version::ABI_VERSION;
