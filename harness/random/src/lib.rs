//! Random numbers that are the same on every machine and in every version.
//!
//! The raw bits come from `rand_xoshiro` and `rand_mt`, which implement fixed algorithms. The code
//! that turns bits into numbers, ranges and orders is here, because libraries change theirs between
//! versions. Published results depend on every draw, so `fixtures/` pins them.
//!
//! | generator | seeded by | used for |
//! |---|---|---|
//! | [`MersenneTwister`] | a word (NumPy, torch) or words (Python) | orders, splits, shots |
//! | [`SplitMix64`] | its state; a key of numbers | pictures, inputs of the plugin testkit |
//! | [`Xoshiro256`] | a number; a seed, a purpose and a task | plugins' training |
//!
//! [`shuffled`] is the harness's own random order, [`numpy_permutation`] that of NumPy's legacy
//! generator; both use the loop in [`fisher_yates`]. [`torch_permutation`] is torch's, which loops
//! the other way.
//!
//! The draws of some items out of many are methods of the generator, since published code draws
//! several in a row from the same one: [`python_sample`](MersenneTwister::python_sample),
//! [`python_choices`](MersenneTwister::python_choices),
//! [`numpy_choice`](MersenneTwister::numpy_choice).

mod draws;
mod mersenne_twister;
mod order;
mod split_mix;
mod xoshiro;

pub use mersenne_twister::MersenneTwister;
pub use order::{fisher_yates, numpy_permutation, shuffled, torch_permutation};
pub use split_mix::SplitMix64;
pub use xoshiro::Xoshiro256;

/// Uniform in 0 ≤ x < 1, in steps of 2⁻⁵³: the 53 highest bits of a word, which an f64 holds
/// exactly.
fn unit_f64(word: u64) -> f64 {
    (word >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod golden;
