//! Mean, standard deviation and confidence interval over a few seeds.

use std::collections::BTreeMap;
use std::f64::consts::FRAC_PI_2;

/// Summary statistics of a few values, one per seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Sample standard deviation, with n − 1 in the denominator; absent for one value.
    pub std: Option<f64>,
    /// 95 % confidence interval of the mean by Student's t, (low, high); absent for one value.
    pub ci95: Option<(f64, f64)>,
}

impl Summary {
    /// The summary of `values`; `None` if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let values = values.iter().map(|&value| ((), value));
        Self::within_groups(&values.collect::<Vec<_>>())
    }

    /// The summary of values in groups that differ in their means, such as streams: the spread is
    /// that within the groups, with n minus the number of groups in the denominator, and so many
    /// degrees of freedom. For one group, it is that of [`of`](Self::of).
    pub fn within_groups<G: Ord>(values: &[(G, f64)]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let mut groups: BTreeMap<&G, Vec<f64>> = BTreeMap::new();
        for (group, value) in values {
            groups.entry(group).or_default().push(*value);
        }
        let all: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
        let n = all.len() as f64;
        let mut summary = Self {
            n: all.len() as u64,
            mean: mean(&all),
            std: None,
            ci95: None,
        };
        let freedom = all.len() - groups.len();
        if freedom > 0 {
            let squares = groups.values().map(|values| {
                let mean = mean(values);
                values
                    .iter()
                    .map(|value| (value - mean).powi(2))
                    .sum::<f64>()
            });
            let std = (squares.sum::<f64>() / freedom as f64).sqrt();
            let half_width = t_quantile_95(freedom as u64) * std / n.sqrt();
            summary.std = Some(std);
            summary.ci95 = Some((summary.mean - half_width, summary.mean + half_width));
        }
        Some(summary)
    }
}

/// The t for which a Student-t variable with `df` ≥ 1 degrees of freedom is in [−t, t] with
/// probability 0.95.
///
/// Bisection on the angle θ = atan(t/√df), in which the probability is a finite sum for every
/// integer `df`.
fn t_quantile_95(df: u64) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    // 60 halvings of π/2 are below the spacing of doubles around any θ that occurs here.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if central_probability(middle, df) < 0.95 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (0.5 * (low + high)).tan() * (df as f64).sqrt()
}

/// P(|T| ≤ √df · tan θ) for a Student-t variable: Abramowitz and Stegun, 26.7.3 (odd `df`) and
/// 26.7.4 (even).
fn central_probability(theta: f64, df: u64) -> f64 {
    let cos2 = theta.cos().powi(2);
    if df % 2 == 1 {
        // 2/π · (θ + sin θ · (cos θ + 2/3 cos³ θ + … )), (df − 1)/2 terms.
        let mut term = theta.cos();
        let mut sum = 0.0;
        for k in 1..=(df - 1) / 2 {
            sum += term;
            term *= cos2 * (2 * k) as f64 / (2 * k + 1) as f64;
        }
        (theta + theta.sin() * sum) / FRAC_PI_2
    } else {
        // sin θ · (1 + 1/2 cos² θ + 1·3/(2·4) cos⁴ θ + … ), df/2 terms.
        let mut term = 1.0;
        let mut sum = 0.0;
        for k in 1..=df / 2 {
            sum += term;
            term *= cos2 * (2 * k - 1) as f64 / (2 * k) as f64;
        }
        theta.sin() * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_t_matches_printed_tables() {
        // Two-sided 95 %, to nine decimals.
        for (df, t) in [
            (1, 12.706204736),
            (2, 4.302652730),
            (3, 3.182446305),
            (4, 2.776445105),
            (5, 2.570581836),
            (9, 2.262157163),
            (30, 2.042272456),
            (120, 1.979930405),
        ] {
            let found = t_quantile_95(df);
            assert!((found - t).abs() < 1e-8, "df {df}: {found}, expected {t}");
        }
        // The normal distribution is the limit.
        assert!((t_quantile_95(1_000_000) - 1.959966).abs() < 1e-5);
    }

    #[test]
    fn a_summary_divides_by_n_minus_1() {
        let summary = Summary::of(&[80.0, 82.0, 87.0]).unwrap();
        assert_eq!((summary.n, summary.mean), (3, 83.0));
        assert!((summary.std.unwrap() - 13.0_f64.sqrt()).abs() < 1e-12);
        // 4.302653 · √13 / √3
        let (low, high) = summary.ci95.unwrap();
        assert!((high - 83.0 - 8.956686).abs() < 1e-5 && (83.0 - low - 8.956686).abs() < 1e-5);
    }

    #[test]
    fn the_spread_within_groups_does_not_see_their_distance() {
        let values = [
            ("a", 1.0),
            ("a", 2.0),
            ("a", 3.0),
            ("b", 40.0),
            ("b", 41.0),
            ("b", 45.0),
        ];
        let summary = Summary::within_groups(&values).unwrap();
        assert_eq!((summary.n, summary.mean), (6, 22.0));
        // Squares 2 and 14, four degrees of freedom; 2.776445 · 2 / √6.
        assert_eq!(summary.std, Some(2.0));
        let (low, high) = summary.ci95.unwrap();
        assert!((low - 19.733041).abs() < 1e-5 && (high - 24.266959).abs() < 1e-5);
        let one_each = Summary::within_groups(&[("a", 1.0), ("b", 2.0)]).unwrap();
        assert_eq!((one_each.mean, one_each.ci95), (1.5, None));
    }

    #[test]
    fn one_seed_has_a_mean_and_no_spread() {
        let summary = Summary::of(&[80.0]).unwrap();
        assert_eq!(
            (summary.mean, summary.std, summary.ci95),
            (80.0, None, None)
        );
        assert_eq!(Summary::of(&[]), None);
    }
}
