//! The types that cross the boundary: C layouts and `sabi_trait` objects. Authors do not use them:
//! [`crate::guard`] creates them from an author's traits, and [`crate::foreign`] wraps them in safe
//! types again.

use crate::error::RawResult;
use crate::tensor::{Tensor, TensorView};
use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RArc, RBox, ROption, RSlice, RStr, RString, RVec};

mod objects;

pub use objects::{
    RawBackbone, RawBackbone_TO, RawHost, RawHost_TO, RawMetric, RawMetric_TO, RawPullback,
    RawPullback_TO, RawSamples, RawSamples_TO, RawStrategy, RawStrategy_TO,
};

/// A backbone, shared by the host and by every strategy that uses it.
pub type BackboneObject = RawBackbone_TO<'static, RArc<()>>;
/// The host, shared by all plugins.
pub type HostObject = RawHost_TO<'static, RArc<()>>;
/// A strategy.
pub type StrategyObject = RawStrategy_TO<'static, RBox<()>>;
/// A metric.
pub type MetricObject = RawMetric_TO<'static, RBox<()>>;
/// The backward pass of a differentiable call.
pub type PullbackObject = RawPullback_TO<'static, RBox<()>>;
/// The samples of a task or of a prediction batch, lent by the host for one call. Not `Send`: they
/// are read on the thread that the host calls.
pub type SamplesObject<'a> = RawSamples_TO<'a, RBox<()>>;

/// A named tensor.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawNamedTensor {
    pub name: RString,
    pub tensor: Tensor,
}

/// A named view.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawNamedView<'a> {
    pub name: RStr<'a>,
    pub view: TensorView<'a>,
}

/// The inputs of a differentiable call: images, or rows of text.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawInputs<'a> {
    pub images: ROption<TensorView<'a>>,
    pub texts: RSlice<'a, RStr<'a>>,
    pub row_text: RSlice<'a, i64>,
    /// 0 front, 1 middle, 2 end.
    pub place: u32,
    pub options: RSlice<'a, u8>,
}

/// The outputs of a differentiable call, in the order asked for, and its backward pass.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawForwarded {
    pub outputs: RVec<Tensor>,
    pub pullback: ROption<PullbackObject>,
}

/// A task: its classes and its training samples.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawTask<'a> {
    pub id: u32,
    pub classes: RSlice<'a, u8>,
    pub labels: RSlice<'a, i64>,
    pub index: RSlice<'a, u64>,
    pub samples: SamplesObject<'a>,
}

/// A prediction batch: samples without label, task or index.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawBatch<'a> {
    pub rows: u32,
    pub classes: RSlice<'a, u8>,
    pub samples: SamplesObject<'a>,
}

/// A strategy's memory.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawState {
    pub json: RVec<u8>,
    pub tensors: RVec<RawNamedTensor>,
}

/// A run's counts, for a metric. Matrices are row-major: row 0 is before the first task, then one
/// row after each task; one column per task. −1 is a missing entry.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawRun<'a> {
    pub n: RSlice<'a, u64>,
    pub seen: RSlice<'a, i64>,
    pub all: RSlice<'a, i64>,
    pub task: RSlice<'a, i64>,
    pub costs: RSlice<'a, u8>,
}

/// The functions that a plugin file exports. New ones are appended after the last prefix field.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef, prefix_fields = PluginModulePrefix)))]
pub struct PluginModule {
    pub backbone: extern "C" fn(
        name: RStr<'_>,
        parameters: RSlice<'_, u8>,
        setting: RSlice<'_, u8>,
        host: HostObject,
    ) -> RawResult<BackboneObject>,
    pub check: extern "C" fn(
        name: RStr<'_>,
        parameters: RSlice<'_, u8>,
        outline: RSlice<'_, u8>,
    ) -> RawResult<RVec<u8>>,
    pub strategy: extern "C" fn(
        name: RStr<'_>,
        parameters: RSlice<'_, u8>,
        setting: RSlice<'_, u8>,
        backbones: RVec<BackboneObject>,
        host: HostObject,
    ) -> RawResult<StrategyObject>,
    #[sabi(last_prefix_field)]
    pub metric: extern "C" fn(name: RStr<'_>) -> RawResult<MetricObject>,
}

impl RootModule for PluginModuleRef {
    abi_stable::declare_root_module_statics! {PluginModuleRef}
    const BASE_NAME: &'static str = "clbench_plugin";
    const NAME: &'static str = "clbench plugin";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(env!("CARGO_PKG_VERSION"));
}
