//! The Mersenne Twister MT19937. It is seeded, and draws from a range, as NumPy's legacy generator
//! or as Python's `random` does.
//!
//! Published code draws class orders with this generator, so it is reproduced here bit for bit.

use crate::unit_f64;
use rand_mt::Mt;

/// The number of words of the generator's state.
const STATE_WORDS: usize = 624;

/// The generator (Matsumoto and Nishimura, 1998).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MersenneTwister(Mt);

impl MersenneTwister {
    /// Seeds it with one word: the authors' `init_genrand`, which is `numpy.random.seed(SEED)`.
    pub fn from_word(seed: u32) -> MersenneTwister {
        MersenneTwister(Mt::new(seed))
    }

    /// Seeds it with a list of words: the authors' `init_by_array`.
    ///
    /// # Panics
    ///
    /// If `key` is empty or has more than 624 words, which is the size of the state: `rand_mt`
    /// would ignore the rest.
    pub fn from_key(key: &[u32]) -> MersenneTwister {
        assert!(
            (1..=STATE_WORDS).contains(&key.len()),
            "a key must have 1 to {STATE_WORDS} words, but has {}",
            key.len()
        );
        MersenneTwister(Mt::new_with_key(key.iter().copied()))
    }

    /// Seeds it as Python's `random.seed(SEED)` does: the key is the seed's 32-bit words, lowest
    /// first.
    pub fn from_python_seed(seed: u64) -> MersenneTwister {
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        if high == 0 {
            MersenneTwister::from_key(&[low])
        } else {
            MersenneTwister::from_key(&[low, high])
        }
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in 0 ≤ x < 1, in steps of 2⁻⁵³: the authors' `genrand_res53`, which is Python's
    /// `random.random()`.
    pub fn uniform(&mut self) -> f64 {
        // 27 bits of one word above 26 of the next, in the high bits, where `unit_f64` expects
        // them.
        let (high, low) = (self.next_u32() >> 5, self.next_u32() >> 6);
        unit_f64((u64::from(high) << 26 | u64::from(low)) << 11)
    }

    /// A number from 0 to `max`, inclusive, as NumPy's legacy `random_interval` draws it: as many
    /// low bits as `max` has, redrawn while the number exceeds `max`.
    pub fn numpy_interval(&mut self, max: u32) -> u32 {
        if max == 0 {
            // NumPy draws nothing here.
            return 0;
        }
        let mask = u32::MAX >> max.leading_zeros();
        loop {
            let value = self.next_u32() & mask;
            if value <= max {
                return value;
            }
        }
    }

    /// A number from 0 to `n − 1`, as Python's `random._randbelow(n)` draws it: as many high bits
    /// as `n` has, redrawn while the number is not below `n`.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn python_below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "the range is empty");
        // `getrandbits(k)` shifts by 32 − k, and `leading_zeros` is 32 minus the bit length of `n`.
        let shift = n.leading_zeros();
        loop {
            let value = self.next_u32() >> shift;
            if value < n {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first lines of the authors' `mt19937ar.out`.
    #[test]
    fn first_outputs_of_the_reference_key() {
        let mut generator = MersenneTwister::from_key(&[0x123, 0x234, 0x345, 0x456]);
        let head: Vec<u32> = (0..10).map(|_| generator.next_u32()).collect();
        assert_eq!(
            head,
            [
                1067595299, 955945823, 477289528, 4107218783, 4228976476, 3344332714, 3355579695,
                227628506, 810200273, 2591290167
            ]
        );
    }

    /// The C++ standard ([rand.predef]) states the 10,000th output of a generator seeded with 5489.
    #[test]
    fn ten_thousandth_output_of_the_default_seed() {
        let mut generator = MersenneTwister::from_word(5489);
        assert_eq!(generator.next_u32(), 3_499_211_612);
        assert_eq!(
            (2..=10_000).map(|_| generator.next_u32()).last(),
            Some(4_123_659_995)
        );
    }

    /// These numbers must never change, however the generator is implemented.
    #[test]
    fn words_of_every_seeding() {
        let long: Vec<u32> = (0..624).collect();
        let keys: [&[u32]; 7] = [
            &[0],
            &[0, 0],
            &[1, 2, 3],
            &[u32::MAX],
            &[1992, 0, 7, 0, 3, 0],
            &[u32::MAX; 6],
            &long,
        ];
        let mut drawn = String::from(
            "# MT19937, SEEDING: words 0 to 7; 620 to 627; 1244 to 1251; the sum of the first 10000\n",
        );
        let words = [0, 1, 1992, 1993, 5489, u32::MAX];
        let words = words.map(|seed| (format!("word {seed}"), MersenneTwister::from_word(seed)));
        let keys = keys.map(|key| (format!("key {key:?}"), MersenneTwister::from_key(key)));
        let python = [0, 1, 1992, 0xffff_ffff, 1 << 32, u64::MAX];
        let python = python.map(|seed| {
            (
                format!("python {seed}"),
                MersenneTwister::from_python_seed(seed),
            )
        });
        for (name, mut generator) in words.into_iter().chain(keys).chain(python) {
            let words: Vec<u32> = (0..10_000).map(|_| generator.next_u32()).collect();
            let sum: u64 = words.iter().map(|&word| u64::from(word)).sum();
            drawn += &format!(
                "{name}: {:?}; {:?}; {:?}; {sum}\n",
                &words[..8],
                &words[620..628],
                &words[1244..1252]
            );
        }
        assert_eq!(drawn, include_str!("../fixtures/mt19937.txt"));
    }

    #[test]
    fn numbers_in_ranges() {
        let mut drawn = String::from("# MT19937, SEEDING: 5 numbers up to each bound\n");
        let bounds = [
            0,
            1,
            2,
            6,
            99,
            1000,
            (1 << 31) - 1,
            1 << 31,
            u32::MAX - 1,
            u32::MAX,
        ];
        for seed in [0, 1, 1992, u32::MAX] {
            let mut generator = MersenneTwister::from_word(seed);
            let numbers = bounds.map(|max| [0; 5].map(|_| generator.numpy_interval(max)));
            drawn += &format!("numpy {seed}: {numbers:?}\n");
        }
        for seed in [0, 1, 1992, 0xffff_ffff, u64::MAX] {
            let mut generator = MersenneTwister::from_python_seed(seed);
            let numbers = bounds[1..]
                .iter()
                .map(|&n| [0; 5].map(|_| generator.python_below(n)));
            let numbers: Vec<_> = numbers.collect();
            drawn += &format!("python {seed}: {numbers:?}\n");
        }
        assert_eq!(drawn, include_str!("../fixtures/mt19937_ranges.txt"));
    }
}
