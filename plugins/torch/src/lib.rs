//! What plugins on libtorch share: an ordinary library that each of them links in, no plugin of its own.
//!
//! [`tch`] is re-exported so that every plugin uses the version that matches the libtorch of this workspace. Around it:
//!
//! - [`bridge`]: tensors in from the boundary and out to it.
//! - [`class_texts`]: class names into texts, and texts into features that are kept.
//! - [`cosine`]: rows of unit length, and logits made of them.
//! - [`device`]: what a scenario's `device` means, and what is said where it is not there.
//! - [`gradient`]: the gradient mode, set for a scope and put back.
//! - [`error`]: what libtorch throws, as the boundary's error.
//! - [`images`]: a differentiable call of a backbone's image side, in the middle of a graph of libtorch's.
//! - [`lesson`]: samples to train on, and what is read of a training's numbers.
//! - [`noise`]: random tensors made on the device that uses them.
//! - [`prompted`]: how such a call goes, forth and back.
//! - [`random`]: seeded generators of a plugin's own, so that libtorch's global one is never touched.
//! - [`schedule`]: learning rates, epoch by epoch.
//! - [`state`]: a strategy's tensors into its state and back, bit for bit.
//! - [`text`]: a differentiable call of a backbone's text side.
//! - [`text_side`]: what a strategy needs of that side, asked for before anything is trained.
//! - [`threads`]: how many threads an operation may use.

pub mod bridge;
pub mod class_texts;
pub mod cosine;
pub mod device;
pub mod error;
pub mod gradient;
pub mod images;
pub mod lesson;
pub mod noise;
pub mod prompted;
pub mod random;
pub mod schedule;
pub mod state;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod text;
pub mod text_side;
pub mod threads;

pub use error::During;
pub use noise::Noise;
pub use random::Generator;
pub use tch;
