//! The host's side: safe types for what a plugin file exports. Strategies use one of them too,
//! [`BackboneHandle`], because their backbone usually comes from another plugin.

mod backbone;
mod metric;
mod plugin;
mod strategy;

pub use backbone::{BackboneHandle, Forwarded, PullbackHandle};
pub use metric::ForeignMetric;
pub use plugin::{ForeignPlugin, HEADER_SYMBOL};
pub use strategy::{ForeignStrategy, SampleSource};
