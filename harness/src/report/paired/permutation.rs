//! The paired permutation test: how many assignments of signs to some differences give a sum that
//! is at least as far from 0.

use harness_random::Xoshiro256;

/// Up to so many pairs, every assignment is counted: 2⁴⁰ of them, by the sums of both halves.
pub(super) const MOST_PAIRS: usize = 40;

/// How many assignments are drawn for more pairs.
const DRAWS: u32 = 100_000;

/// Always the same, so that equal results give equal tables.
const SEED: u64 = 1935;

/// The share of all assignments of signs under which the sum of the differences is at least as far
/// from 0 as it is, for at most [`MOST_PAIRS`] differences.
///
/// Meet in the middle: every sum is one of 2²⁰ sums of the first half plus one of the second. Both
/// lists are sorted, so for each of the one, the number in the other that reach the limit follows
/// from that of its neighbour.
pub(super) fn exact(differences: &[f64]) -> f64 {
    let limit = limit(differences);
    // Every sum is as far from 0.
    if limit <= 0.0 {
        return 1.0;
    }
    let (first, second) = differences.split_at(differences.len() / 2);
    let (first, second) = (sums(first), sums(second));
    let mut reached: u64 = 0;
    let mut below = second.len();
    for sum in &first {
        while below > 0 && sum + second[below - 1] >= limit {
            below -= 1;
        }
        reached += (second.len() - below) as u64;
    }
    // For each sum there is one with all signs changed.
    let all = (first.len() as f64) * (second.len() as f64);
    2.0 * reached as f64 / all
}

/// The same from random assignments. The measured one counts as one of them, so that p is never 0
/// (B. Phipson and G. K. Smyth, *Permutation p-values should never be zero*, 2010).
pub(super) fn estimated(differences: &[f64]) -> f64 {
    let limit = limit(differences);
    // The sums of eight differences under every assignment of signs, which are one byte.
    let tables: Vec<[f64; 256]> = differences.chunks(8).map(signed_sums).collect();
    let mut random = Xoshiro256::seeded(SEED);
    let mut reached: u32 = 0;
    for _ in 0..DRAWS {
        let mut sum = 0.0;
        for tables in tables.chunks(8) {
            let signs = random.next_u64().to_le_bytes();
            for (table, signs) in tables.iter().zip(signs) {
                sum += table[usize::from(signs)];
            }
        }
        if f64::abs(sum) >= limit {
            reached += 1;
        }
    }
    f64::from(reached + 1) / f64::from(DRAWS + 1)
}

/// The sums of at most eight differences, each with its sign changed if its bit is set.
fn signed_sums(differences: &[f64]) -> [f64; 256] {
    std::array::from_fn(|signs| {
        let signed = differences.iter().enumerate();
        let signed = signed.map(|(bit, difference)| match signs >> bit & 1 {
            0 => *difference,
            _ => -difference,
        });
        signed.sum()
    })
}

/// The distance from 0 that a sum must have. Sums that should be equal may differ in their last
/// digits, depending on the order of summation.
fn limit(differences: &[f64]) -> f64 {
    let sum: f64 = differences.iter().sum();
    let size: f64 = differences.iter().map(|difference| difference.abs()).sum();
    sum.abs() - 1e-9 * size
}

/// The sums of some differences under every assignment of signs, in ascending order.
fn sums(differences: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for difference in differences {
        let step = difference.abs();
        // Two sorted lists, merged.
        let mut merged = Vec::with_capacity(2 * sums.len());
        let mut lower = sums.iter().map(|sum| sum - step).peekable();
        let mut upper = sums.iter().map(|sum| sum + step).peekable();
        while let Some(low) = lower.peek() {
            let next = match upper.peek() {
                Some(high) if high < low => upper.next(),
                _ => lower.next(),
            };
            merged.extend(next);
        }
        merged.extend(upper);
        sums = merged;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::paired::tests::on_one_stream;

    /// Differences between 0 and 100 as accuracies have them, always the same.
    fn differences(count: usize, shift: f64) -> Vec<f64> {
        // (37 i + 11) mod 101 is spread evenly.
        let number = |i: usize| ((37 * i + 11) % 101) as f64 / 10.0 - 5.0 + shift;
        (0..count).map(number).collect()
    }

    /// By going through all assignments.
    fn counted(differences: &[f64]) -> f64 {
        let limit = limit(differences);
        let all = 1_u64 << differences.len();
        let reach = |signs: &u64| {
            let signed = differences.iter().enumerate();
            let sum: f64 = signed
                .map(|(i, d)| if signs >> i & 1 == 0 { *d } else { -d })
                .sum();
            sum.abs() >= limit
        };
        (0..all).filter(reach).count() as f64 / all as f64
    }

    #[test]
    fn halves_count_what_all_assignments_count() {
        for count in 1..=13 {
            for shift in [0.0, 0.5, 3.0] {
                let differences = differences(count, shift);
                assert_eq!(
                    exact(&differences),
                    counted(&differences),
                    "{differences:?}"
                );
            }
        }
    }

    /// The values are those of SciPy 1.17, `permutation_test((x,), mean, permutation_type="samples",
    /// n_resamples=inf)`.
    #[test]
    fn p_values_are_scipys() {
        let six = [1.2, 0.4, -0.3, 2.1, 0.8, 1.7];
        assert_eq!(exact(&six), 0.0625);
        let eight = [0.62, -1.15, 0.41, 0.92, 1.38, -0.27, 0.05, 0.71];
        assert_eq!(exact(&eight), 0.2734375);
        let nine = [4.4, 3.9, 5.2, -0.6, 2.8, 3.1, 4.0, -1.2, 0.9];
        assert_eq!(exact(&nine), 0.0234375);
        let twelve = [
            12.5, -3.25, 7.75, -0.5, 1.25, 9.0, -6.5, 2.0, 4.25, 3.5, -1.75, 5.0,
        ];
        assert_eq!(exact(&twelve), 0.107421875);
        // With many ties.
        let fifteen = [
            0.3, -0.2, 0.1, 0.4, -0.5, 0.6, 0.2, -0.1, 0.3, 0.5, -0.4, 0.2, 0.1, 0.6, -0.3,
        ];
        assert_eq!(exact(&fifteen), 0.23211669921875);
        assert_eq!(exact(&differences(20, 1.0)), 0.18517494201660156);
    }

    #[test]
    fn ties_count_as_at_least_as_extreme() {
        // 0.1 + 0.2 is not 0.3, and 24 of 64 sums are as far from 0 as ±0.2.
        let tied = [0.1, 0.2, -0.3, 0.1, 0.2, -0.1];
        assert_eq!(exact(&tied), counted(&tied));
        assert_eq!(
            exact(&tied.map(|d| d * 10.0)),
            exact(&[1.0, 2.0, -3.0, 1.0, 2.0, -1.0])
        );
        assert_eq!(exact(&[0.0; 8]), 1.0);
        assert_eq!(exact(&[1.0, -1.0, 2.0, -2.0, 0.5, -0.5]), 1.0);
    }

    #[test]
    fn more_than_forty_pairs_are_estimated_and_always_alike() {
        let most = differences(40, 1.0);
        let (exactly, estimate) = (exact(&most), estimated(&most));
        // Three standard errors of 100,000 draws.
        let error = 3.0 * (exactly * (1.0 - exactly) / 100_000.0).sqrt();
        assert!((exactly - estimate).abs() < error, "{exactly} {estimate}");
        let more = on_one_stream(&differences(41, 1.0)).unwrap();
        assert_eq!(
            (more.exact, on_one_stream(&most).unwrap().exact),
            (false, true)
        );
        assert_eq!(on_one_stream(&differences(41, 1.0)).unwrap(), more);
        // No draw is as extreme.
        let certain = on_one_stream(&[1.0; 80]).unwrap();
        assert_eq!(certain.p, Some(1.0 / 100_001.0));
    }
}
