//! Seeded random numbers: the testkit feeds a plugin the same inputs on every run.

use harness_random::{SplitMix64, fisher_yates};

/// A seeded generator.
#[derive(Debug, Clone)]
pub(crate) struct Random(SplitMix64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(SplitMix64::new(seed))
    }

    /// A separate generator for every pair of seed and number, such as a sample's index.
    pub(crate) fn stream(seed: u64, number: u64) -> Random {
        let mut random = Random::new(seed ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in 0 ≤ x < 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0.uniform()
    }

    /// Standard normal, by the Box-Muller transform.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub(crate) fn normals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.normal()).collect()
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }

    /// Shuffles the items.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        fisher_yates(items, |n| (self.uniform() * n as f64) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers must never change, however the generator is implemented.
    #[test]
    fn draws_of_seeds_and_streams() {
        let mut drawn = String::from(
            "# SEED or SEED/NUMBER: 3 words; 6 uniform; 7 normal, to nine digits, since a system's logarithm and cosine may \
             differ in the last; 12 bytes; 20 shuffled; 1 word\n",
        );
        let seeds = [0, 1, 1992, 0xffff_ffff, u64::MAX];
        let streams = [(0, 0), (0, 1), (1, 0), (7, 2_000), (u64::MAX, u64::MAX)];
        let plain = seeds.map(|seed| (seed.to_string(), Random::new(seed)));
        let named = streams
            .map(|(seed, number)| (format!("{seed}/{number}"), Random::stream(seed, number)));
        for (name, mut random) in plain.into_iter().chain(named) {
            let words: Vec<_> = (0..3).map(|_| random.next()).collect();
            let uniform: Vec<_> = (0..6).map(|_| random.uniform()).collect();
            let normal = random.normals(7);
            let bytes = random.bytes(12);
            let mut order: Vec<u32> = (0..20).collect();
            random.shuffle(&mut order);
            drawn += &format!(
                "{name}: {words:?}; {uniform:?}; {normal:.9?}; {bytes:?}; {order:?}; {}\n",
                random.next()
            );
        }
        assert_eq!(drawn, include_str!("../../../random/fixtures/testkit.txt"));
    }
}
