//! xoshiro256++ with the distributions that plugins draw from.
//!
//! It uses integer arithmetic, IEEE square roots and a logarithm in software, never the system's
//! mathematics library, so the same seed gives the same bits on every machine.

use crate::{SplitMix64, fisher_yates, unit_f64};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// The generator (Blackman and Vigna, *Scrambled linear pseudorandom number generators*, ACM TOMS
/// 2021).
#[derive(Debug, Clone, PartialEq)]
pub struct Xoshiro256 {
    bits: Xoshiro256PlusPlus,
    /// The polar method makes normal numbers in pairs; this is the second, if not used yet.
    spare: Option<f64>,
}

impl Xoshiro256 {
    /// Seeds it with a number, from which [`SplitMix64`] fills the state.
    pub fn seeded(seed: u64) -> Xoshiro256 {
        Xoshiro256 {
            bits: Xoshiro256PlusPlus::seed_from_u64(seed),
            spare: None,
        }
    }

    /// The generator for a cell's seed, a purpose (such as `"init"` or `"order"`) and a task. Task
    /// 0 is before the first one.
    pub fn named(seed: u64, purpose: &str, task: u32) -> Xoshiro256 {
        // The length tells padding with zeros from zeros in the purpose. Each word is mixed before
        // the next one is added.
        let words = [seed, u64::from(task), purpose.len() as u64];
        let purpose = purpose.as_bytes().chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let words = words.into_iter().chain(purpose);
        Xoshiro256::seeded(words.fold(0, |key, word| SplitMix64::new(key ^ word).next_u64()))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.bits.next_u64()
    }

    /// A number from 0 to `end` − 1, all equally likely (Lemire, *Fast random integer generation in
    /// an interval*, 2019).
    ///
    /// # Panics
    ///
    /// If `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "the range is empty");
        loop {
            let product = u128::from(self.next_u64()) * u128::from(end);
            // Redraw the words that would make some numbers more likely than others.
            if product as u64 >= end.wrapping_neg() % end {
                return (product >> 64) as u64;
            }
        }
    }

    /// Uniform in [0, 1), in steps of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        unit_f64(self.next_u64())
    }

    /// Normal, with mean 0 and variance 1.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                let scale = (-2.0 * libm::log(s) / s).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// The numbers 0, 1, … `length` − 1 in random order (Fisher and Yates).
    pub fn permutation(&mut self, length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        fisher_yates(&mut order, |n| self.below(n as u64) as usize);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of the authors' C code.
    #[test]
    fn the_bits_match_the_published_code() {
        let mut seed = [0; 32];
        (0..4).for_each(|word| seed[8 * word] = word as u8 + 1);
        let mut generator = Xoshiro256 {
            bits: Xoshiro256PlusPlus::from_seed(seed),
            spare: None,
        };
        assert_eq!(
            [0; 5].map(|_| generator.next_u64()),
            [
                41943041,
                58720359,
                3588806011781223,
                3591011842654386,
                9228616714210784205
            ]
        );
    }

    /// These numbers must never change, however the generator is implemented.
    #[test]
    fn words_of_xoshiro_by_seed() {
        let mut drawn = String::from(
            "# xoshiro256++, its state filled by SplitMix64, SEED: the first 24 words\n",
        );
        let seeds = [0, 1, 1992, 0xffff_ffff, u64::MAX];
        for seed in seeds {
            let mut generator = Xoshiro256::seeded(seed);
            let words: Vec<_> = (0..24).map(|_| generator.next_u64().to_string()).collect();
            drawn += &format!("{seed}: {}\n", words.join(" "));
        }
        assert_eq!(drawn, include_str!("../fixtures/xoshiro.txt"));
    }

    #[test]
    fn draws_of_named_generators() {
        let mut drawn = String::from(
            "# SEED PURPOSE TASK: 4 words; 6 uniform; 7 normal; 1 word; 4 below each of eight ends; 20 permuted; 2 normal\n",
        );
        let names = [
            (0, "", 0),
            (0, "init", 0),
            (1, "init", 1),
            (1992, "order", 3),
            (1992, "a purpose of many words", 10),
            (0xffff_ffff, "eight by", 1),
            (u64::MAX, "draws/7", u32::MAX),
        ];
        let ends = [1, 2, 6, 10, 1000, (1 << 32) + 1, (1 << 63) + 1, u64::MAX];
        for (seed, purpose, task) in names {
            let mut generator = Xoshiro256::named(seed, purpose, task);
            let words: Vec<_> = (0..4).map(|_| generator.next_u64()).collect();
            let uniform: Vec<_> = (0..6).map(|_| generator.uniform()).collect();
            // An odd number, so that the second of the last pair is kept for later.
            let normal: Vec<_> = (0..7).map(|_| generator.normal()).collect();
            let word = generator.next_u64();
            let below = ends.map(|end| [0; 4].map(|_| generator.below(end)));
            let order = generator.permutation(20);
            let last = [0; 2].map(|_| generator.normal());
            drawn += &format!(
                "{seed} {purpose:?} {task}: {words:?}; {uniform:?}; {normal:?}; {word}; {below:?}; {order:?}; {last:?}\n"
            );
        }
        assert_eq!(drawn, include_str!("../fixtures/named.txt"));
    }

    #[test]
    fn seed_purpose_and_task_determine_a_generator() {
        let first = |seed, purpose, task| Xoshiro256::named(seed, purpose, task).next_u64();
        assert_eq!(first(1, "order", 2), first(1, "order", 2));
        let all = [
            first(1, "order", 2),
            first(2, "order", 1),
            first(1, "order", 1),
            first(1, "init", 2),
            first(1, "", 2),
            first(1, "order\0", 2),
            first(1, "a purpose of many words", 2),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(a), "{i}");
        }
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut generator = Xoshiro256::named(7, "moments", 1);
        let n = 200_000;
        let moments = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / n as f64;
            let central = |k| values.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / n as f64;
            (mean, central(2), central(4))
        };
        let normal: Vec<f64> = (0..n).map(|_| generator.normal()).collect();
        let (mean, variance, fourth) = moments(&normal);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02 && (fourth - 3.0).abs() < 0.1);
        let uniform: Vec<f64> = (0..n).map(|_| generator.uniform()).collect();
        assert!(uniform.iter().all(|u| (0.0..1.0).contains(u)));
        let (mean, variance, _) = moments(&uniform);
        assert!((mean - 0.5).abs() < 0.005 && (variance - 1.0 / 12.0).abs() < 0.001);
        let mut counts = [0_u32; 6];
        (0..60_000).for_each(|_| counts[generator.below(6) as usize] += 1);
        assert!(
            counts.iter().all(|&count| (9_600..10_400).contains(&count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_permutation_has_every_number_once() {
        let mut order = Xoshiro256::named(3, "order", 1).permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        assert!(Xoshiro256::named(3, "order", 1).permutation(0).is_empty());
    }
}
