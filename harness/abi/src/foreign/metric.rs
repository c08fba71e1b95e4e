//! A plugin's metric.

use crate::error::{Error, Result, received};
use crate::metric::{MetricInfo, Run};
use crate::wire::{MetricObject, RawRun};
use abi_stable::std_types::RSlice;
use std::fmt;

/// A metric of a plugin.
pub struct ForeignMetric {
    object: MetricObject,
    info: MetricInfo,
}

impl ForeignMetric {
    pub(crate) fn from_raw(object: MetricObject) -> Result<ForeignMetric> {
        let info = received(object.info())?;
        Ok(ForeignMetric {
            info: serde_json::from_slice(&info)
                .map_err(|error| Error::failed(format!("the metric's info: {error}")))?,
            object,
        })
    }

    /// Describes the metric.
    pub fn info(&self) -> &MetricInfo {
        &self.info
    }

    /// See [`Metric::compute`](crate::Metric::compute).
    ///
    /// # Errors
    ///
    /// If the metric reports an error.
    pub fn compute(&self, run: &Run<'_>) -> Result<Option<f64>> {
        let value = received(self.object.compute(RawRun {
            n: RSlice::from_slice(run.n),
            seen: RSlice::from_slice(run.seen),
            all: RSlice::from_slice(run.all),
            task: RSlice::from_slice(run.task),
            costs: RSlice::from_slice(run.costs),
        }))?;
        Ok(value.into_option())
    }
}

impl fmt::Debug for ForeignMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForeignMetric").field(&self.info).finish()
    }
}
