//! The Mersenne Twister MT19937 (Matsumoto & Nishimura, 1998), seeded in the two ways that NumPy's legacy generator and
//! Python's `random` seed it.
//!
//! Class orders in published code come from this generator, so it is reproduced here exactly rather than taken from a
//! library whose seeding or sampling could change under us.

const N: usize = 624;
const M: usize = 397;

/// The generator's state.
#[derive(Debug, Clone)]
pub struct Mt19937 {
    state: [u32; N],
    /// The next word of `state` to hand out; `N` when the state has to be turned first.
    next: usize,
}

impl Mt19937 {
    /// Seeded by one word: the authors' `init_genrand`, which is `numpy.random.seed(SEED)`.
    pub fn from_word(seed: u32) -> Self {
        let mut state = [0; N];
        state[0] = seed;
        for i in 1..N {
            let last = state[i - 1];
            state[i] = 1_812_433_253_u32
                .wrapping_mul(last ^ (last >> 30))
                .wrapping_add(i as u32);
        }
        Self { state, next: N }
    }

    /// Seeded by a list of words: the authors' `init_by_array`.
    ///
    /// # Panics
    ///
    /// If `key` is empty.
    pub fn from_key(key: &[u32]) -> Self {
        assert!(!key.is_empty(), "a key of at least one word");
        let mut generator = Self::from_word(19_650_218);
        let state = &mut generator.state;
        let mut i = 1;
        for step in 0..N.max(key.len()) {
            let j = step % key.len();
            let last = state[i - 1];
            state[i] = (state[i] ^ (last ^ (last >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            i += 1;
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        for _ in 0..N - 1 {
            let last = state[i - 1];
            state[i] = (state[i] ^ (last ^ (last >> 30)).wrapping_mul(1_566_083_941))
                .wrapping_sub(i as u32);
            i += 1;
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        // The most significant bit alone matters of the first word; it keeps the state from being all zero.
        state[0] = 0x8000_0000;
        generator
    }

    /// Seeded as Python's `random.seed(SEED)` does: the seed's 32-bit words, lowest first, as the key.
    pub fn from_python_seed(seed: u64) -> Self {
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        if high == 0 {
            Self::from_key(&[low])
        } else {
            Self::from_key(&[low, high])
        }
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.turn();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A number from 0 to `max`, both included, as NumPy's legacy `random_interval` draws it: the low bits that `max`
    /// needs, drawn again while above `max`.
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

    /// A number from 0 to `n − 1`, as Python's `random._randbelow(n)` draws it: the high bits that `n` needs, drawn
    /// again while not below `n`.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn python_below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "there is no number below 0");
        // `leading_zeros` is 32 less the bit length of `n`, and `getrandbits(k)` shifts by 32 − k.
        let shift = n.leading_zeros();
        loop {
            let value = self.next_u32() >> shift;
            if value < n {
                return value;
            }
        }
    }

    fn turn(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of the authors' `mt19937ar.out`.
    #[test]
    fn first_outputs_of_the_reference_key() {
        let mut generator = Mt19937::from_key(&[0x123, 0x234, 0x345, 0x456]);
        let head: Vec<u32> = (0..10).map(|_| generator.next_u32()).collect();
        assert_eq!(
            head,
            [
                1067595299, 955945823, 477289528, 4107218783, 4228976476, 3344332714, 3355579695,
                227628506, 810200273, 2591290167
            ]
        );
    }

    /// The C++ standard fixes the 10,000th output of a generator seeded with 5489 ([rand.predef] in its text).
    #[test]
    fn ten_thousandth_output_of_the_default_seed() {
        let mut generator = Mt19937::from_word(5489);
        assert_eq!(generator.next_u32(), 3_499_211_612);
        assert_eq!(
            (2..=10_000).map(|_| generator.next_u32()).last(),
            Some(4_123_659_995)
        );
    }

    /// These numbers must not move, whatever the generator is made of.
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
        let words = words.map(|seed| (format!("word {seed}"), Mt19937::from_word(seed)));
        let keys = keys.map(|key| (format!("key {key:?}"), Mt19937::from_key(key)));
        let python = [0, 1, 1992, 0xffff_ffff, 1 << 32, u64::MAX];
        let python = python.map(|seed| (format!("python {seed}"), Mt19937::from_python_seed(seed)));
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
        assert_eq!(drawn, include_str!("../../random/fixtures/mt19937.txt"));
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
            let mut generator = Mt19937::from_word(seed);
            let numbers = bounds.map(|max| [0; 5].map(|_| generator.numpy_interval(max)));
            drawn += &format!("numpy {seed}: {numbers:?}\n");
        }
        for seed in [0, 1, 1992, 0xffff_ffff, u64::MAX] {
            let mut generator = Mt19937::from_python_seed(seed);
            let numbers = bounds[1..]
                .iter()
                .map(|&n| [0; 5].map(|_| generator.python_below(n)));
            let numbers: Vec<_> = numbers.collect();
            drawn += &format!("python {seed}: {numbers:?}\n");
        }
        assert_eq!(
            drawn,
            include_str!("../../random/fixtures/mt19937_ranges.txt")
        );
    }
}
