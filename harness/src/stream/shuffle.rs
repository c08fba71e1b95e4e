//! Fisher–Yates with the two samplers, and the one shuffle that the harness itself uses.

use super::mt19937::Mt19937;

/// The numbers 0 to `n − 1` in a seeded random order that no later version changes.
///
/// This is Python's `random.seed(seed); order = list(range(n)); random.shuffle(order)`, so anyone can draw it again
/// without this program. All that the harness shuffles for itself (validation splits, the order of evaluation, the
/// shipped digits' split) uses it.
pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut generator = Mt19937::from_python_seed(seed);
    fisher_yates(n, |last| generator.python_below(last + 1))
}

/// What `numpy.random.seed(seed); numpy.random.permutation(n)` gives.
pub(super) fn numpy_permutation(n: usize, seed: u32) -> Vec<usize> {
    let mut generator = Mt19937::from_word(seed);
    fisher_yates(n, |last| generator.numpy_interval(last))
}

/// Exchanges every element, from the last to the second, with the one at `draw(its index)`: the loop that NumPy and
/// Python share.
fn fisher_yates(n: usize, mut draw: impl FnMut(u32) -> u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        let bound = u32::try_from(last).expect("fewer than 2^32 things to shuffle");
        order.swap(last, draw(bound) as usize);
    }
    order
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
        for (n, seed, expected) in fixture(include_str!("fixtures/numpy_permutation.txt")) {
            let seed = u32::try_from(seed).unwrap();
            assert_eq!(numpy_permutation(n, seed), expected, "N = {n}, seed {seed}");
        }
    }

    #[test]
    fn shuffles_are_pythons() {
        for (n, seed, expected) in fixture(include_str!("fixtures/python_shuffle.txt")) {
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
