//! A metric behind the guard.

use super::contained;
use crate::error::{Error, RawError, RawResult, Result};
use crate::metric::{Metric, Run};
use crate::wire::{MetricObject, RawMetric, RawMetric_TO, RawRun};
use abi_stable::erased_types::TD_Opaque;
use abi_stable::std_types::{RBox, ROption, RVec};

/// Creates a metric, as an object that crosses.
///
/// # Errors
///
/// If the author's code reports an error or panics.
pub fn guard_metric<M: Metric>(create: impl FnOnce() -> M) -> Result<MetricObject> {
    contained("create", || {
        Ok(RawMetric_TO::from_ptr(
            RBox::new(GuardedMetric(create())),
            TD_Opaque,
        ))
    })
}

struct GuardedMetric<M>(M);

impl<M: Metric> RawMetric for GuardedMetric<M> {
    fn info(&self) -> RawResult<RVec<u8>> {
        contained("info", || {
            serde_json::to_vec(&self.0.info())
                .map(RVec::from)
                .map_err(|error| Error::failed(error.to_string()))
        })
        .map_err(RawError::from)
        .into()
    }

    fn compute(&self, run: RawRun<'_>) -> RawResult<ROption<f64>> {
        contained("compute", || {
            let run = Run {
                n: run.n.as_slice(),
                seen: run.seen.as_slice(),
                all: run.all.as_slice(),
                task: run.task.as_slice(),
                costs: run.costs.as_slice(),
            };
            let entries = (run.n.len() + 1) * run.n.len();
            if [run.seen, run.all, run.task]
                .iter()
                .any(|matrix| matrix.len() != entries)
            {
                return Err(Error::failed(format!(
                    "the matrices of a run of {} tasks must have {entries} entries",
                    run.n.len()
                )));
            }
            self.0.compute(&run).map(ROption::from)
        })
        .map_err(RawError::from)
        .into()
    }
}
