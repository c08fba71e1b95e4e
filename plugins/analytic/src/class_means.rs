//! Class means from sums: a class that comes back has the mean of all its samples.

use crate::features::Samples;
use clbench_torch::During;
use clbench_torch::bridge::state;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{Host, Result, State};

/// The sum of every class's features, and their number.
#[derive(Debug)]
pub struct ClassMeans {
    /// f64 `[classes, width]`.
    sums: Tensor,
    /// f64 `[classes]`, which is exact up to 2⁵³ samples.
    counts: Tensor,
}

impl ClassMeans {
    /// No samples of any class.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn new(classes: i64, width: i64, device: Device) -> Result<ClassMeans> {
        let zeros = |shape: &[i64]| Tensor::f_zeros(shape, (Kind::Double, device));
        let made = || {
            Ok::<_, TchError>(ClassMeans {
                sums: zeros(&[classes, width])?,
                counts: zeros(&[classes])?,
            })
        };
        made().during("making the class means")
    }

    /// Adds samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch; [`Error::cancelled`](harness_abi::Error::cancelled).
    pub fn add(&mut self, samples: &Samples, host: &Host) -> Result<()> {
        self.add_mapped(samples, Ok, host)
    }

    /// Adds samples; `map` turns their features into those of this width.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    pub fn add_mapped(
        &mut self,
        samples: &Samples,
        map: impl Fn(Tensor) -> Result<Tensor, TchError>,
        host: &Host,
    ) -> Result<()> {
        let ids = samples.ids().during("reading a task's classes")?;
        samples.chunks(host, "summing features", |chunk| {
            // A product with the one-hot labels sums in the same order on every run, which
            // `index_add` with repeated rows on a GPU does not. Here every row comes once.
            let sums = chunk.one_hot.f_tr()?.f_matmul(&map(chunk.features)?)?;
            let counts = chunk
                .one_hot
                .f_sum_dim_intlist(&[0_i64][..], false, Kind::Double)?;
            let _ = self.sums.f_index_add_(0, &ids, &sums)?;
            let _ = self.counts.f_index_add_(0, &ids, &counts)?;
            Ok(())
        })
    }

    /// Adds the samples of other means.
    ///
    /// # Errors
    ///
    /// If a shape differs.
    pub fn merge(&mut self, other: &ClassMeans) -> Result<(), TchError> {
        let _ = self.sums.f_add_(&other.sums)?;
        let _ = self.counts.f_add_(&other.counts)?;
        Ok(())
    }

    /// The sums, f64 `[classes, width]`.
    pub fn sums(&self) -> &Tensor {
        &self.sums
    }

    /// The number of classes, and the width of a feature.
    pub fn shape(&self) -> (i64, i64) {
        let shape = self.sums.size();
        (shape[0], shape[1])
    }

    /// The means, f64 `[classes, width]`; zero for a class without samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn means(&self) -> Result<Tensor, TchError> {
        self.sums
            .f_div(&self.counts.f_clamp_min(1.0)?.f_unsqueeze(1)?)
    }

    /// The number of samples of every class, f64 `[classes]`.
    pub fn counts(&self) -> &Tensor {
        &self.counts
    }

    /// The number of samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn total(&self) -> Result<f64, TchError> {
        self.counts.f_sum(Kind::Double)?.f_double_value(&[])
    }

    /// Logits `[images, candidates]` from scores `[images, candidates]`: −∞ for a candidate without
    /// samples.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn learned_only(&self, scores: &Tensor, ids: &Tensor) -> Result<Tensor, TchError> {
        let missing = self.counts.f_index_select(0, ids)?.f_eq(0.0)?;
        scores.f_masked_fill(&missing, f64::NEG_INFINITY)
    }

    /// Writes both tensors.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        state::put(written, "sums", &self.sums)?;
        state::put(written, "counts", &self.counts)
    }

    /// Reads both tensors.
    ///
    /// # Errors
    ///
    /// If they do not belong to means of this shape.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        state::take(written, "sums", &mut self.sums)?;
        state::take(written, "counts", &mut self.counts)
    }
}
