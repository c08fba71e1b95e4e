//! The primal form: ridge regression on a random projection of unit features.
//!
//! The authors keep R = (G + λI)⁻¹ and update it with every mini-batch (recursive least squares).
//! That is the inverse of the same sum, so here the sum is kept, and the system is solved after
//! each task. It needs one solution per task instead of an update per 128 samples, and does not
//! accumulate rounding errors.

use crate::features::Samples;
use crate::linear_scores::LinearScores;
use crate::projection::Projection;
use crate::ridge::{RidgeSums, warn_of};
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, TchError, Tensor};
use harness_abi::{Error, Host, Result, State};

/// The regression.
#[derive(Debug)]
pub struct Primal {
    projection: Projection,
    sums: RidgeSums,
    scores: LinearScores,
}

impl Primal {
    /// A regression without samples, on features projected to `width`.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn new(projection: Projection, width: i64, classes: i64, device: Device) -> Result<Primal> {
        Ok(Primal {
            projection,
            sums: RidgeSums::new(classes, width, device)?,
            scores: LinearScores::zeros(classes, width, device)?,
        })
    }

    /// Adds samples and solves with λ.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch; [`Error::cancelled`].
    pub fn add(&mut self, samples: &Samples, lambda: f64, host: &Host) -> Result<()> {
        self.sums
            .add(samples, &self.projection, |rows| unit_rows(&rows), host)?;
        if host.cancelled() {
            return Err(Error::cancelled());
        }
        self.sums
            .solve(lambda, &mut self.scores, |larger| warn_of(larger, host))?;
        Ok(())
    }

    /// Which of the classes have samples, bool `[ids]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn learned(&self, ids: &Tensor) -> Result<Tensor, TchError> {
        self.sums.learned(ids)
    }

    /// The scores `[rows, ids]` of features `[rows, width]`; 0 for classes without samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn of(&self, features: &Tensor, ids: &Tensor) -> Result<Tensor, TchError> {
        let h = self.projection.of(&unit_rows(features)?)?;
        self.scores.of(&h, ids)
    }

    /// Writes the sums and the scores.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        self.sums.put(written)?;
        self.scores.put(written)
    }

    /// Reads the sums and the scores.
    ///
    /// # Errors
    ///
    /// If they have other shapes.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        self.sums.take(written)?;
        self.scores.take(written)
    }
}
