//! Seeded random number generators.
//!
//! libtorch has one generator for the whole process, and tch exposes no other: any plugin that
//! seeds or uses it changes the numbers of all others. So random numbers are drawn here and passed
//! to libtorch as values. A [`Generator`] is seeded by the cell's seed, a purpose and the task.
//! That keeps purposes independent of how much the others draw, and a strategy that is recreated
//! between tasks needs no generator in its state.

use crate::During;
use harness_abi::Result;
use harness_random::Xoshiro256;
use tch::{Device, Tensor};

/// A stream of random numbers, the same bits on every machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator(Xoshiro256);

impl Generator {
    /// Creates the generator for a purpose (such as `"init"` or `"order"`) in a task; task 0 is
    /// before the first.
    pub fn new(seed: u64, purpose: &str, task: u32) -> Generator {
        Generator(Xoshiro256::named(seed, purpose, task))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniformly distributed integer from 0 to `end` − 1.
    ///
    /// # Panics
    ///
    /// If `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.below(end)
    }

    /// A uniform number in [0, 1), in steps of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        self.0.uniform()
    }

    /// A normal number of mean 0 and variance 1.
    pub fn normal(&mut self) -> f64 {
        self.0.normal()
    }

    /// The numbers 0, 1, … `length` − 1 in random order, as i64 for libtorch's index operations.
    pub fn permutation(&mut self, length: usize) -> Vec<i64> {
        let order = self.0.permutation(length).into_iter();
        order.map(|index| index as i64).collect()
    }

    /// An f32 tensor of normal numbers of mean 0, drawn in row-major order.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn normal_tensor(
        &mut self,
        shape: &[i64],
        deviation: f64,
        device: Device,
    ) -> Result<Tensor> {
        tensor(shape, device, || deviation * self.normal())
    }

    /// An f32 tensor of uniform numbers from `low` to `high`, drawn in row-major order.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Committed results depend on these numbers; they must not change.
    #[test]
    fn the_numbers_never_change() {
        let mut generator = Generator::new(1992, "init", 1);
        let normal: Vec<f32> = (0..4).map(|_| generator.normal() as f32).collect();
        assert_eq!(normal, [0.69491994, -0.9119249, -0.4643047, -1.4580694]);
        assert_eq!(generator.permutation(10), [0, 7, 3, 6, 8, 1, 2, 4, 5, 9]);
    }

    #[test]
    fn drawing_does_not_use_libtorchs_generator() {
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
}
