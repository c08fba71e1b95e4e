//! A linear classifier that was computed, not trained: W h + b for every class.

use clbench_torch::During;
use clbench_torch::bridge::state;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{Result, State};

/// The classifier. It follows from the sums that a strategy keeps, but is kept as well: computing
/// it again after every restore would cost as much as learning a task.
#[derive(Debug)]
pub struct LinearScores {
    /// W, f64 `[classes, M]`.
    weight: Tensor,
    /// b, f64 `[classes]`.
    bias: Tensor,
}

impl LinearScores {
    /// A classifier that scores everything 0.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn zeros(classes: i64, width: i64, device: Device) -> Result<LinearScores> {
        let options = (Kind::Double, device);
        let made = || {
            Ok::<_, TchError>(LinearScores {
                weight: Tensor::f_zeros([classes, width], options)?,
                bias: Tensor::f_zeros([classes], options)?,
            })
        };
        made().during("making the classifier")
    }

    /// Replaces W `[classes, M]`, and b `[classes]` if there is one.
    ///
    /// # Errors
    ///
    /// If a shape differs.
    pub fn set(&mut self, weight: &Tensor, bias: Option<&Tensor>) -> Result<(), TchError> {
        self.weight.f_copy_(weight)?;
        match bias {
            Some(bias) => self.bias.f_copy_(bias),
            None => Ok(()),
        }
    }

    /// The scores of the classes `ids`, `[rows, ids]`, for h `[rows, M]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn of(&self, h: &Tensor, ids: &Tensor) -> Result<Tensor, TchError> {
        let weight = self.weight.f_index_select(0, ids)?;
        h.f_matmul(&weight.f_tr()?)?
            .f_add(&self.bias.f_index_select(0, ids)?)
    }

    /// Writes W and b.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        state::put(written, "weight", &self.weight)?;
        state::put(written, "bias", &self.bias)
    }

    /// Reads W and b.
    ///
    /// # Errors
    ///
    /// If they do not belong to a classifier of this shape.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        state::take(written, "weight", &mut self.weight)?;
        state::take(written, "bias", &mut self.bias)
    }
}
