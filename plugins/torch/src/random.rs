//! Random numbers independent of libtorch's global generator.
//!
//! A [`Generator`] draws on the host. [`Noise`] draws tensors directly on a device, with one row
//! per stream. Both are seeded by the cell's seed, a purpose and a task.

mod generator;
mod noise;

pub use generator::Generator;
pub use noise::Noise;
