//! A plugin's strategy, and the samples that the host lends it.

use crate::error::{Error, RawError, RawResult, Result, received};
use crate::state::State;
use crate::strategy::{Class, Learned};
use crate::tensor::Tensor;
use crate::wire::{
    RawBatch, RawNamedTensor, RawSamples, RawSamples_TO, RawState, RawTask, SamplesObject,
    StrategyObject,
};
use abi_stable::erased_types::TD_Opaque;
use abi_stable::std_types::{RBox, RSlice, RStr};
use std::fmt;

/// The source of a task's or a batch's samples. Rows are positions in it, from 0; every method
/// returns one row for each of `rows`, in that order.
pub trait SampleSource {
    /// Cached features, f32 `[rows, width]`; see [`Task::features`](crate::Task::features).
    ///
    /// # Errors
    ///
    /// If a row or the backbone does not exist, or the features cannot be computed.
    fn features(&self, backbone: usize, rows: &[u32]) -> Result<Tensor>;

    /// Another cached output, f32 `[rows, width]`; see [`Task::output`](crate::Task::output).
    ///
    /// # Errors
    ///
    /// As for [`features`](Self::features), or if the strategy did not declare that it reads the
    /// output.
    fn output(&self, _backbone: usize, output: &str, _rows: &[u32]) -> Result<Tensor> {
        Err(Error::unsupported(format!(
            "the output `{output}` is not cached"
        )))
    }

    /// Images, u8 `[rows, 3, height, width]`; see [`Task::images`](crate::Task::images).
    ///
    /// # Errors
    ///
    /// If a row or the backbone does not exist, or an image cannot be read.
    fn images(&self, backbone: usize, rows: &[u32]) -> Result<Tensor>;

    /// Augmented images; see [`Task::augmented_images`](crate::Task::augmented_images). A
    /// prediction batch has none.
    ///
    /// # Errors
    ///
    /// As for [`images`](Self::images).
    fn augmented_images(&self, _backbone: usize, _rows: &[u32], _draw: u64) -> Result<Tensor> {
        Err(Error::unsupported(
            "augmented images are for training batches only",
        ))
    }
}

struct Lent<'a>(&'a dyn SampleSource);

impl RawSamples for Lent<'_> {
    fn features(&self, backbone: u32, rows: RSlice<'_, u32>) -> RawResult<Tensor> {
        raw(self.0.features(backbone as usize, rows.as_slice()))
    }

    fn output(&self, backbone: u32, output: RStr<'_>, rows: RSlice<'_, u32>) -> RawResult<Tensor> {
        raw(self
            .0
            .output(backbone as usize, output.as_str(), rows.as_slice()))
    }

    fn images(&self, backbone: u32, rows: RSlice<'_, u32>) -> RawResult<Tensor> {
        raw(self.0.images(backbone as usize, rows.as_slice()))
    }

    fn augmented(&self, backbone: u32, rows: RSlice<'_, u32>, draw: u64) -> RawResult<Tensor> {
        raw(self
            .0
            .augmented_images(backbone as usize, rows.as_slice(), draw))
    }
}

fn raw<T>(result: Result<T>) -> RawResult<T> {
    result.map_err(RawError::from).into()
}

fn lend(samples: &dyn SampleSource) -> SamplesObject<'_> {
    RawSamples_TO::from_ptr(RBox::new(Lent(samples)), TD_Opaque)
}

/// A strategy of a plugin.
pub struct ForeignStrategy {
    object: StrategyObject,
    /// The classes of the last batch and their JSON, which rarely change from batch to batch.
    classes: Option<(Vec<Class>, Vec<u8>)>,
}

impl ForeignStrategy {
    pub(crate) fn from_raw(object: StrategyObject) -> ForeignStrategy {
        ForeignStrategy {
            object,
            classes: None,
        }
    }

    /// Has it learn task `id` (from 1). `labels` are class ids, `index` the rows' indices into the
    /// training split.
    ///
    /// # Errors
    ///
    /// If the strategy reports an error.
    pub fn learn(
        &mut self,
        id: u32,
        classes: &[Class],
        labels: &[i64],
        index: &[u64],
        samples: &dyn SampleSource,
    ) -> Result<Learned> {
        let learned = received(self.object.learn(RawTask {
            id,
            classes: RSlice::from_slice(&classes_json(classes)?),
            labels: RSlice::from_slice(labels),
            index: RSlice::from_slice(index),
            samples: lend(samples),
        }))?;
        serde_json::from_slice(&learned)
            .map_err(|error| Error::failed(format!("the result of `learn`: {error}")))
    }

    /// Scores `rows` samples for `classes`: f32 `[rows, classes]` on the CPU.
    ///
    /// # Errors
    ///
    /// If the strategy reports an error, or its logits have another shape, type or device.
    pub fn predict(
        &mut self,
        rows: u32,
        classes: &[Class],
        samples: &dyn SampleSource,
    ) -> Result<Tensor> {
        if self
            .classes
            .as_ref()
            .is_none_or(|(last, _)| last != classes)
        {
            self.classes = Some((classes.to_vec(), classes_json(classes)?));
        }
        let (_, json) = self.classes.as_ref().expect("set above");
        let logits = received(self.object.predict(RawBatch {
            rows,
            classes: RSlice::from_slice(json),
            samples: lend(samples),
        }))?
        .validated("the logits")?;
        let view = logits.view();
        view.expect_shape("the logits", &[i64::from(rows), classes.len() as i64])?;
        view.as_slice::<f32>()
            .map_err(|error| error.context("the logits"))?;
        Ok(logits)
    }

    /// Reads everything that it remembers.
    ///
    /// # Errors
    ///
    /// If the strategy reports an error.
    pub fn state(&self) -> Result<State> {
        let RawState { json, tensors } = received(self.object.state())?;
        Ok(State {
            json: serde_json::from_slice(&json)
                .map_err(|error| Error::failed(format!("the state's JSON: {error}")))?,
            tensors: tensors
                .into_iter()
                .map(|named| {
                    let tensor = named.tensor.validated("a tensor of the state")?;
                    Ok((named.name.into_string(), tensor))
                })
                .collect::<Result<_>>()?,
        })
    }

    /// Restores a state.
    ///
    /// # Errors
    ///
    /// If the strategy reports an error.
    pub fn restore(&mut self, state: State) -> Result<()> {
        let json = serde_json::to_vec(&state.json)
            .map_err(|error| Error::failed(format!("the state's JSON: {error}")))?;
        received(
            self.object.restore(RawState {
                json: json.into(),
                tensors: state
                    .tensors
                    .into_iter()
                    .map(|(name, tensor)| RawNamedTensor {
                        name: name.into(),
                        tensor,
                    })
                    .collect(),
            }),
        )
    }
}

impl fmt::Debug for ForeignStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignStrategy")
    }
}

fn classes_json(classes: &[Class]) -> Result<Vec<u8>> {
    serde_json::to_vec(classes).map_err(|error| Error::failed(error.to_string()))
}
