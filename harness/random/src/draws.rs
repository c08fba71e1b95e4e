//! Draws of some items out of many, as published code makes them with Python's `random` and NumPy's
//! legacy generator. Every function returns the positions of the drawn items, in the order of the
//! draw.

use crate::{MersenneTwister, fisher_yates};
use std::collections::HashSet;

impl MersenneTwister {
    /// `random.sample(range(n), k)` of Python 3.8 to 3.13: `k` different positions.
    ///
    /// # Panics
    ///
    /// If `k` exceeds `n`, or `n` exceeds 2³² − 1.
    pub fn python_sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        assert!(k <= n, "{k} items cannot be drawn out of {n}");
        let mut below = |n: usize| self.python_below(count(n)) as usize;
        // Python keeps a list of what is left, unless a set of what is taken is smaller.
        let largest_list = if k > 5 { 21 + power_of_four(3 * k) } else { 21 };
        if n <= largest_list {
            let mut left: Vec<usize> = (0..n).collect();
            let take = |_| {
                let drawn = below(left.len());
                left.swap_remove(drawn)
            };
            return (0..k).map(take).collect();
        }
        let mut taken = HashSet::with_capacity(k);
        let take = |_| {
            loop {
                let drawn = below(n);
                if taken.insert(drawn) {
                    return drawn;
                }
            }
        };
        (0..k).map(take).collect()
    }

    /// `random.choices(range(n), k=k)`: `k` positions, each of which may be drawn again.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn python_choices(&mut self, n: usize, k: usize) -> Vec<usize> {
        assert!(n > 0, "there is nothing to draw from");
        (0..k)
            .map(|_| (self.uniform() * n as f64) as usize)
            .collect()
    }

    /// `numpy.random.choice(n, k, replace=False)`: `k` different positions, the first of a
    /// permutation of all.
    ///
    /// # Panics
    ///
    /// If `k` exceeds `n`, or `n` exceeds 2³² − 1.
    pub fn numpy_choice(&mut self, n: usize, k: usize) -> Vec<usize> {
        assert!(k <= n, "{k} items cannot be drawn out of {n}");
        let mut order: Vec<usize> = (0..n).collect();
        fisher_yates(&mut order, |n| self.numpy_interval(count(n) - 1) as usize);
        order.truncate(k);
        order
    }

    /// `numpy.random.choice(n, k)`: `k` positions, each of which may be drawn again.
    ///
    /// # Panics
    ///
    /// If `n` is 0 or exceeds 2³² − 1.
    pub fn numpy_choice_with_replacement(&mut self, n: usize, k: usize) -> Vec<usize> {
        assert!(n > 0, "there is nothing to draw from");
        let last = count(n) - 1;
        (0..k).map(|_| self.numpy_interval(last) as usize).collect()
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("at most 2^32 − 1 items can be drawn from")
}

/// The smallest power of four that is at least `n`.
fn power_of_four(n: usize) -> usize {
    let mut power: usize = 1;
    while power < n {
        power = power.saturating_mul(4);
    }
    power
}
