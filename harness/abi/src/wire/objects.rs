//! The objects that cross. Every method's name is an author's method in its raw form.

#![allow(non_local_definitions)] // what the macro writes

use super::{
    RawBatch, RawForwarded, RawInputs, RawNamedTensor, RawNamedView, RawRun, RawState, RawTask,
};
use crate::error::{Error, RawError, RawResult};
use crate::tensor::{Tensor, TensorView};
use abi_stable::sabi_trait;
use abi_stable::std_types::{ROption, RSlice, RStr, RVec};

// The macro writes public items without docs and a trait-object alias of its own; the module is not part of the
// public interface.
#[sabi_trait]
pub trait RawBackbone: Send + Sync {
    fn info(&self) -> RawResult<RVec<u8>>;
    fn encode_texts(&self, texts: RSlice<'_, RStr<'_>>) -> RawResult<Tensor>;
    fn encode_images(&self, images: TensorView<'_>) -> RawResult<Tensor>;
    #[sabi(last_prefix_field)]
    fn forward(
        &self,
        inputs: RawInputs<'_>,
        sites: RSlice<'_, RawNamedView<'_>>,
        wanted: RSlice<'_, RStr<'_>>,
    ) -> RawResult<RawForwarded>;
}

#[sabi_trait]
pub trait RawPullback: Send {
    #[sabi(last_prefix_field)]
    fn call(&mut self, gradients: RSlice<'_, RawNamedView<'_>>) -> RawResult<RVec<RawNamedTensor>>;
}

#[sabi_trait]
pub trait RawStrategy {
    fn learn(&mut self, task: RawTask<'_>) -> RawResult<RVec<u8>>;
    fn predict(&mut self, batch: RawBatch<'_>) -> RawResult<Tensor>;
    fn state(&self) -> RawResult<RawState>;
    #[sabi(last_prefix_field)]
    fn restore(&mut self, state: RawState) -> RawResult<()>;
}

#[sabi_trait]
pub trait RawMetric {
    fn info(&self) -> RawResult<RVec<u8>>;
    #[sabi(last_prefix_field)]
    fn compute(&self, run: RawRun<'_>) -> RawResult<ROption<f64>>;
}

#[sabi_trait]
pub trait RawHost: Send + Sync {
    fn progress(&self, phase: RStr<'_>, done: u64, total: u64);
    fn log(&self, level: u32, message: RStr<'_>);
    fn scalar(&self, name: RStr<'_>, step: u64, value: f64);
    #[sabi(last_prefix_field)]
    fn cancelled(&self) -> bool;
}

#[sabi_trait]
pub trait RawSamples {
    fn features(&self, backbone: u32, rows: RSlice<'_, u32>) -> RawResult<Tensor>;
    fn images(&self, backbone: u32, rows: RSlice<'_, u32>) -> RawResult<Tensor>;
    #[sabi(last_prefix_field)]
    fn augmented(&self, backbone: u32, rows: RSlice<'_, u32>, draw: u64) -> RawResult<Tensor>;
    fn output(
        &self,
        _backbone: u32,
        output: RStr<'_>,
        _rows: RSlice<'_, u32>,
    ) -> RawResult<Tensor> {
        RawResult::RErr(RawError::from(Error::unsupported(format!(
            "this host keeps no output `{output}`; a newer one does"
        ))))
    }
}
