//! What is read of a training's numbers.

use tch::{Kind, TchError, Tensor};

/// The sum of single numbers, read once.
///
/// # Errors
///
/// What libtorch reports.
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
/// What libtorch reports.
pub fn all_finite(tensor: &Tensor) -> Result<bool, TchError> {
    Ok(tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_added_up_and_what_is_not_finite_is_seen() {
        let features = Tensor::from_slice(&[1.0_f32, 2.0]);
        assert_eq!(total(&[Tensor::from(1.5), Tensor::from(2.0)]).unwrap(), 3.5);
        assert_eq!(total(&[]).unwrap(), 0.0);
        assert!(all_finite(&features).unwrap());
        assert!(!all_finite(&(&features / 0.0)).unwrap());
    }
}
