//! Whether a difference between two strategies could be chance.
//!
//! Two strategies that learned the same streams with the same seeds are compared pair by pair: a
//! seed that is hard for one is hard for the other, and the difference of a pair is free of that.
//! [`Paired`] tests whether the mean difference could be 0, and [`holm`] corrects the tests of a
//! whole table for their number. Everything here is a pure function.

mod permutation;

use super::statistics::Summary;

/// With fewer pairs there is no p-value: of five pairs, even if all differ in the same direction,
/// 2 of the 2⁵ assignments of signs are as extreme, so p cannot be below 2/32 > 0.05.
pub const FEWEST_PAIRS: usize = 6;

/// A result in a table counts as a difference if its corrected p-value is below this.
pub const LEVEL: f64 = 0.05;

/// The difference between two strategies, over values that are paired by stream and seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// The number of pairs.
    pub pairs: usize,
    /// Mean of the differences, their standard deviation within streams, and the 95 % confidence
    /// interval of the mean that follows from it (Student's t).
    pub difference: Summary,
    /// The two-sided p-value of the paired permutation test; `None` below [`FEWEST_PAIRS`].
    pub p: Option<f64>,
    /// Whether the p-value counts every assignment of signs; otherwise it is estimated from random
    /// ones, always the same.
    pub exact: bool,
}

impl Paired {
    /// The test of some differences, one per pair, each with its stream; `None` if there are none,
    /// or one is not finite.
    ///
    /// The test is Fisher's randomisation test of paired differences (R. A. Fisher, *The Design of
    /// Experiments*, 1935, §21; E. J. G. Pitman, *Significance tests which may be applied to samples
    /// from any populations*, 1937). If the two strategies were alike, each difference could as
    /// well have the other sign. So p is the share of all 2ⁿ assignments of signs under which the
    /// mean difference is at least as far from 0 as the one that was measured.
    pub fn of<S: Ord>(differences: &[(S, f64)]) -> Option<Paired> {
        let difference = Summary::within_groups(differences)?;
        let differences: Vec<f64> = differences.iter().map(|(_, value)| *value).collect();
        if !differences.iter().all(|difference| difference.is_finite()) {
            return None;
        }
        let exact = differences.len() <= permutation::MOST_PAIRS;
        let p = (differences.len() >= FEWEST_PAIRS).then(|| match exact {
            true => permutation::exact(&differences),
            false => permutation::estimated(&differences),
        });
        Some(Paired {
            pairs: differences.len(),
            difference,
            p,
            exact,
        })
    }
}

/// The p-values of a family of tests, corrected for their number, in the same order (S. Holm, *A
/// simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 6,
/// 1979).
///
/// The i-th smallest of m is multiplied by m − i + 1, and none is smaller than the one before. If
/// those below 0.05 are called differences, the probability that any of them is chance is below
/// 0.05. A test without a p-value is no part of the family.
pub fn holm(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let tested = p.iter().enumerate();
    let mut tested: Vec<(usize, f64)> = tested.filter_map(|(i, p)| Some((i, (*p)?))).collect();
    tested.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut corrected = vec![None; p.len()];
    let mut highest: f64 = 0.0;
    for (rank, &(index, p)) in tested.iter().enumerate() {
        highest = highest.max(p * (tested.len() - rank) as f64).min(1.0);
        corrected[index] = Some(highest);
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test of differences on one stream.
    pub(super) fn on_one_stream(differences: &[f64]) -> Option<Paired> {
        let differences = differences.iter().map(|difference| ((), *difference));
        Paired::of(&differences.collect::<Vec<_>>())
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-12)
    }

    #[test]
    fn below_six_pairs_there_is_an_interval_and_no_p_value() {
        let five = on_one_stream(&[1.0, 2.0, 3.0, 2.0, 2.0]).unwrap();
        assert_eq!((five.pairs, five.p, five.exact), (5, None, true));
        // 2 ± 2.776445 · √0.5 / √5
        let (low, high) = five.difference.ci95.unwrap();
        assert!((low - 1.122011).abs() < 1e-5 && (high - 2.877989).abs() < 1e-5);
        assert!(close(on_one_stream(&[1.0; 6]).unwrap().p, 2.0 / 64.0));
        let one = on_one_stream(&[1.0]).unwrap();
        assert_eq!((one.difference.mean, one.difference.ci95), (1.0, None));
        assert_eq!(on_one_stream(&[]), None);
        assert_eq!(on_one_stream(&[1.0, f64::NAN]), None);
    }

    /// The values are those of statsmodels 0.15, `multipletests(p, method="holm")`.
    #[test]
    fn holm_corrects_as_statsmodels_does() {
        for (p, expected) in [
            ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
            ([0.2, 0.9, 0.001, 0.04], [0.4, 0.9, 0.004, 0.12]),
            ([0.03125, 0.03125, 0.0625, 1.0], [0.125, 0.125, 0.125, 1.0]),
        ] {
            for (found, expected) in holm(&p.map(Some)).into_iter().zip(expected) {
                assert!(close(found, expected), "{p:?}: {found:?}");
            }
        }
    }

    #[test]
    fn a_test_without_a_p_value_is_no_part_of_the_family() {
        let corrected = holm(&[None, Some(0.02), None, Some(0.03)]);
        assert!(close(corrected[1], 0.04) && close(corrected[3], 0.04));
        assert_eq!((corrected[0], corrected[2]), (None, None));
        assert_eq!(holm(&[]), []);
    }
}
