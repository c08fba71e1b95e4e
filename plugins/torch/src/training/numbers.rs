//! Reads numbers from the device.

use tch::{Kind, TchError, Tensor};

/// The sum of scalars, with a single read from the device.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn total(numbers: &[Tensor]) -> Result<f64, TchError> {
    match numbers {
        [] => Ok(0.0),
        numbers => Tensor::f_stack(numbers, 0)?
            .f_sum(Kind::Double)?
            .f_double_value(&[]),
    }
}

/// Whether every number of a tensor is finite.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn all_finite(tensor: &Tensor) -> Result<bool, TchError> {
    Ok(tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_summed_and_non_finite_values_are_found() {
        let features = Tensor::from_slice(&[1.0_f32, 2.0]);
        assert_eq!(total(&[Tensor::from(1.5), Tensor::from(2.0)]).unwrap(), 3.5);
        assert_eq!(total(&[]).unwrap(), 0.0);
        assert!(all_finite(&features).unwrap());
        assert!(!all_finite(&(&features / 0.0)).unwrap());
    }
}
