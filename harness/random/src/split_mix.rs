//! SplitMix64, which hashes a counter.

use crate::unit_f64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// The step of the counter: 2⁶⁴ divided by the golden ratio.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The generator (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, 2014).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMix64(rand_xoshiro::SplitMix64);

impl SplitMix64 {
    /// The generator in a given state.
    pub fn new(state: u64) -> SplitMix64 {
        SplitMix64(rand_xoshiro::SplitMix64::seed_from_u64(state))
    }

    /// The generator for a key. Keys that differ in a number, or in the order of their numbers,
    /// give unrelated streams.
    pub fn keyed(key: &[u64]) -> SplitMix64 {
        let state = key.iter().fold(0, |state: u64, &part| {
            mix(state.wrapping_add(GOLDEN_GAMMA) ^ mix(part))
        });
        SplitMix64::new(state)
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in 0 ≤ x < 1, in steps of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        unit_f64(self.next_u64())
    }

    /// Uniform in 0 ≤ x < 1, in steps of 2⁻²⁴, so that the conversion is exact.
    pub fn uniform_f32(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1_u32 << 24) as f32
    }
}

/// The hash of a counter's value: the first word of the generator one step before `bits`.
fn mix(bits: u64) -> u64 {
    SplitMix64::new(bits.wrapping_sub(GOLDEN_GAMMA)).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's first numbers from the state 1234567.
    #[test]
    fn is_splitmix64() {
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(
            [random.next_u64(), random.next_u64(), random.next_u64()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    /// These numbers must never change, however the generator is implemented.
    #[test]
    fn words_of_split_mix() {
        let mut drawn = String::from("# SplitMix64, STATE: the first 24 words\n");
        let states: [u64; 6] = [0, 1, 1992, 0xffff_ffff, 1_477_776_061_723_855_037, u64::MAX];
        for state in states {
            let mut random = SplitMix64::new(state);
            let words: Vec<_> = (0..24).map(|_| random.next_u64().to_string()).collect();
            drawn += &format!("{state}: {}\n", words.join(" "));
        }
        assert_eq!(drawn, include_str!("../fixtures/split_mix.txt"));
    }

    #[test]
    fn keys_differ_in_every_part_and_in_order() {
        let first = |key: &[u64]| SplitMix64::keyed(key).next_u64();
        let keys: [&[u64]; 6] = [&[], &[0], &[0, 0], &[1, 0], &[0, 1], &[1]];
        let mut firsts = keys.map(first).to_vec();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), keys.len());
    }
}
