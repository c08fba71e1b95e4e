//! Herding: the order in which iCaRL picks the exemplars of a class.
//!
//! Rebuffi et al., *iCaRL*, CVPR 2017 (arXiv 1611.07725), algorithm 4; herding itself is Welling's
//! (ICML 2009). The k-th pick is the sample x that is not picked yet and brings the mean of the
//! picks nearest to m:
//!
//! ```text
//! p_k = arg min over x of ‖m − (x + p_1 + … + p_{k−1}) / k‖
//! ```

use crate::bridge::During;
use harness_abi::Result;
use tch::{Kind, TchError, Tensor};

/// Added to a norm before it divides, as in the published code.
const EPSILON: f64 = 1e-8;

/// Scales each row of `[rows, width]` to unit length, in f64: x / (‖x‖ + 1e-8). A row of zeros
/// stays zero.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn unit_rows(rows: &Tensor) -> Result<Tensor, TchError> {
    let rows = rows.f_to_kind(Kind::Double)?;
    // [rows, 1]
    let length = rows.f_norm_scalaropt_dim(2.0, [1], true)?;
    rows.f_div(&length.f_add_scalar(EPSILON)?)
}

/// The first `picks` rows of `features` (f64 `[rows, width]`) in the order of herding towards
/// `mean` (f64 `[width]`); all rows if there are fewer. Of equally good rows, the first is picked.
///
/// Fewer picks are a prefix of more.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn herding(features: &Tensor, mean: &Tensor, picks: usize) -> Result<Vec<usize>> {
    order(features, mean, picks).during("herding")
}

fn order(features: &Tensor, mean: &Tensor, picks: usize) -> Result<Vec<usize>, TchError> {
    let rows = features.size()[0];
    let picks = picks.min(rows as usize);
    // ‖x‖² for rows that can be picked, ∞ for the others, [rows].
    let mut squares = features
        .f_square()?
        .f_sum_dim_intlist(1, false, Kind::Double)?;
    // The sum of the picks, [width].
    let mut sum = mean.f_zeros_like()?;
    // Every pick stays on the device: reading it would synchronise each time.
    let mut order = Vec::with_capacity(picks);
    for k in 1..=picks {
        // k² ‖m − (x + Σp)/k‖² = ‖x − t‖² with t = k m − Σp, of which ‖t‖² is the same for all x.
        // Not as a matrix product, which may round two equal rows differently.
        let target = mean.f_mul_scalar(k as f64)?.f_sub(&sum)?;
        let products = features
            .f_mul(&target)?
            .f_sum_dim_intlist(1, false, Kind::Double)?;
        let pick = squares
            .f_sub(&products.f_mul_scalar(2.0)?)?
            .f_argmin(0, true)?;
        sum = sum.f_add(&features.f_index_select(0, &pick)?.f_squeeze_dim(0)?)?;
        squares = squares.f_index_fill(0, &pick, f64::INFINITY)?;
        order.push(pick);
    }
    if order.is_empty() {
        return Ok(Vec::new());
    }
    let order = Vec::<i64>::try_from(Tensor::f_cat(&order, 0)?)?;
    Ok(order.into_iter().map(|pick| pick as usize).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Generator;
    use tch::Device;

    fn features(rows: i64, width: i64) -> Tensor {
        let drawn = Generator::new(5, "features", rows as u32)
            .normal_tensor(&[rows, width], 1.0, Device::Cpu)
            .unwrap();
        unit_rows(&(drawn + 0.3)).unwrap()
    }

    fn mean(features: &Tensor) -> Tensor {
        features.mean_dim(0, false, Kind::Double)
    }

    /// The formula, row by row.
    fn by_hand(features: &Tensor, picks: usize) -> Vec<usize> {
        let width = features.size()[1] as usize;
        let rows: Vec<Vec<f64>> = Vec::<f64>::try_from(features.reshape([-1]))
            .unwrap()
            .chunks(width)
            .map(<[f64]>::to_vec)
            .collect();
        let mean: Vec<f64> = (0..width)
            .map(|at| rows.iter().map(|row| row[at]).sum::<f64>() / rows.len() as f64)
            .collect();
        let mut order: Vec<usize> = Vec::new();
        for k in 1..=picks {
            let distance = |row: &[f64]| -> f64 {
                (0..width)
                    .map(|at| {
                        let picked: f64 = order.iter().map(|&pick| rows[pick][at]).sum();
                        (mean[at] - (row[at] + picked) / k as f64).powi(2)
                    })
                    .sum()
            };
            let best = (0..rows.len())
                .filter(|row| !order.contains(row))
                .min_by(|&a, &b| distance(&rows[a]).total_cmp(&distance(&rows[b])));
            order.extend(best);
        }
        order
    }

    #[test]
    fn picks_match_the_formula_and_fewer_picks_are_a_prefix() {
        for (rows, width) in [(1, 4), (7, 3), (40, 16)] {
            let features = features(rows, width);
            let all = herding(&features, &mean(&features), rows as usize).unwrap();
            assert_eq!(all, by_hand(&features, rows as usize));
            let mut sorted = all.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..rows as usize));
            for picks in 0..=rows as usize {
                let some = herding(&features, &mean(&features), picks).unwrap();
                assert_eq!(some, all[..picks]);
            }
            // A class with fewer samples than picks gives all.
            assert_eq!(herding(&features, &mean(&features), 1000).unwrap(), all);
        }
    }

    #[test]
    fn the_first_of_equally_good_rows_is_picked() {
        let one = features(1, 13);
        let same = one.repeat([9, 1]);
        let order = herding(&same, &mean(&same), 9).unwrap();
        assert!(order.into_iter().eq(0..9));
        // The same rows twice: a copy is never picked before the original.
        let twice = features(8, 13).repeat([2, 1]);
        let order = herding(&twice, &mean(&twice), 16).unwrap();
        let place = |row| order.iter().position(|&pick| pick == row).unwrap();
        assert!((0..8).all(|row| place(row) < place(row + 8)), "{order:?}");
    }

    #[test]
    fn rows_of_zeros_stay_zero() {
        let unit = unit_rows(&Tensor::from_slice(&[3.0_f32, 4.0, 0.0, 0.0]).view((2, 2))).unwrap();
        let values = Vec::<f64>::try_from(unit.view(-1)).unwrap();
        for (ours, expected) in values.into_iter().zip([0.6, 0.8, 0.0, 0.0]) {
            assert!((ours - expected).abs() < 2e-9, "{ours}, not {expected}");
        }
    }
}
