//! The choice of a ridge's λ by the error on a part of a task's samples.
//!
//! λ is chosen among powers of ten: for each, the regression is fitted to the first rows of a
//! random order and its mean squared error is measured on the others. Seventeen solutions of a
//! system as wide as the features would take most of a task's time. But all follow from one
//! eigendecomposition, and from that of the smaller of HᵀH and HHᵀ, because
//! (HᵀH + λI)⁻¹Hᵀ = Hᵀ(HHᵀ + λI)⁻¹.

use crate::features::{ROWS_AT_ONCE, Samples};
use crate::projection::Projection;
use crate::symmetric::Symmetric;
use clbench_torch::During;
use clbench_torch::tch::{Kind, TchError, Tensor};
use harness_abi::{Choice, Error, Host, Result};
use serde::Deserialize;

/// The exponents of the candidates, 10⁻⁸ to 10⁸.
const EXPONENTS: std::ops::RangeInclusive<i32> = -8..=8;

/// The share of a task's samples that the regression is fitted to.
const FITTED: f64 = 0.8;

/// Which λ is chosen, given the error of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum RidgeRule {
    /// The largest λ whose error is at most 1 % above the smallest. In f64 the error hardly depends
    /// on a small λ, and the smallest error can be that of 10⁻⁸ by chance.
    WithinOnePercent,
    /// The λ with the smallest error, as published. The original computes in f32, where the errors
    /// for a small λ are noise and so never the smallest.
    Published,
}

impl RidgeRule {
    /// The chosen λ; `errors` are those of [`lambdas`].
    pub fn choose(self, errors: &[f64]) -> Option<f64> {
        let finite = || lambdas().zip(errors).filter(|(_, error)| error.is_finite());
        let (best, smallest) = finite().min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        match self {
            RidgeRule::Published => Some(best),
            RidgeRule::WithinOnePercent => finite()
                .filter(|(_, error)| **error <= 1.01 * smallest)
                .map(|(lambda, _)| lambda)
                .last(),
        }
    }
}

/// The candidates, in ascending order.
pub fn lambdas() -> impl Iterator<Item = f64> {
    EXPONENTS.map(|exponent| 10_f64.powi(exponent))
}

/// How many of `rows` rows the regression is fitted to.
fn fitted(rows: i64) -> i64 {
    (FITTED * rows as f64).floor() as i64
}

/// The validation error of every candidate: the mean squared error over the rows that the
/// regression is not fitted to, and over all `classes` columns. `samples` are in random order.
/// `None` if there are too few rows to split.
///
/// # Errors
///
/// Propagates errors from libtorch; [`Error::cancelled`].
pub fn validation_errors(
    samples: &Samples,
    projection: &Projection,
    width: i64,
    classes: i64,
    host: &Host,
) -> Result<Option<Vec<f64>>> {
    let rows = samples.len();
    let fitted = fitted(rows);
    if fitted == 0 || fitted == rows {
        return Ok(None);
    }
    let eigen = match fitted < width {
        true => rows_by_rows(samples, projection, fitted, width, host)?,
        false => columns_by_columns(samples, projection, fitted, width, host)?,
    };
    if host.cancelled() {
        return Err(Error::cancelled());
    }
    eigen
        .errors(samples, fitted, classes)
        .during("choosing the ridge's λ")
        .map(Some)
}

/// The eigendecomposition that all solutions follow from: the predictions for the rows left out are
/// P (S + λ)⁻¹ Z.
struct Eigen {
    /// S, the eigenvalues, `[size]`.
    values: Tensor,
    /// P, `[rows left out, size]`.
    left_out: Tensor,
    /// Z, `[size, present classes]`.
    labels: Tensor,
}

impl Eigen {
    fn errors(&self, samples: &Samples, fitted: i64, classes: i64) -> Result<Vec<f64>, TchError> {
        let left_out = samples.len() - fitted;
        let expected = samples.one_hot()?.f_narrow(0, fitted, left_out)?;
        // Rounding can make the smallest eigenvalues negative.
        let values = self.values.f_clamp_min(0.0)?.f_unsqueeze(1)?;
        let mut errors = Vec::new();
        for lambda in lambdas() {
            let weighted = self.labels.f_div(&values.f_add_scalar(lambda)?)?;
            let residual = self.left_out.f_matmul(&weighted)?.f_sub(&expected)?;
            let total = residual.f_square()?.f_sum(Kind::Double)?;
            // The columns of classes without samples are predicted to be 0, and are.
            errors.push(total.f_double_value(&[])? / (left_out * classes) as f64);
        }
        Ok(errors)
    }
}

/// Fewer rows than columns: K = HHᵀ = V S Vᵀ over the fitted rows, P = K' V, Z = VᵀY.
fn rows_by_rows(
    samples: &Samples,
    projection: &Projection,
    fitted: i64,
    width: i64,
    host: &Host,
) -> Result<Eigen> {
    let doing = "comparing samples to choose the ridge's λ";
    let features = samples.all().during(doing)?;
    let options = (Kind::Double, features.device());
    let mut products = Tensor::f_zeros([samples.len(), fitted], options).during(doing)?;
    for start in (0..width).step_by(ROWS_AT_ONCE as usize) {
        if host.cancelled() {
            return Err(Error::cancelled());
        }
        let length = ROWS_AT_ONCE.min(width - start);
        let mut add = || {
            let h = projection.columns(&features, start, length)?;
            products.f_addmm_(&h, &h.f_narrow(0, 0, fitted)?.f_tr()?)
        };
        let _ = add().during(doing)?;
        host.progress(doing, (start + length) as u64, width as u64);
    }
    let decomposed = || {
        let (values, vectors) = products.f_narrow(0, 0, fitted)?.f_linalg_eigh("U")?;
        let left_out = products.f_narrow(0, fitted, samples.len() - fitted)?;
        let labels = samples.one_hot()?.f_narrow(0, 0, fitted)?;
        Ok(Eigen {
            left_out: left_out.f_matmul(&vectors)?,
            labels: vectors.f_tr()?.f_matmul(&labels)?,
            values,
        })
    };
    decomposed().during(doing)
}

/// At least as many rows as columns: G = HᵀH = V S Vᵀ over the fitted rows, P = H' V, Z = VᵀHᵀY.
fn columns_by_columns(
    samples: &Samples,
    projection: &Projection,
    fitted: i64,
    width: i64,
    host: &Host,
) -> Result<Eigen> {
    let doing = "comparing features to choose the ridge's λ";
    let (first, rest): (Vec<i64>, Vec<i64>) = (0..samples.len()).partition(|&row| row < fitted);
    let device = samples.features.device();
    let mut gram = Symmetric::zeros(width, device)?;
    let present = samples.present.len() as i64;
    let mut cross = Tensor::f_zeros([width, present], (Kind::Double, device)).during(doing)?;
    samples
        .rows(&first)
        .during(doing)?
        .chunks(host, doing, |chunk| {
            let h = projection.of(&chunk.features)?;
            gram.add_products(&h)?;
            let _ = cross.f_addmm_(&h.f_tr()?, &chunk.one_hot)?;
            Ok(())
        })?;
    let (values, vectors) = gram.eigen().during(doing)?;
    let mut left_out = Vec::new();
    samples
        .rows(&rest)
        .during(doing)?
        .chunks(host, doing, |chunk| {
            left_out.push(projection.of(&chunk.features)?.f_matmul(&vectors)?);
            Ok(())
        })?;
    let combined = || {
        Ok(Eigen {
            left_out: Tensor::f_cat(&left_out, 0)?,
            labels: vectors.f_tr()?.f_matmul(&cross)?,
            values,
        })
    };
    combined().during(doing)
}

/// The memory in bytes that the choice takes for `rows` rows and an M of `width`: the smaller
/// matrix, its eigenvectors, and the work space of the eigendecomposition.
pub fn memory_bytes(rows: u64, width: u64) -> u64 {
    let size = rows.min(width);
    8 * (4 * size * size + rows.min(width) * (rows - rows * 4 / 5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;
    use clbench_torch::tch::Device;

    fn samples(rows: i64, width: i64) -> Samples {
        let mut generator = Generator::new(5, "samples", 0);
        let labels: Vec<i64> = (0..rows).map(|_| 2 + generator.below(3) as i64).collect();
        let features = generator
            .normal_tensor(&[rows, width], 1.0, Device::Cpu)
            .unwrap();
        let shifts = Tensor::from_slice(&labels)
            .to_kind(Kind::Float)
            .unsqueeze(1);
        Samples::new(features + shifts * 0.5, &labels, 6).unwrap()
    }

    /// The published form: for every λ, solve the M × M system of the first rows.
    fn by_solving(samples: &Samples, projection: &Projection, classes: i64) -> Vec<f64> {
        let h = projection.of(&samples.all().unwrap()).unwrap();
        let y = samples.one_hot().unwrap();
        let fitted = samples.len() * 4 / 5;
        let (a, b) = (
            h.narrow(0, 0, fitted),
            h.narrow(0, fitted, h.size()[0] - fitted),
        );
        let (ya, yb) = (y.narrow(0, 0, fitted), y.narrow(0, fitted, b.size()[0]));
        let identity = Tensor::eye(h.size()[1], (Kind::Double, Device::Cpu));
        lambdas()
            .map(|lambda| {
                let system = a.tr().matmul(&a) + &identity * lambda;
                let weight = Tensor::linalg_solve(&system, &a.tr().matmul(&ya), true);
                let residual = b.matmul(&weight) - &yb;
                residual.square().sum(Kind::Double).double_value(&[])
                    / (b.size()[0] * classes) as f64
            })
            .collect()
    }

    #[test]
    fn errors_are_those_of_solving_for_every_lambda() {
        for (rows, width, projected) in [(40, 7, 90), (200, 7, 30), (60, 5, 0)] {
            let samples = samples(rows, width);
            let projection = Projection::normal(1, width, projected, Device::Cpu).unwrap();
            let width = crate::projection::projected_width(width, projected as u32);
            let host = Host::silent();
            let ours = validation_errors(&samples, &projection, width, 6, &host);
            let ours = ours.unwrap().unwrap();
            let expected = by_solving(&samples, &projection, 6);
            for (at, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
                // The M × M system of the first case is singular but for λ, so solving it loses
                // digits there, most of them if λ is tiny.
                let tolerance = match (rows, at) {
                    (40, 0..4) => 1e-3,
                    (40, _) => 1e-7,
                    _ => 1e-9,
                };
                let error = (ours - expected).abs() / expected;
                assert!(
                    error < tolerance,
                    "{rows} rows, λ {at}: {ours}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn the_default_rule_prefers_a_large_lambda_on_a_plateau() {
        let mut errors = vec![0.5; 17];
        errors[0] = 0.0400;
        errors[9] = 0.0403;
        errors[10] = 0.0405;
        assert_eq!(RidgeRule::Published.choose(&errors), Some(1e-8));
        assert_eq!(RidgeRule::WithinOnePercent.choose(&errors), Some(10.0));
        errors[0] = f64::NAN;
        assert_eq!(RidgeRule::Published.choose(&errors), Some(10.0));
        assert_eq!(RidgeRule::Published.choose(&[f64::NAN; 17]), None);
    }

    #[test]
    fn one_sample_cannot_be_split() {
        let host = Host::silent();
        let errors = validation_errors(&samples(1, 3), &Projection::none(), 3, 6, &host);
        assert_eq!(errors.unwrap(), None);
        let errors = validation_errors(&samples(2, 3), &Projection::none(), 3, 6, &host);
        assert_eq!(errors.unwrap().unwrap().len(), 17);
    }
}
