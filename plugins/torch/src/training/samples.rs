//! Samples to train on.

use tch::{TchError, Tensor};

/// Samples to learn from, on one device.
#[derive(Debug)]
pub struct TrainingSamples {
    /// Image features of unit length, `[rows, width]`.
    pub features: Tensor,
    /// The class of every row, as a position among the candidates, i64 `[rows]`.
    pub targets: Tensor,
}

impl TrainingSamples {
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
    pub fn rows(&self, rows: &Tensor) -> Result<TrainingSamples, TchError> {
        Ok(TrainingSamples {
            features: self.features.f_index_select(0, rows)?,
            targets: self.targets.f_index_select(0, rows)?,
        })
    }

    /// The rows from `start` on, `length` of them, without a copy.
    ///
    /// # Errors
    ///
    /// If there are fewer.
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
    fn rows_are_those_asked_for() {
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
