//! What plugins on libtorch share: an ordinary library that each of them links in, no plugin of its
//! own.
//!
//! [`tch`] is re-exported so that every plugin uses the version that matches the libtorch of this
//! workspace. Around it:
//!
//! - [`bridge`]: between the boundary and libtorch: tensors, states, devices, threads and errors.
//! - [`random`]: seeded generators of a plugin's own, so that libtorch's global one is never
//!   touched.
//! - [`training`]: samples to train on, learning rates, and the gradient mode.
//! - [`prompting`]: differentiable calls of a backbone with prompts, and the class texts and
//!   cosines around them.
//! - [`guide`]: a walk-through that trains a text prompt.

pub mod bridge;
pub mod guide;
pub mod prompting;
pub mod random;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod training;

pub use bridge::During;
pub use random::{Generator, Noise};
pub use tch;
