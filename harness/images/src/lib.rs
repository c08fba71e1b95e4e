//! From a decoded image to the pixels that a backbone reads: [`prepare`] resizes and crops, as
//! torchvision does on a Pillow image, and [`augment`] draws a random part first, for training.
//!
//! It is a crate of its own because it is the only part of the harness that computes much: the rest
//! is compiled faster, and optimised less.

mod augment;
mod prepare;
mod resample;

pub use augment::{AugmentKey, augment};
pub use prepare::prepare;
