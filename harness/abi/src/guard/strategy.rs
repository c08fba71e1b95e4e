//! A strategy behind the guard.

use super::{Guarded, contained};
use crate::error::{Error, RawError, RawResult, Result};
use crate::state::State;
use crate::strategy::{Batch, Class, Declaration, Outline, Setting, Strategy, Task};
use crate::tensor::Tensor;
use crate::wire::{
    RawBatch, RawNamedTensor, RawState, RawStrategy, RawStrategy_TO, RawTask, StrategyObject,
};
use abi_stable::erased_types::TD_Opaque;
use abi_stable::std_types::{RBox, RVec};

/// Runs a strategy's own check.
///
/// # Errors
///
/// If the author's code reports an error or panics.
pub fn check_strategy<S: Strategy>(parameters: &[u8], outline: &Outline) -> Result<Declaration> {
    contained("check", || {
        S::check(&crate::parameters::parse(parameters)?, outline)
    })
}

/// Creates a strategy, as an object that crosses.
///
/// # Errors
///
/// If the author's code reports an error or panics.
pub fn guard_strategy<S: Strategy>(parameters: &[u8], setting: Setting) -> Result<StrategyObject> {
    contained("create", || {
        let strategy = S::create(crate::parameters::parse(parameters)?, setting)?;
        let guarded = GuardedStrategy {
            strategy: Guarded::new(strategy),
            classes: Vec::new(),
            classes_json: Vec::new(),
        };
        Ok(RawStrategy_TO::from_ptr(RBox::new(guarded), TD_Opaque))
    })
}

struct GuardedStrategy<S> {
    strategy: Guarded<S>,
    /// The classes of the last batch, which rarely change from batch to batch.
    classes: Vec<Class>,
    classes_json: Vec<u8>,
}

impl<S: Strategy> RawStrategy for GuardedStrategy<S> {
    fn learn(&mut self, task: RawTask<'_>) -> RawResult<RVec<u8>> {
        self.strategy
            .with("learn", |strategy| {
                let task = Task {
                    id: task.id,
                    classes: parse_classes(task.classes.as_slice())?,
                    labels: task.labels.as_slice(),
                    index: task.index.as_slice(),
                    samples: task.samples,
                };
                let learned = strategy.learn(&task)?;
                serde_json::to_vec(&learned)
                    .map(RVec::from)
                    .map_err(|error| Error::failed(error.to_string()))
            })
            .map_err(RawError::from)
            .into()
    }

    fn predict(&mut self, batch: RawBatch<'_>) -> RawResult<Tensor> {
        let (classes, classes_json) = (&mut self.classes, &mut self.classes_json);
        self.strategy
            .with("predict", |strategy| {
                if batch.classes.as_slice() != classes_json.as_slice() {
                    *classes = parse_classes(batch.classes.as_slice())?;
                    *classes_json = batch.classes.as_slice().to_vec();
                }
                let batch = Batch {
                    rows: (0..batch.rows).collect(),
                    classes,
                    samples: batch.samples,
                };
                let logits = strategy.predict(&batch)?;
                let expected = [batch.rows.len() as i64, batch.classes.len() as i64];
                logits.view().expect_shape("the logits", &expected)?;
                Ok(logits)
            })
            .map_err(RawError::from)
            .into()
    }

    fn state(&self) -> RawResult<RawState> {
        let Some(strategy) = self
            .strategy
            .value
            .as_ref()
            .filter(|_| !self.strategy.poisoned)
        else {
            return Err(RawError::from(Error::failed(
                "`state` cannot be called after an earlier call panicked",
            )))
            .into();
        };
        contained("state", || {
            let State { json, tensors } = strategy.state()?;
            Ok(RawState {
                json: serde_json::to_vec(&json)
                    .map_err(|error| Error::failed(error.to_string()))?
                    .into(),
                tensors: tensors
                    .into_iter()
                    .map(|(name, tensor)| RawNamedTensor {
                        name: name.into(),
                        tensor,
                    })
                    .collect(),
            })
        })
        .map_err(RawError::from)
        .into()
    }

    fn restore(&mut self, state: RawState) -> RawResult<()> {
        self.strategy
            .with("restore", |strategy| {
                strategy.restore(State {
                    json: serde_json::from_slice(&state.json)
                        .map_err(|error| Error::failed(format!("the state's JSON: {error}")))?,
                    tensors: state
                        .tensors
                        .into_iter()
                        .map(|named| {
                            let tensor = named.tensor.validated("a tensor of the state")?;
                            Ok((named.name.into_string(), tensor))
                        })
                        .collect::<Result<_>>()?,
                })
            })
            .map_err(RawError::from)
            .into()
    }
}

fn parse_classes(json: &[u8]) -> Result<Vec<Class>> {
    serde_json::from_slice(json)
        .map_err(|error| Error::failed(format!("the host's list of classes: {error}")))
}
