//! Random orders.

use crate::MersenneTwister;

/// The numbers 0 to `n − 1` in a seeded random order that no later version changes.
///
/// This is Python's `random.seed(seed); order = list(range(n)); random.shuffle(order)`, so anyone
/// can draw it again without this program. All that the harness shuffles for itself (validation
/// splits, the order of evaluation, the shipped digits' split) uses it.
pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut generator = MersenneTwister::from_python_seed(seed);
    order(n, |n| generator.python_below(n))
}

/// What `numpy.random.seed(seed); numpy.random.permutation(n)` gives.
pub fn numpy_permutation(n: usize, seed: u32) -> Vec<usize> {
    let mut generator = MersenneTwister::from_word(seed);
    order(n, |n| generator.numpy_interval(n - 1))
}

fn order(n: usize, mut below: impl FnMut(u32) -> u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    fisher_yates(&mut order, |n| {
        below(u32::try_from(n).expect("fewer than 2^32 things to shuffle")) as usize
    });
    order
}

/// Exchanges every item, from the last to the second, with the one at `below(its index + 1)`, a
/// number that is at most its index: the loop that NumPy and Python share.
///
/// # Panics
///
/// If `below` gives a number that is not below.
pub fn fisher_yates<T>(items: &mut [T], mut below: impl FnMut(usize) -> usize) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines `N SEED: values`, made by the real thing.
    fn fixture(text: &str) -> Vec<(usize, u64, Vec<usize>)> {
        let cases: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (key, values) = line.split_once(": ").unwrap();
                let (n, seed) = key.split_once(' ').unwrap();
                let values = values.split(' ').map(|v| v.parse().unwrap()).collect();
                (n.parse().unwrap(), seed.parse().unwrap(), values)
            })
            .collect();
        assert!(cases.len() > 20, "the fixture has lost its lines");
        cases
    }

    #[test]
    fn permutations_are_numpys() {
        for (n, seed, expected) in fixture(include_str!("../fixtures/numpy_permutation.txt")) {
            let seed = u32::try_from(seed).unwrap();
            assert_eq!(numpy_permutation(n, seed), expected, "N = {n}, seed {seed}");
        }
    }

    #[test]
    fn shuffles_are_pythons() {
        for (n, seed, expected) in fixture(include_str!("../fixtures/python_shuffle.txt")) {
            assert_eq!(shuffled(n, seed), expected, "N = {n}, seed {seed}");
        }
    }

    #[test]
    fn nothing_and_one_thing_can_be_shuffled() {
        assert!(shuffled(0, 1).is_empty());
        assert_eq!(shuffled(1, 1), [0]);
        assert_eq!(numpy_permutation(1, 1), [0]);
    }
}
