//! The host's side: safe objects of what a plugin file gives. Strategies meet one of them too, the
//! [`BackboneHandle`]: a backbone of another plugin is as foreign to a strategy as to the host.

mod backbone;
mod metric;
mod plugin;
mod strategy;

pub use backbone::{BackboneHandle, Forwarded, PullbackHandle};
pub use metric::ForeignMetric;
pub use plugin::{ForeignPlugin, HEADER_SYMBOL};
pub use strategy::{ForeignStrategy, SampleSource};
