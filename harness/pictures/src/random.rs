//! Random numbers that are the same on every machine: SplitMix64 (Steele, Lea and Flood, 2014), seeded by a key.

/// A generator for one key.
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// Two keys that differ in any number, or in the order of their numbers, give unrelated streams.
    pub(crate) fn keyed(key: &[u64]) -> Self {
        let state = key.iter().fold(0, |state: u64, &part| {
            mix(state.wrapping_add(GOLDEN_GAMMA) ^ mix(part))
        });
        Self { state }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// Evenly from 0 up to 1, on a grid of 2⁻²⁴, so that the conversion is exact.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// Evenly from `low` up to `high`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Three bell-shaped values with mean 0 and deviation 1, each the sum of three even ones: as good as normal to the
    /// eye, never beyond ±3, and without a logarithm.
    pub(crate) fn noise(&mut self) -> [f32; 3] {
        // Seven bits a value and nine values are 63 bits: one draw.
        let bits = self.next();
        let value = |at: u32| ((bits >> (7 * at)) & 127) as f32;
        // The sum of three evenly drawn from 0 to 127: mean 190.5, deviation √(3 · (128² − 1) / 12) = 63.998.
        [0, 3, 6].map(|at| (value(at) + value(at + 1) + value(at + 2) - 190.5) / 64.0)
    }
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's first numbers from the state 1234567.
    #[test]
    fn is_splitmix64() {
        let mut random = Random { state: 1_234_567 };
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn keys_differ_in_every_part_and_in_order() {
        let first = |key: &[u64]| Random::keyed(key).next();
        let keys: [&[u64]; 6] = [&[], &[0], &[0, 0], &[1, 0], &[0, 1], &[1]];
        let mut firsts = keys.map(first).to_vec();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), keys.len());
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

    /// These numbers must not move, whatever the generator is made of.
    #[test]
    fn words_of_split_mix() {
        let mut drawn = String::from("# SplitMix64, STATE: the first 24 words\n");
        let states: [u64; 6] = [0, 1, 1992, 0xffff_ffff, 1_477_776_061_723_855_037, u64::MAX];
        for state in states {
            let mut random = Random { state };
            let words: Vec<_> = (0..24).map(|_| random.next().to_string()).collect();
            drawn += &format!("{state}: {}\n", words.join(" "));
        }
        assert_eq!(drawn, include_str!("../../random/fixtures/split_mix.txt"));
    }

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
            let words: Vec<_> = (0..4).map(|_| random.next()).collect();
            let units: Vec<_> = (0..8).map(|_| random.unit()).collect();
            let between: Vec<_> = (0..8).map(|_| random.between(-0.3, 1.7)).collect();
            let noise: Vec<_> = (0..4).map(|_| random.noise()).collect();
            drawn += &format!("{key:?}: {words:?}; {units:?}; {between:?}; {noise:?}\n");
        }
        assert_eq!(drawn, include_str!("../../random/fixtures/pictures.txt"));
    }
}
