//! What plugins on libtorch share: an ordinary library that each of them links in, no plugin of its own.
//!
//! [`tch`] is re-exported so that every plugin uses the version that matches the libtorch of this workspace. Around it:
//!
//! - [`bridge`]: tensors in from the boundary and out to it.
//! - [`device`]: what a scenario's `device` means, and what is said where it is not there.
//! - [`gradient`]: the gradient mode, set for a scope and put back.
//! - [`error`]: what libtorch throws, as the boundary's error.
//! - [`random`]: seeded generators of a plugin's own, so that libtorch's global one is never touched.
//! - [`state`]: a strategy's tensors into its state and back, bit for bit.
//! - [`threads`]: how many threads an operation may use.

pub mod bridge;
pub mod device;
pub mod error;
pub mod gradient;
pub mod random;
pub mod state;
pub mod threads;

pub use error::During;
pub use random::Generator;
pub use tch;
