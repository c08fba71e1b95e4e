//! Random numbers of a plugin's own.
//!
//! A [`Generator`] draws on the host. [`Noise`] draws tensors on the device that uses them, a row
//! for each of several streams. Both are named by the cell's seed, a purpose and a task.

mod generator;
mod noise;

pub use generator::Generator;
pub use noise::Noise;
