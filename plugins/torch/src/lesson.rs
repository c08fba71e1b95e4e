//! Samples to train on, and what is read of a training's numbers.

use tch::{Kind, TchError, Tensor};

/// Samples to learn from, on one device.
#[derive(Debug)]
pub struct Lesson {
    /// Image features of unit length, `[rows, width]`.
    pub features: Tensor,
    /// The class of every row, as a position among the candidates, i64 `[rows]`.
    pub targets: Tensor,
}

impl Lesson {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.targets.numel()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those rows alone, i64 `[rows]`.
    ///
    /// # Errors
    ///
    /// If there is no such row.
    pub fn rows(&self, rows: &Tensor) -> Result<Lesson, TchError> {
        Ok(Lesson {
            features: self.features.f_index_select(0, rows)?,
            targets: self.targets.f_index_select(0, rows)?,
        })
    }

    /// The rows from `start` on, `length` of them, without a copy.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    pub fn range(&self, start: i64, length: i64) -> Result<Lesson, TchError> {
        Ok(Lesson {
            features: self.features.f_narrow(0, start, length)?,
            targets: self.targets.f_narrow(0, start, length)?,
        })
    }
}

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
    fn rows_and_numbers_are_those_asked_for() {
        let lesson = Lesson {
            features: Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view((3, 2)),
            targets: Tensor::from_slice(&[7_i64, 8, 9]),
        };
        let targets = |lesson: Lesson| Vec::<i64>::try_from(lesson.targets).unwrap();
        assert_eq!(
            targets(lesson.rows(&Tensor::from_slice(&[2_i64, 0])).unwrap()),
            [9, 7]
        );
        assert_eq!(targets(lesson.range(1, 2).unwrap()), [8, 9]);
        assert!(lesson.rows(&Tensor::from_slice(&[3_i64])).is_err());
        assert_eq!(total(&[Tensor::from(1.5), Tensor::from(2.0)]).unwrap(), 3.5);
        assert_eq!(total(&[]).unwrap(), 0.0);
        assert!(all_finite(&lesson.features).unwrap());
        assert!(!all_finite(&(&lesson.features / 0.0)).unwrap());
    }
}
