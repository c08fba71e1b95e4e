//! Seeded generators of a plugin's own.
//!
//! libtorch has one generator for the whole process, and tch has no handle to another: whoever seeds or uses it moves every
//! other plugin's numbers. So random numbers are drawn here and handed to libtorch as values. A [`Generator`] is named by
//! the cell's seed, by what it is for and by the task, so that one purpose drawing more does not move another, and a
//! strategy that is made anew between tasks needs no generator in its state.
//!
//! The bits are xoshiro256++ (Blackman and Vigna, *Scrambled linear pseudorandom number generators*, ACM TOMS 2021), its
//! state filled by SplitMix64; normal numbers are Marsaglia's polar method. All of it is integer arithmetic, IEEE square
//! roots and a logarithm in software, and none of the system's mathematics library: the same seed gives the same bits on
//! every machine.

use crate::error::During;
use harness_abi::Result;
use tch::{Device, Tensor};

/// A stream of random numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    state: [u64; 4],
    /// The polar method makes normal numbers in pairs; the second waits here.
    spare: Option<f64>,
}

impl Generator {
    /// The generator for that purpose (`"init"`, say, or `"order"`) in that task; 0 is before the first.
    pub fn new(seed: u64, purpose: &str, task: u32) -> Generator {
        // The length keeps ("ab", "c…") and ("abc…", "") apart; each word is mixed before the next comes in.
        let words = [seed, u64::from(task), purpose.len() as u64];
        let purpose = purpose.as_bytes().chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let mut key = 0;
        for word in words.into_iter().chain(purpose) {
            key ^= word;
            key = split_mix(&mut key);
        }
        Generator {
            state: std::array::from_fn(|_| split_mix(&mut key)),
            spare: None,
        }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number of 0, 1, … `end` − 1, all equally likely (Lemire, *Fast random integer generation in an interval*, 2019).
    ///
    /// # Panics
    ///
    /// If `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "there is no number below 0");
        loop {
            let product = u128::from(self.bits()) * u128::from(end);
            // Of the 2^64 words, those that would make the first numbers likelier are drawn again.
            if product as u64 >= end.wrapping_neg() % end {
                return (product >> 64) as u64;
            }
        }
    }

    /// Uniform in [0, 1), in steps of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal, of mean 0 and variance 1.
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
    pub fn permutation(&mut self, length: usize) -> Vec<i64> {
        let mut order: Vec<i64> = (0..length as i64).collect();
        for last in (1..length).rev() {
            let other = self.below(last as u64 + 1) as usize;
            order.swap(last, other);
        }
        order
    }

    /// A tensor of normal numbers of mean 0, f32, drawn in row-major order.
    ///
    /// # Errors
    ///
    /// If libtorch has no memory left.
    pub fn normal_tensor(
        &mut self,
        shape: &[i64],
        deviation: f64,
        device: Device,
    ) -> Result<Tensor> {
        tensor(shape, device, || deviation * self.normal())
    }

    /// A tensor of uniform numbers from `low` to `high`, f32, drawn in row-major order.
    ///
    /// # Errors
    ///
    /// If libtorch has no memory left.
    pub fn uniform_tensor(
        &mut self,
        shape: &[i64],
        low: f64,
        high: f64,
        device: Device,
    ) -> Result<Tensor> {
        tensor(shape, device, || low + (high - low) * self.uniform())
    }
}

fn tensor(shape: &[i64], device: Device, mut draw: impl FnMut() -> f64) -> Result<Tensor> {
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_: i64| draw() as f32)
        .collect();
    Tensor::f_from_slice(&values)
        .and_then(|tensor| tensor.f_view(shape))
        .and_then(|tensor| tensor.f_to_device(device))
        .during("making a tensor of random numbers")
}

/// One step of SplitMix64 (Steele, Lea and Flood, 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_of_the_published_code() {
        // The test vectors of the authors' C code, as the crate rand_xoshiro carries them.
        let mut generator = Generator {
            state: [1, 2, 3, 4],
            spare: None,
        };
        let bits: Vec<u64> = (0..5).map(|_| generator.bits()).collect();
        assert_eq!(
            bits,
            [
                41943041,
                58720359,
                3588806011781223,
                3591011842654386,
                9228616714210784205
            ]
        );
        let mut state = 1477776061723855037;
        let bits: Vec<u64> = (0..3).map(|_| split_mix(&mut state)).collect();
        assert_eq!(
            bits,
            [
                1985237415132408290,
                2979275885539914483,
                13511426838097143398
            ]
        );
    }

    #[test]
    fn a_generator_is_its_seed_purpose_and_task() {
        let first = |seed, purpose, task| Generator::new(seed, purpose, task).bits();
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

    /// What committed results rest on: these numbers must not move.
    #[test]
    fn the_numbers_stay_what_they_are() {
        let mut generator = Generator::new(1992, "init", 1);
        let normal: Vec<f32> = (0..4).map(|_| generator.normal() as f32).collect();
        assert_eq!(normal, [0.69491994, -0.9119249, -0.4643047, -1.4580694]);
        assert_eq!(generator.permutation(10), [0, 7, 3, 6, 8, 1, 2, 4, 5, 9]);
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut generator = Generator::new(7, "moments", 1);
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
        let mut order = Generator::new(3, "order", 1).permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        assert!(Generator::new(3, "order", 1).permutation(0).is_empty());
    }

    #[test]
    fn drawing_leaves_libtorchs_generator_alone() {
        let options = (tch::Kind::Float, Device::Cpu);
        tch::manual_seed(5);
        let expected = Vec::<f32>::try_from(Tensor::randn([4], options)).unwrap();
        tch::manual_seed(5);
        let drawn = Generator::new(1, "init", 1)
            .normal_tensor(&[2, 3], 0.1, Device::Cpu)
            .unwrap();
        assert_eq!(drawn.size(), [2, 3]);
        assert_eq!(
            Vec::<f32>::try_from(Tensor::randn([4], options)).unwrap(),
            expected
        );
    }

    /// These numbers must not move, whatever the generator is made of.
    #[test]
    fn words_of_split_mix() {
        let mut drawn = String::from("# SplitMix64, STATE: the first 24 words\n");
        let states: [u64; 6] = [0, 1, 1992, 0xffff_ffff, 1_477_776_061_723_855_037, u64::MAX];
        for state in states {
            let mut random = state;
            let words: Vec<_> = (0..24)
                .map(|_| split_mix(&mut random).to_string())
                .collect();
            drawn += &format!("{state}: {}\n", words.join(" "));
        }
        assert_eq!(
            drawn,
            include_str!("../../../harness/random/fixtures/split_mix.txt")
        );
    }

    #[test]
    fn words_of_xoshiro_by_seed() {
        let mut drawn = String::from(
            "# xoshiro256++, its state filled by SplitMix64, SEED: the first 24 words\n",
        );
        let seeds = [0, 1, 1992, 0xffff_ffff, u64::MAX];
        for mut seed in seeds {
            let name = seed;
            let mut generator = Generator {
                state: std::array::from_fn(|_| split_mix(&mut seed)),
                spare: None,
            };
            let words: Vec<_> = (0..24).map(|_| generator.bits().to_string()).collect();
            drawn += &format!("{name}: {}\n", words.join(" "));
        }
        assert_eq!(
            drawn,
            include_str!("../../../harness/random/fixtures/xoshiro.txt")
        );
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
            let mut generator = Generator::new(seed, purpose, task);
            let words: Vec<_> = (0..4).map(|_| generator.bits()).collect();
            let uniform: Vec<_> = (0..6).map(|_| generator.uniform()).collect();
            // An odd number: the second of the last pair waits.
            let normal: Vec<_> = (0..7).map(|_| generator.normal()).collect();
            let word = generator.bits();
            let below = ends.map(|end| [0; 4].map(|_| generator.below(end)));
            let order = generator.permutation(20);
            let last = [0; 2].map(|_| generator.normal());
            drawn += &format!(
                "{seed} {purpose:?} {task}: {words:?}; {uniform:?}; {normal:?}; {word}; {below:?}; {order:?}; {last:?}\n"
            );
        }
        assert_eq!(
            drawn,
            include_str!("../../../harness/random/fixtures/named.txt")
        );
    }
}
