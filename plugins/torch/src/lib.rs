//! Shared code of the libtorch plugins: an ordinary library that each of them links, not a plugin.
//!
//! [`tch`] is re-exported so that every plugin uses the version that matches the libtorch of this
//! workspace. The modules:
//!
//! - [`bridge`]: conversions between the plugin ABI and libtorch: tensors, states, devices, threads
//!   and errors.
//! - [`features`]: which output of a backbone a strategy learns from.
//! - [`exemplars`]: a memory of samples of past tasks.
//! - [`random`]: seeded random number generators, so that libtorch's global one is never used.
//! - [`cpu`]: loops on the CPU that libtorch would need several operations for.
//! - [`training`]: training samples, learning-rate schedules, and the gradient mode.
//! - [`prompting`]: differentiable backbone calls with prompts, class texts, and cosine logits.
//! - [`guide`]: a walk-through that trains a text prompt.

pub mod bridge;
pub mod cpu;
pub mod exemplars;
pub mod features;
pub mod guide;
pub mod prompting;
pub mod random;
pub mod testkit;
pub mod training;

pub use bridge::During;
pub use random::{Generator, Noise};
pub use tch;
