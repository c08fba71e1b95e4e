//! Loops on the CPU that libtorch would need several operations for.
//!
//! A chain of libtorch's operations passes over memory once per operation. Where that is what takes
//! the time, a plugin keeps its numbers in `Vec<f32>` and writes the chain as one loop:
//!
//! - [`vectorised!`](crate::vectorised) compiles a loop for AVX-512, AVX2 and the baseline, and
//!   chooses at run time; all of them give the same bits.
//! - [`sum`] is a sum in a fixed order that vectorises.
//! - [`product`] multiplies such numbers as matrices, with libtorch's kernels.
//! - [`in_parallel`] divides independent work among threads; the number of threads does not change
//!   the results.

mod matrices;
mod parallel;
mod vectorised;

pub use matrices::{Matrices, exponential, product};
pub use parallel::in_parallel;
pub use vectorised::sum;
