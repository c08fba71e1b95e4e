//! The random numbers of a picture, seeded with a key.

use harness_random::SplitMix64;

/// The generator for one key.
pub(crate) struct Random(SplitMix64);

impl Random {
    /// Keys that differ in a number, or in the order of their numbers, give unrelated streams.
    pub(crate) fn keyed(key: &[u64]) -> Self {
        Self(SplitMix64::keyed(key))
    }

    /// Uniform in 0 ≤ x < 1.
    pub(crate) fn unit(&mut self) -> f32 {
        self.0.uniform_f32()
    }

    /// Uniform from `low` to `high`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Three bell-shaped values with mean 0 and standard deviation 1, each the sum of three uniform
    /// ones: they look like normal noise, never exceed ±3 and need no logarithm.
    pub(crate) fn noise(&mut self) -> [f32; 3] {
        // Nine values of seven bits are 63 bits: one draw.
        let bits = self.0.next_u64();
        let value = |at: u32| ((bits >> (7 * at)) & 127) as f32;
        // The sum of three values that are uniform in 0 to 127 has mean 190.5 and standard
        // deviation √(3 · (128² − 1) / 12) = 63.998.
        [0, 3, 6].map(|at| (value(at) + value(at + 1) + value(at + 2) - 190.5) / 64.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers must never change, however the generator is implemented.
    #[test]
    fn draws_of_keys() {
        let keys: [&[u64]; 10] = [
            &[],
            &[0],
            &[1],
            &[0, 0],
            &[1, 0],
            &[0, 1],
            &[0xffff_ffff],
            &[u64::MAX],
            &[1992, 3, 5, 2],
            &[u64::MAX, u64::MAX, 7],
        ];
        let mut drawn = String::from(
            "# SplitMix64 by a key, KEY: 4 words; 8 unit f32; 8 from -0.3 to 1.7; 4 times noise\n",
        );
        for key in keys {
            let mut random = Random::keyed(key);
            let words: Vec<_> = (0..4).map(|_| random.0.next_u64()).collect();
            let units: Vec<_> = (0..8).map(|_| random.unit()).collect();
            let between: Vec<_> = (0..8).map(|_| random.between(-0.3, 1.7)).collect();
            let noise: Vec<_> = (0..4).map(|_| random.noise()).collect();
            drawn += &format!("{key:?}: {words:?}; {units:?}; {between:?}; {noise:?}\n");
        }
        assert_eq!(drawn, include_str!("../../random/fixtures/pictures.txt"));
    }

    #[test]
    fn noise_has_mean_0_and_deviation_1() {
        let mut random = Random::keyed(&[7]);
        let values: Vec<f32> = (0..20_000).flat_map(|_| random.noise()).collect();
        let n = values.len() as f32;
        let mean = values.iter().sum::<f32>() / n;
        let variance = values.iter().map(|value| value * value).sum::<f32>() / n;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
    }
}
