//! Random tensors, drawn on the device that uses them.
//!
//! A [`Generator`] draws on the host, so training on another device would copy every number there.
//! [`Noise`] is counter-based instead: word n of a stream is a hash of the stream's key and n
//! (SplitMix64; Steele, Lea and Flood, 2014), computed on the device: with integer tensor
//! operations, or in one pass on the CPU. The words have the same bits on every device.
//!
//! A `Noise` has several streams, one row each: row r of every drawn tensor depends on the seed,
//! the purpose, the task and the name of stream r, but not on the other streams. So a class gets
//! the same numbers whether it is drawn alone or with others.

use super::Generator;
use crate::During;
use harness_abi::Result;
use std::f64::consts::PI;
use tch::{Device, Kind, TchError, Tensor};

/// SplitMix64's step from one state to the next.
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;
/// The rounds of its hash: a shift and a factor.
const ROUNDS: [(i64, u64); 2] = [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)];

/// Bits of a word per uniform number: the precision of an f32.
const UNIFORM_BITS: i64 = 24;

/// Streams of random numbers, one row each.
#[derive(Debug)]
pub struct Noise {
    /// The streams' keys.
    own: Vec<u64>,
    /// The same, i64 `[streams, 1]`, on the device.
    keys: Tensor,
    /// The index of the next word, the same in all streams.
    next: i64,
}

impl Noise {
    /// Creates the streams of the given names (such as class ids) for a purpose in a task; task 0
    /// is before the first.
    ///
    /// # Errors
    ///
    /// If the device is not available.
    pub fn new(
        seed: u64,
        purpose: &str,
        task: u32,
        streams: &[u32],
        device: Device,
    ) -> Result<Noise> {
        let key = |stream| Generator::new(seed, &format!("{purpose}/{stream}"), task).bits();
        let own: Vec<u64> = streams.iter().map(key).collect();
        let signed: Vec<i64> = own.iter().map(|&key| key as i64).collect();
        let keys = Tensor::f_from_slice(&signed)
            .and_then(|keys| keys.f_view([-1, 1]))
            .and_then(|keys| keys.f_to_device(device))
            .during("making streams of random numbers")?;
        Ok(Noise { own, keys, next: 1 })
    }

    /// Uniform numbers in [0, 1), in steps of 2⁻²⁴, f32 `[streams, shape…]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn uniform(&mut self, shape: &[i64]) -> Result<Tensor, TchError> {
        let (high, _) = self.halves(shape.iter().product())?;
        high.f_view(self.shaped(shape).as_slice())
    }

    /// Normal numbers of mean 0 and variance 1, f32 `[streams, shape…]` (Box and Muller, 1958: one
    /// word gives two of them).
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn normal(&mut self, shape: &[i64]) -> Result<Tensor, TchError> {
        let numbers: i64 = shape.iter().product();
        let (mut length, mut angle) = self.halves((numbers + 1) / 2)?;
        // Shifted by half a step, because log 0 is not finite.
        let _ = length.f_add_scalar_(0.5_f64.powi(UNIFORM_BITS as i32 + 1))?;
        let _ = length.f_log_()?.f_mul_scalar_(-2.0)?.f_sqrt_()?;
        let _ = angle.f_mul_scalar_(2.0 * PI)?;
        let pairs = [
            length.f_mul(&angle.f_cos()?)?,
            length.f_mul(&angle.f_sin()?)?,
        ];
        Tensor::f_cat(&pairs, 1)?
            .f_narrow(1, 0, numbers)?
            .f_reshape(self.shaped(shape).as_slice())
    }

    /// Integers from 0 to `end` − 1, i64 `[streams, shape…]`; uniform up to a bias of `end` · 2⁻³².
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn below(&mut self, end: u32, shape: &[i64]) -> Result<Tensor, TchError> {
        let words = self.words(shape.iter().product())?;
        // 31 bits times a number of 32 bits: the product fits in an i64.
        shifted(&shifted(&words, 33)?.f_mul_scalar(i64::from(end))?, 31)?
            .f_view(self.shaped(shape).as_slice())
    }

    /// The numbers 0, 1, … `length` − 1 in random order, a different order per stream, i64
    /// `[streams, length]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn permutation(&mut self, length: i64) -> Result<Tensor, TchError> {
        self.words(length)?.f_argsort(1, false)
    }

    fn shaped(&self, shape: &[i64]) -> Vec<i64> {
        let streams = self.keys.size()[0];
        [&[streams], shape].concat()
    }

    /// Two numbers in [0, 1) from each of the next `n` words of every stream, f32 `[streams, n]`:
    /// from its highest and its lowest bits.
    fn halves(&mut self, n: i64) -> Result<(Tensor, Tensor), TchError> {
        if self.keys.device() != Device::Cpu {
            let words = self.words(n)?;
            let high = unit_interval(&shifted(&words, 64 - UNIFORM_BITS)?)?;
            let low = unit_interval(&words.f_bitwise_and((1_i64 << UNIFORM_BITS) - 1)?)?;
            return Ok((high, low));
        }
        let each = n as usize;
        let [mut high, mut low] = [(); 2].map(|()| vec![0.0; each * self.own.len()]);
        // A stack of no words has no chunks either.
        let rows = high
            .chunks_mut(each.max(1))
            .zip(low.chunks_mut(each.max(1)));
        for ((high, low), &key) in rows.zip(&self.own) {
            hashed(high, low, key, self.next as u64);
        }
        self.next += n;
        let shape = [self.own.len() as i64, n];
        let tensor = |numbers: &[f32]| Tensor::f_from_slice(numbers)?.f_view(shape);
        Ok((tensor(&high)?, tensor(&low)?))
    }

    /// The next `n` words of every stream, i64 `[streams, n]`.
    fn words(&mut self, n: i64) -> Result<Tensor, TchError> {
        let options = (Kind::Int64, self.keys.device());
        let counters = Tensor::f_arange_start(self.next, self.next + n, options)?;
        self.next += n;
        let mut z = counters.f_mul_scalar(INCREMENT as i64)?.f_add(&self.keys)?;
        for (shift, factor) in ROUNDS {
            z = z
                .f_bitwise_xor_tensor(&shifted(&z, shift)?)?
                .f_mul_scalar(factor as i64)?;
        }
        z.f_bitwise_xor_tensor(&shifted(&z, 31)?)
    }
}

crate::vectorised! {
    /// [`Noise::halves`] of one stream on the CPU, from the word of index `first` on: one pass where
    /// libtorch's operations make a dozen.
    fn hashed(high: &mut [f32], low: &mut [f32], key: u64, first: u64) {
        let unit = |bits: u64| (bits as u32 as i32) as f32 * (1.0 / (1_u32 << UNIFORM_BITS) as f32);
        for ((high, low), counter) in high.iter_mut().zip(low).zip(first..) {
            let word = mixed(counter.wrapping_mul(INCREMENT).wrapping_add(key));
            *high = unit(word >> (64 - UNIFORM_BITS));
            *low = unit(word & ((1 << UNIFORM_BITS) - 1));
        }
    }
}

/// SplitMix64's hash of a state.
#[inline(always)]
fn mixed(mut z: u64) -> u64 {
    for (shift, factor) in ROUNDS {
        z = (z ^ (z >> shift)).wrapping_mul(factor);
    }
    z ^ (z >> 31)
}

/// The words shifted right by `bits`, filled with zeros.
fn shifted(words: &Tensor, bits: i64) -> Result<Tensor, TchError> {
    words
        .f_bitwise_right_shift_tensor_scalar(bits)?
        .f_bitwise_and(i64::MAX >> (bits - 1))
}

/// Converts 24-bit numbers to f32 in [0, 1).
fn unit_interval(numbers: &Tensor) -> Result<Tensor, TchError> {
    numbers
        .f_to_kind(Kind::Float)?
        .f_mul_scalar(0.5_f64.powi(UNIFORM_BITS as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_random::SplitMix64;

    fn noise(streams: &[u32]) -> Noise {
        Noise::new(7, "test", 2, streams, Device::Cpu).unwrap()
    }

    fn integers(tensor: &Tensor) -> Vec<i64> {
        Vec::try_from(tensor.reshape([-1])).unwrap()
    }

    /// Committed results depend on these words; they are those of SplitMix64 and must not change.
    #[test]
    fn words_match_splitmix64() {
        let key = Generator::new(7, "test/3", 2).bits();
        let mut generator = SplitMix64::new(key);
        let words: Vec<i64> = (0..101).map(|_| generator.next_u64() as i64).collect();
        let mut noise = noise(&[3]);
        assert_eq!(integers(&noise.words(100).unwrap()), words[..100]);
        assert_eq!(integers(&noise.words(1).unwrap()), words[100..]);
    }

    /// The way of other devices, with tensor operations, gives the same bits.
    #[test]
    fn one_pass_equals_tensor_operations() {
        let (mut one, mut other) = (noise(&[3, 8]), noise(&[3, 8]));
        for n in [1, 7, 64, 1000] {
            let (high, low) = one.halves(n).unwrap();
            let words = other.words(n).unwrap();
            let expected = unit_interval(&shifted(&words, 64 - UNIFORM_BITS).unwrap());
            assert_eq!(high, expected.unwrap());
            let expected = unit_interval(&words.bitwise_and((1_i64 << UNIFORM_BITS) - 1));
            assert_eq!(low, expected.unwrap());
        }
    }

    #[test]
    fn a_stream_does_not_depend_on_the_other_streams() {
        let (mut alone, mut together) = (noise(&[4]), noise(&[9, 4, 2]));
        for _ in 0..2 {
            let shape = [3, 5];
            let middle = |tensor: Tensor| tensor.narrow(0, 1, 1);
            assert_eq!(
                alone.normal(&shape).unwrap(),
                middle(together.normal(&shape).unwrap())
            );
            assert_eq!(
                alone.permutation(20).unwrap(),
                middle(together.permutation(20).unwrap())
            );
            assert_eq!(
                alone.uniform(&[7]).unwrap(),
                middle(together.uniform(&[7]).unwrap())
            );
        }
        let both = together.normal(&[64]).unwrap();
        assert_ne!(both.get(0), both.get(1));
    }

    #[test]
    fn numbers_have_the_documented_distribution() {
        let mut noise = noise(&[0, 1]);
        let n = 100_000;
        let normal = noise.normal(&[n]).unwrap().to_kind(Kind::Double);
        assert_eq!(normal.size(), [2, n]);
        let moment = |power: f64| normal.pow_tensor_scalar(power).mean(Kind::Double);
        for (power, expected, tolerance) in [
            (1.0, 0.0, 0.01),
            (2.0, 1.0, 0.02),
            (3.0, 0.0, 0.04),
            (4.0, 3.0, 0.1),
        ] {
            let moment = moment(power).double_value(&[]);
            assert!((moment - expected).abs() < tolerance, "{power}: {moment}");
        }
        // Neighbours, and the two numbers made of one word, are uncorrelated.
        let next = normal.roll([1], [1]);
        let product = (&normal * next).mean(Kind::Double).double_value(&[]);
        let halves = normal.narrow(1, 0, n / 2) * normal.narrow(1, n / 2, n / 2);
        let halves = halves.mean(Kind::Double).double_value(&[]);
        assert!(
            product.abs() < 0.01 && halves.abs() < 0.015,
            "{product}, {halves}"
        );

        let uniform = noise.uniform(&[n]).unwrap();
        assert!(uniform.min().double_value(&[]) >= 0.0 && uniform.max().double_value(&[]) < 1.0);
        let mean = uniform.mean(Kind::Double).double_value(&[]);
        assert!((mean - 0.5).abs() < 0.005, "{mean}");

        let below = integers(&noise.below(3, &[n]).unwrap());
        for number in 0..3 {
            let count = below.iter().filter(|&&drawn| drawn == number).count();
            assert!((count as f64 / below.len() as f64 - 1.0 / 3.0).abs() < 0.005);
        }
        let mut permutation = integers(&noise.permutation(1000).unwrap().get(1));
        assert_ne!(permutation, (0..1000).collect::<Vec<_>>());
        permutation.sort_unstable();
        assert_eq!(permutation, (0..1000).collect::<Vec<_>>());
        // An odd number of normal numbers, and none.
        assert_eq!(noise.normal(&[3, 1]).unwrap().size(), [2, 3, 1]);
        assert_eq!(noise.normal(&[0]).unwrap().size(), [2, 0]);
    }

    /// These numbers must not change, whatever the implementation.
    #[test]
    fn draws_match_the_fixture() {
        let mut drawn = String::from(
            "# SEED PURPOSE TASK STREAMS: 5 words; 3 uniform; 4 below 3; 4 below 2^32 - 1; 10 permuted; 1 word, row by row\n",
        );
        let names: [(u64, &str, u32, &[u32]); 5] = [
            (0, "", 0, &[0]),
            (1, "draws", 1, &[0, 1]),
            (1992, "order", 3, &[7]),
            (0xffff_ffff, "vae", 2, &[4, 4, 9]),
            (u64::MAX, "diffusion/steps", u32::MAX, &[u32::MAX]),
        ];
        for (seed, purpose, task, streams) in names {
            let mut noise = Noise::new(seed, purpose, task, streams, Device::Cpu).unwrap();
            let words = integers(&noise.words(5).unwrap());
            let uniform = Vec::<f32>::try_from(noise.uniform(&[3]).unwrap().reshape([-1])).unwrap();
            let few = integers(&noise.below(3, &[2, 2]).unwrap());
            let many = integers(&noise.below(u32::MAX, &[4]).unwrap());
            let order = integers(&noise.permutation(10).unwrap());
            let word = integers(&noise.words(1).unwrap());
            drawn += &format!(
                "{seed} {purpose:?} {task} {streams:?}: {words:?}; {uniform:?}; {few:?}; {many:?}; {order:?}; {word:?}\n"
            );
        }
        assert_eq!(
            drawn,
            include_str!("../../../../harness/random/fixtures/noise.txt")
        );
    }

    /// With a tolerance, because log, sin and cos may differ in the last digit between devices.
    #[test]
    fn normal_draws_never_change() {
        let mut noise = Noise::new(1992, "draws", 1, &[3], Device::Cpu).unwrap();
        let drawn = Vec::<f64>::try_from(noise.normal(&[9]).unwrap().reshape([-1])).unwrap();
        let expected = [
            1.754839, -0.366982, 0.241953, 0.067064, -0.813427, -0.518935, 0.194054, -0.750527,
            -0.733626,
        ];
        for (drawn, expected) in drawn.iter().zip(expected) {
            assert!((drawn - expected).abs() < 1e-5, "{drawn}, not {expected}");
        }
    }
}
