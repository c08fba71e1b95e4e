//! Loops on the CPU that libtorch would need several operations for.
//!
//! A chain of libtorch's operations passes over memory once per operation. Where that is what takes
//! the time, a plugin keeps its numbers in `Vec<f32>` and writes the chain as one loop:
//!
//! - [`vectorised!`](crate::vectorised) compiles a loop for AVX-512, AVX2 and the baseline, and
//!   chooses at run time; all of them give the same bits.
//! - [`sum`] is a sum in a fixed order that vectorises.
//! - [`exp`] is eˣ in a form that vectorises.
//! - [`product`] multiplies such numbers as matrices, with libtorch's kernels.
//! - [`Frozen`] reads a tensor's numbers where they are, and [`filled`] makes a tensor of numbers.
//! - [`in_parallel`] divides independent work among threads; the number of threads does not change
//!   the results.

mod exp;
mod matrices;
mod parallel;
mod slices;
mod vectorised;

pub use exp::exp;
pub use matrices::{Matrices, erf, exponential, product};
pub use parallel::{in_parallel, on_one_thread};
pub use slices::{Frozen, filled};
pub use vectorised::sum;
