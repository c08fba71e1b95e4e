//! Symmetric matrices of sums of products, in the upper triangle.
//!
//! Such a matrix is the largest thing that a strategy of this crate keeps: 800 MB at a width of
//! 10,000. So only its upper triangle is computed, and only that is kept in a state. What is below
//! the diagonal in memory has no meaning.

use clbench_torch::During;
use clbench_torch::bridge::state;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{Error, Result, State};

/// Columns of a block row. Blocks below the diagonal are skipped, which saves almost half of the
/// work at a width of 10,000.
const BLOCK: i64 = 1024;

/// A symmetric matrix, f64.
#[derive(Debug)]
pub struct Symmetric {
    /// `[width, width]`.
    upper: Tensor,
}

impl Symmetric {
    /// A matrix of zeros.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn zeros(width: i64, device: Device) -> Result<Symmetric> {
        let upper = Tensor::f_zeros([width, width], (Kind::Double, device))
            .during("making a matrix of sums of products")?;
        Ok(Symmetric { upper })
    }

    /// A matrix that is symmetric already, f64 `[width, width]`.
    pub fn from(matrix: Tensor) -> Symmetric {
        Symmetric { upper: matrix }
    }

    /// Adds hᵀh of rows h, f64 `[rows, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn add_products(&mut self, rows: &Tensor) -> Result<(), TchError> {
        let width = self.width();
        for start in (0..width).step_by(BLOCK as usize) {
            let (height, length) = (BLOCK.min(width - start), width - start);
            let left = rows.f_narrow(1, start, height)?.f_tr()?;
            let _ = self
                .upper
                .f_narrow(0, start, height)?
                .f_narrow(1, start, length)?
                .f_addmm_(&left, &rows.f_narrow(1, start, length)?)?;
        }
        Ok(())
    }

    /// The width and height.
    pub fn width(&self) -> i64 {
        self.upper.size()[0]
    }

    /// The matrix with both triangles.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn full(&self) -> Result<Tensor, TchError> {
        self.upper.f_triu(0)?.f_add(&self.upper.f_triu(1)?.f_tr()?)
    }

    /// The factor U of UᵀU = A + λI, upper triangular, or `None` if that is not positive definite.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn cholesky(&mut self, lambda: f64) -> Result<Option<Tensor>, TchError> {
        // λ is added in place and taken away by restoring the diagonal: a copy of the matrix would
        // be the largest tensor of all.
        let mut diagonal = self.upper.f_diagonal(0, 0, 1)?;
        let before = diagonal.f_add_scalar(0.0)?;
        let _ = diagonal.f_add_scalar_(lambda)?;
        let factor = self.upper.f_linalg_cholesky_ex(true, false);
        diagonal.f_copy_(&before)?;
        let (factor, info) = factor?;
        let solvable = info.f_int64_value(&[])? == 0
            && factor
                .f_diagonal(0, 0, 1)?
                .f_isfinite()?
                .f_all()?
                .f_int64_value(&[])?
                != 0;
        Ok(solvable.then_some(factor))
    }

    /// The eigenvalues `[width]` in ascending order, and the eigenvectors in the columns of
    /// `[width, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn eigen(&self) -> Result<(Tensor, Tensor), TchError> {
        self.upper.f_linalg_eigh("U")
    }

    /// Writes the upper triangle, row after row.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State, name: &str) -> Result<()> {
        let width = self.width();
        let packed = || {
            let device = self.upper.device();
            let packed = Tensor::f_empty([width * (width + 1) / 2], (Kind::Double, device))?;
            self.each_row(
                |row, place| packed.f_narrow(0, place, width - row),
                |packed, row| packed.f_copy_(row),
            )?;
            Ok(packed)
        };
        let packed = packed().during(name)?;
        state::put(written, name, &packed)
    }

    /// Reads the upper triangle.
    ///
    /// # Errors
    ///
    /// If it does not belong to a matrix of this width.
    pub fn take(&mut self, written: &mut State, name: &str) -> Result<()> {
        let width = self.width();
        let options = (Kind::Double, self.upper.device());
        let packed = state::taken(written, name, &[width * (width + 1) / 2], options)?;
        self.each_row(
            |row, place| packed.f_narrow(0, place, width - row),
            |packed, row| row.f_copy_(packed),
        )
        .during(name)
    }

    /// Calls `copy` with the place of every row in a packed tensor, and the row.
    fn each_row(
        &self,
        place: impl Fn(i64, i64) -> Result<Tensor, TchError>,
        copy: impl Fn(&mut Tensor, &mut Tensor) -> Result<(), TchError>,
    ) -> Result<(), TchError> {
        let width = self.width();
        let mut start = 0;
        for row in 0..width {
            let mut values = self.upper.f_get(row)?.f_narrow(0, row, width - row)?;
            copy(&mut place(row, start)?, &mut values)?;
            start += width - row;
        }
        Ok(())
    }
}

/// The pseudo-inverse of a symmetric matrix `[width, width]`: eigenvalues of a size below
/// ε · width · the largest, which in f64 are rounding errors, count as zero.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn pseudo_inverse(matrix: &Tensor) -> Result<Tensor, TchError> {
    let (values, vectors) = matrix.f_linalg_eigh("U")?;
    let sizes = values.f_abs()?;
    let cutoff = sizes
        .f_max()?
        .f_mul_scalar(f64::EPSILON * matrix.size()[0] as f64)?;
    let inverses = values
        .f_reciprocal()?
        .f_masked_fill(&sizes.f_le_tensor(&cutoff)?, 0.0)?;
    vectors.f_mul(&inverses)?.f_matmul(&vectors.f_tr()?)
}

/// Solves UᵀU X = B for X. libtorch's `cholesky_solve` would copy U.
fn substituted(upper: &Tensor, right: &Tensor) -> Result<Tensor, TchError> {
    let first = upper
        .f_tr()?
        .f_linalg_solve_triangular(right, false, true, false)?;
    upper.f_linalg_solve_triangular(&first, true, true, false)
}

/// Solves (A + λI) X = B for X, f64 `[width, columns]`. If A + λI is not positive definite in f64,
/// the next λ is ten times as large, and `larger` is told so.
///
/// # Errors
///
/// If no λ helps, because the sums are not finite; otherwise propagates errors from libtorch.
pub fn ridge_solution(
    matrix: &mut Symmetric,
    right: &Tensor,
    lambda: f64,
    mut larger: impl FnMut(f64),
) -> Result<(Tensor, f64)> {
    let doing = "solving the ridge regression";
    let mut at = lambda;
    while at.is_finite() {
        if let Some(factor) = matrix.cholesky(at).during(doing)? {
            return Ok((substituted(&factor, right).during(doing)?, at));
        }
        at *= 10.0;
        larger(at);
    }
    Err(Error::failed(
        "the sums of the features' products are not finite, so no ridge regression can be solved; check the size of the \
         backbone's features",
    )
    .context(doing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::Generator;

    fn rows(rows: i64, width: i64) -> Tensor {
        Generator::new(2, "rows", 0)
            .normal_tensor(&[rows, width], 1.0, Device::Cpu)
            .unwrap()
            .to_kind(Kind::Double)
    }

    fn largest(difference: Tensor) -> f64 {
        difference.abs().max().double_value(&[])
    }

    /// Wider than a block, so that there are blocks beside the diagonal.
    #[test]
    fn sums_of_products_are_added_block_by_block_and_kept_bit_for_bit() {
        let h = rows(40, BLOCK + 30);
        let mut sums = Symmetric::zeros(BLOCK + 30, Device::Cpu).unwrap();
        sums.add_products(&h.narrow(0, 0, 15)).unwrap();
        sums.add_products(&h.narrow(0, 15, 25)).unwrap();
        let expected = h.tr().matmul(&h);
        assert!(largest(sums.full().unwrap() - &expected) < 1e-12);

        let mut state = State::default();
        sums.put(&mut state, "sums").unwrap();
        let mut other = Symmetric::zeros(BLOCK + 30, Device::Cpu).unwrap();
        other.take(&mut state, "sums").unwrap();
        assert_eq!(other.full().unwrap(), sums.full().unwrap());
    }

    #[test]
    fn a_ridge_that_is_too_small_is_raised_and_the_sums_stay_as_they_are() {
        // Four rows, twelve wide: eight eigenvalues are zero.
        let h = rows(4, 12) * 1e3;
        let mut sums = Symmetric::zeros(12, Device::Cpu).unwrap();
        sums.add_products(&h).unwrap();
        let before = sums.full().unwrap();
        let right = rows(12, 3);
        let mut raised = Vec::new();
        let (solution, lambda) =
            ridge_solution(&mut sums, &right, 1e-12, |at| raised.push(at)).unwrap();
        assert_eq!(raised.last(), Some(&lambda));
        assert!(lambda > 1e-12 && lambda < 1e-3, "{raised:?}");
        assert_eq!(sums.full().unwrap(), before);
        let identity = Tensor::eye(12, (Kind::Double, Device::Cpu));

        let (solution_of_one, lambda) = ridge_solution(&mut sums, &right, 1.0, |_| ()).unwrap();
        assert_eq!(lambda, 1.0);
        let back = (before + identity).matmul(&solution_of_one);
        assert!(largest(back - &right) < 1e-6);
        assert!(solution.isfinite().all().int64_value(&[]) != 0);

        let mut broken = Symmetric::zeros(2, Device::Cpu).unwrap();
        broken.add_products(&(rows(2, 2) * f64::MAX)).unwrap();
        let error = ridge_solution(&mut broken, &rows(2, 1), 1.0, |_| ()).unwrap_err();
        assert!(error.to_string().contains("not finite"), "{error}");
    }

    #[test]
    fn the_pseudo_inverse_ignores_directions_without_extent() {
        let h = rows(4, 6);
        let matrix = h.tr().matmul(&h);
        let inverse = pseudo_inverse(&matrix).unwrap();
        let again = matrix.matmul(&inverse).matmul(&matrix);
        assert!(largest(again - &matrix) < 1e-10);
        assert!(largest(inverse.matmul(&matrix).matmul(&inverse) - &inverse) < 1e-10);
    }
}
