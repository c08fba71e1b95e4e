//! Matrix products of numbers that Rust owns.

use crate::training::GradientMode;
use tch::{Device, Kind, TchError, Tensor};

/// A stack of matrices of equal size, row-major, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Matrices<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> Matrices<'a> {
    /// The stack of the `[rows, columns]` matrices in `numbers`.
    ///
    /// # Panics
    ///
    /// If the numbers do not fill whole matrices, or the matrices are empty.
    pub fn new(numbers: &'a [f32], [rows, columns]: [usize; 2]) -> Matrices<'a> {
        assert!(
            rows * columns > 0 && numbers.len().is_multiple_of(rows * columns),
            "{} numbers are no stack of {rows} x {columns} matrices",
            numbers.len()
        );
        Matrices {
            numbers,
            rows,
            columns,
            transposed: false,
        }
    }

    /// Each matrix transposed. Moves nothing.
    #[must_use]
    pub fn transposed(self) -> Matrices<'a> {
        Matrices {
            transposed: !self.transposed,
            ..self
        }
    }

    /// Rows and columns of each matrix.
    fn size(&self) -> [usize; 2] {
        match self.transposed {
            false => [self.rows, self.columns],
            true => [self.columns, self.rows],
        }
    }

    /// The number of matrices.
    pub fn count(&self) -> usize {
        self.numbers.len() / (self.rows * self.columns)
    }

    /// A tensor on the borrowed numbers, `[count, rows, columns]`.
    ///
    /// # Safety
    ///
    /// It must be dropped before the borrow ends, and not be written to.
    unsafe fn tensor(&self) -> Result<Tensor, TchError> {
        let stored = [self.count(), self.rows, self.columns].map(|size| size as i64);
        // SAFETY: the numbers are f32, contiguous, and as many as the shape says.
        let tensor = unsafe { blob(self.numbers.as_ptr(), &stored) }?;
        match self.transposed {
            false => Ok(tensor),
            true => tensor.f_transpose(1, 2),
        }
    }
}

/// Writes the products `a[i] · b[i]`, row-major, to `products`. With `kind` BFloat16, the factors
/// and the products are rounded to that type.
///
/// # Errors
///
/// If libtorch cannot multiply matrices of this type.
///
/// # Panics
///
/// If the sizes do not match.
pub fn product(
    products: &mut [f32],
    a: Matrices<'_>,
    b: Matrices<'_>,
    kind: Kind,
) -> Result<(), TchError> {
    let ([rows, inner], [other, columns], count) = (a.size(), b.size(), a.count());
    assert!(
        inner == other && count == b.count() && products.len() == count * rows * columns,
        "{count} products of {rows} x {inner} and {} of {other} x {columns} matrices do not fit \
         into {} numbers",
        b.count(),
        products.len()
    );
    let _mode = GradientMode::off();
    let shape = [count, rows, columns].map(|size| size as i64);
    // SAFETY: the tensors live as long as this function, which borrows the memory of all three; only
    // the first, borrowed exclusively, is written.
    let (mut products, a, b) =
        unsafe { (blob(products.as_ptr(), &shape)?, a.tensor()?, b.tensor()?) };
    if kind == Kind::Float {
        return a.f_bmm_out(&products, &b).map(drop);
    }
    let rounded = a.f_to_kind(kind)?.f_bmm(&b.f_to_kind(kind)?)?;
    products.f_copy_(&rounded)
}

/// Replaces every number x by eˣ.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn exponential(numbers: &mut [f32]) -> Result<(), TchError> {
    let _mode = GradientMode::off();
    // SAFETY: the tensor lives as long as this function, which borrows the numbers exclusively.
    let mut tensor = unsafe { blob(numbers.as_ptr(), &[numbers.len() as i64]) }?;
    let _ = tensor.f_exp_()?;
    Ok(())
}

/// Replaces every number by its error function.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn erf(numbers: &mut [f32]) -> Result<(), TchError> {
    let _mode = GradientMode::off();
    // SAFETY: the tensor lives as long as this function, which borrows the numbers exclusively.
    let mut tensor = unsafe { blob(numbers.as_ptr(), &[numbers.len() as i64]) }?;
    let _ = tensor.f_erf_()?;
    Ok(())
}

/// A contiguous tensor on somebody else's memory.
///
/// # Safety
///
/// The memory must hold as many numbers as the shape says, for as long as the tensor and everything
/// that shares its memory live, and must not be accessed otherwise while they are written.
unsafe fn blob(numbers: *const f32, shape: &[i64]) -> Result<Tensor, TchError> {
    let mut strides = vec![1; shape.len()];
    for at in (1..shape.len()).rev() {
        strides[at - 1] = strides[at] * shape[at];
    }
    // SAFETY: the caller vouches for the memory.
    unsafe { Tensor::f_from_blob(numbers.cast(), shape, &strides, Kind::Float, Device::Cpu) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_stacks_and_of_transposes() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        let b = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let expected = [4.0, 5.0, 10.0, 11.0, 4.0, 5.0, 2.0, 3.0];
        let (two_by_three, three_by_two) = ([2, 3], [3, 2]);
        let mut products = [f32::NAN; 8];
        let factors = (
            Matrices::new(&a, two_by_three),
            Matrices::new(&b, three_by_two),
        );
        for kind in [Kind::Float, Kind::BFloat16] {
            products.fill(f32::NAN);
            product(&mut products, factors.0, factors.1, kind).unwrap();
            assert_eq!(products, expected);
        }
        // (a b)ᵀ = bᵀ aᵀ.
        let (b, a) = (factors.1.transposed(), factors.0.transposed());
        product(&mut products, b, a, Kind::Float).unwrap();
        assert_eq!(products, [4.0, 10.0, 5.0, 11.0, 4.0, 2.0, 5.0, 3.0]);
    }

    #[test]
    #[should_panic(expected = "do not fit into 3 numbers")]
    fn wrong_sizes_are_refused() {
        let a = Matrices::new(&[1.0; 4], [2, 2]);
        let _ = product(&mut [0.0; 3], a, a, Kind::Float);
    }
}
