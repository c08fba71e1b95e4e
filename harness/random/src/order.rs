//! Random orders.

use crate::MersenneTwister;

/// The numbers 0 to `n − 1` in a seeded random order that never changes between versions.
///
/// This is Python's `random.seed(seed); order = list(range(n)); random.shuffle(order)`, so anyone
/// can reproduce it without this program. The harness uses it for validation splits, the order of
/// evaluation and the split of the digits.
pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut generator = MersenneTwister::from_python_seed(seed);
    order(n, |n| generator.python_below(n))
}

/// The result of `numpy.random.seed(seed); numpy.random.permutation(n)`.
pub fn numpy_permutation(n: usize, seed: u32) -> Vec<usize> {
    let mut generator = MersenneTwister::from_word(seed);
    order(n, |n| generator.numpy_interval(n - 1))
}

/// The result of `torch.randperm(n, generator=torch.Generator().manual_seed(seed))` on a CPU, of
/// which torch's `random_split` takes the first part for its first subset and the rest for the
/// second.
///
/// # Panics
///
/// If `n` is ⌊2³² / 20⌋ or more: torch draws longer permutations from words of 64 bits.
pub fn torch_permutation(n: usize, seed: u64) -> Vec<usize> {
    const TOO_MANY: usize = (u32::MAX / 20) as usize;
    assert!(n < TOO_MANY, "torch permutes {n} items in another way");
    // Only the low bits of a seed count.
    let mut generator = MersenneTwister::from_word(seed as u32);
    let mut order: Vec<usize> = (0..n).collect();
    for first in 0..n.saturating_sub(1) {
        let among = (n - first) as u32;
        order.swap(first, first + (generator.next_u32() % among) as usize);
    }
    order
}

fn order(n: usize, mut below: impl FnMut(u32) -> u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    fisher_yates(&mut order, |n| {
        below(u32::try_from(n).expect("at most 2^32 − 1 items can be shuffled")) as usize
    });
    order
}

/// Swaps every item, from the last to the second, with the one at `below(its index + 1)`, which
/// must be at most its index. NumPy and Python share this loop.
///
/// # Panics
///
/// If `below` returns a number beyond the end of `items`.
pub fn fisher_yates<T>(items: &mut [T], mut below: impl FnMut(usize) -> usize) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines `N SEED: values`, made by NumPy or Python.
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
        assert!(
            cases.len() > 20,
            "the fixture has only {} lines",
            cases.len()
        );
        cases
    }

    #[test]
    fn permutations_match_numpy() {
        for (n, seed, expected) in fixture(include_str!("../fixtures/numpy_permutation.txt")) {
            let seed = u32::try_from(seed).unwrap();
            assert_eq!(numpy_permutation(n, seed), expected, "N = {n}, seed {seed}");
        }
    }

    #[test]
    fn shuffles_match_python() {
        for (n, seed, expected) in fixture(include_str!("../fixtures/python_shuffle.txt")) {
            assert_eq!(shuffled(n, seed), expected, "N = {n}, seed {seed}");
        }
    }

    #[test]
    fn no_item_and_one_item_can_be_shuffled() {
        assert!(shuffled(0, 1).is_empty());
        assert_eq!(shuffled(1, 1), [0]);
        assert_eq!(numpy_permutation(1, 1), [0]);
    }
}
