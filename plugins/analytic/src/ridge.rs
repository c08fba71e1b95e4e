//! Ridge regression on one-hot labels, from sums.
//!
//! For features H `[samples, M]` and one-hot labels Y `[samples, classes]` the classifier is
//! (HᵀH + λI)⁻¹ HᵀY. Both products are sums over samples, so a task adds to them and can then be
//! forgotten: after any number of tasks, in any order, it is what all samples at once would give.

use crate::features::Samples;
use crate::linear_scores::LinearScores;
use crate::projection::Projection;
use crate::symmetric::{Symmetric, ridge_solution};
use clbench_torch::During;
use clbench_torch::bridge::state;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::host::Level;
use harness_abi::{Host, Result, State};

/// The sums G = HᵀH and Q = HᵀY, and which classes have samples.
#[derive(Debug)]
pub struct RidgeSums {
    /// G, `[M, M]`.
    gram: Symmetric,
    /// Qᵀ, f64 `[classes, M]`.
    cross: Tensor,
    /// The number of samples of every class, f64 `[classes]`.
    counts: Tensor,
}

impl RidgeSums {
    /// Sums over no samples.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn new(classes: i64, width: i64, device: Device) -> Result<RidgeSums> {
        let zeros = |shape: &[i64]| {
            Tensor::f_zeros(shape, (Kind::Double, device)).during("making the ridge's sums")
        };
        Ok(RidgeSums {
            gram: Symmetric::zeros(width, device)?,
            cross: zeros(&[classes, width])?,
            counts: zeros(&[classes])?,
        })
    }

    /// Adds samples. `prepared` turns features into what the projection takes.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch; [`Error::cancelled`](harness_abi::Error::cancelled).
    pub fn add(
        &mut self,
        samples: &Samples,
        projection: &Projection,
        prepared: impl Fn(Tensor) -> Result<Tensor, TchError>,
        host: &Host,
    ) -> Result<()> {
        let ids = samples.ids().during("reading a task's classes")?;
        samples.chunks(host, "summing products of features", |chunk| {
            let h = projection.of(&prepared(chunk.features)?)?;
            self.gram.add_products(&h)?;
            // Every class comes once in `ids`, so the sum has the same order on every run.
            let cross = chunk.one_hot.f_tr()?.f_matmul(&h)?;
            let counts = chunk
                .one_hot
                .f_sum_dim_intlist(&[0_i64][..], false, Kind::Double)?;
            let _ = self.cross.f_index_add_(0, &ids, &cross)?;
            let _ = self.counts.f_index_add_(0, &ids, &counts)?;
            Ok(())
        })
    }

    /// Sets `scores` to W = (G + λI)⁻¹Q and returns the λ that was used: a larger one if
    /// G + λI is not positive definite, which `larger` is told.
    ///
    /// # Errors
    ///
    /// If the sums are not finite; otherwise propagates errors from libtorch.
    pub fn solve(
        &mut self,
        lambda: f64,
        scores: &mut LinearScores,
        larger: impl FnMut(f64),
    ) -> Result<f64> {
        let doing = "solving the ridge regression";
        let right = self.cross.f_tr().during(doing)?;
        let (solution, lambda) = ridge_solution(&mut self.gram, &right, lambda, larger)?;
        solution
            .f_tr()
            .and_then(|weight| scores.set(&weight, None))
            .during(doing)?;
        Ok(lambda)
    }

    /// Which of the classes have samples, bool `[ids]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn learned(&self, ids: &Tensor) -> Result<Tensor, TchError> {
        self.counts.f_index_select(0, ids)?.f_gt(0.0)
    }

    /// Writes the sums.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        self.gram.put(written, "gram")?;
        state::put(written, "cross", &self.cross)?;
        state::put(written, "counts", &self.counts)
    }

    /// Reads the sums.
    ///
    /// # Errors
    ///
    /// If they do not belong to sums of this shape.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        self.gram.take(written, "gram")?;
        state::take(written, "cross", &mut self.cross)?;
        state::take(written, "counts", &mut self.counts)
    }
}

/// Says that a matrix was not positive definite.
pub fn warn_of(larger: f64, host: &Host) {
    host.log(
        Level::Warning,
        &format!("the sums are not positive definite with this λ; trying λ = {larger:e}"),
    );
}

/// The memory in bytes for sums of `classes` classes and an M of `width`: G, and beside it its
/// Cholesky factor or the two copies of its upper triangle that a state takes; Q and the classifier
/// with their copies; and a chunk of rows of h.
pub fn memory_bytes(classes: u64, width: u64) -> u64 {
    8 * (2 * width * width + 6 * classes * width + 2 * 1024 * width)
}
