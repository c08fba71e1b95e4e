//! Random numbers that are the same on every machine and in every version.
//!
//! The raw bits come from `rand_xoshiro` and `rand_mt`, whose algorithms are fixed by their
//! authors' reference code. What turns bits into numbers, ranges and orders is here, because
//! libraries change that between versions: `fixtures/` pins what each generator draws, and
//! published results rest on it.
//!
//! | generator | seeded by | drawn with it |
//! |---|---|---|
//! | [`MersenneTwister`] | a word, as NumPy does; words, as Python does | class orders, splits, training augmentation |
//! | [`SplitMix64`] | its state; a key of numbers | pictures, what the plugin testkit feeds a plugin |
//! | [`Xoshiro256`] | a number; a seed, a purpose and a task | whatever plugins draw while they train |
//!
//! [`shuffled`] is the order that the harness itself uses, [`numpy_permutation`] that of NumPy's
//! legacy generator, and [`fisher_yates`] the loop below both.

mod mersenne_twister;
mod order;
mod split_mix;
mod xoshiro;

pub use mersenne_twister::MersenneTwister;
pub use order::{fisher_yates, numpy_permutation, shuffled};
pub use split_mix::SplitMix64;
pub use xoshiro::Xoshiro256;

/// Uniform in 0 ≤ x < 1, in steps of 2⁻⁵³: the highest bits of a word, as many as an f64 holds.
fn unit_f64(word: u64) -> f64 {
    (word >> 11) as f64 / (1_u64 << 53) as f64
}
