//! Training samples.

use tch::{TchError, Tensor};

/// Training samples, on one device.
#[derive(Debug)]
pub struct TrainingSamples {
    /// Image features of unit length, `[rows, width]`.
    pub features: Tensor,
    /// The class of every row, as a position among the candidates, i64 `[rows]`.
    pub targets: Tensor,
}

impl TrainingSamples {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.targets.numel()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Selects rows by index, i64 `[rows]`.
    ///
    /// # Errors
    ///
    /// If an index is out of range.
    pub fn rows(&self, rows: &Tensor) -> Result<TrainingSamples, TchError> {
        Ok(TrainingSamples {
            features: self.features.f_index_select(0, rows)?,
            targets: self.targets.f_index_select(0, rows)?,
        })
    }

    /// The `length` rows from `start` on, without a copy.
    ///
    /// # Errors
    ///
    /// If there are fewer rows.
    pub fn range(&self, start: i64, length: i64) -> Result<TrainingSamples, TchError> {
        Ok(TrainingSamples {
            features: self.features.f_narrow(0, start, length)?,
            targets: self.targets.f_narrow(0, start, length)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_selected_by_index_and_range() {
        let samples = TrainingSamples {
            features: Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view((3, 2)),
            targets: Tensor::from_slice(&[7_i64, 8, 9]),
        };
        let targets = |samples: TrainingSamples| Vec::<i64>::try_from(samples.targets).unwrap();
        assert_eq!(
            targets(samples.rows(&Tensor::from_slice(&[2_i64, 0])).unwrap()),
            [9, 7]
        );
        assert_eq!(targets(samples.range(1, 2).unwrap()), [8, 9]);
        assert!(samples.rows(&Tensor::from_slice(&[3_i64])).is_err());
    }
}
