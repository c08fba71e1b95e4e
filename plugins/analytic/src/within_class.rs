//! How samples vary around the mean of their class: Σ (x − μ_c)(x − μ_c)ᵀ over all classes, the
//! pooled within-class scatter.
//!
//! A class that comes back changes its mean, and so the deviations of samples that are gone. Their
//! sum of products follows exactly (Chan, Golub and LeVeque, 1983): joining a samples of mean μ_a
//! and b of mean μ_b adds ab / (a + b) · (μ_a − μ_b)(μ_a − μ_b)ᵀ to the sum of both scatters. So
//! the scatter does not depend on the order of the samples, nor on how they are split into tasks.

use crate::class_means::ClassMeans;
use crate::features::Samples;
use crate::symmetric::Symmetric;
use clbench_torch::During;
use clbench_torch::tch::{Device, TchError, Tensor};
use harness_abi::{Host, Result, State};

/// The class means and the scatter around them.
#[derive(Debug)]
pub struct WithinClass {
    /// The means.
    pub means: ClassMeans,
    /// The scatter, `[width, width]`.
    pub scatter: Symmetric,
}

impl WithinClass {
    /// No samples of any class.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn new(classes: i64, width: i64, device: Device) -> Result<WithinClass> {
        Ok(WithinClass {
            means: ClassMeans::new(classes, width, device)?,
            scatter: Symmetric::zeros(width, device)?,
        })
    }

    /// Adds samples; `map` turns their features into those of this width.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch; [`Error::cancelled`](harness_abi::Error::cancelled).
    pub fn add(
        &mut self,
        samples: &Samples,
        map: impl Fn(Tensor) -> Result<Tensor, TchError>,
        host: &Host,
    ) -> Result<()> {
        let doing = "summing deviations from class means";
        let (classes, width) = self.means.shape();
        let mut new = ClassMeans::new(classes, width, samples.features.device())?;
        new.add_mapped(samples, &map, host)?;
        let present = samples.ids().during(doing)?;
        let means = new
            .means()
            .and_then(|means| means.f_index_select(0, &present))
            .during(doing)?;
        samples.chunks(host, doing, |chunk| {
            let own = chunk.one_hot.f_matmul(&means)?;
            let deviations = map(chunk.features)?.f_sub(&own)?;
            self.scatter.add_products(&deviations)
        })?;
        self.between(&new, &present)
            .and_then(|rows| self.scatter.add_products(&rows))
            .during(doing)?;
        self.means.merge(&new).during(doing)
    }

    /// A row √(ab / (a + b)) (μ_a − μ_b) per class; 0 for a class that is new.
    fn between(&self, new: &ClassMeans, present: &Tensor) -> Result<Tensor, TchError> {
        let a = self.means.counts().f_index_select(0, present)?;
        let b = new.counts().f_index_select(0, present)?;
        let root = a.f_mul(&b)?.f_div(&a.f_add(&b)?)?.f_sqrt()?;
        let means = self.means.means()?.f_index_select(0, present)?;
        means
            .f_sub(&new.means()?.f_index_select(0, present)?)?
            .f_mul(&root.f_unsqueeze(1)?)
    }

    /// Writes the means and the scatter.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        self.means.put(written)?;
        self.scatter.put(written, "scatter")
    }

    /// Reads the means and the scatter.
    ///
    /// # Errors
    ///
    /// If they have other shapes.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        self.means.take(written)?;
        self.scatter.take(written, "scatter")
    }
}
