//! The type and the device that a model computes with: their names in scenarios and in libtorch.

use clbench_torch::tch::{Device, Kind};
use harness_abi::Choice;
use serde::Deserialize;

/// The element type that a model computes in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "lowercase")]
pub enum ComputeType {
    /// 32-bit floats, whatever the type in the file.
    #[default]
    F32,
    /// bfloat16: half the memory, faster on devices with bfloat16 units, two to three digits of
    /// precision. Weights and activations are bfloat16. Norms, softmax and the sums of products are
    /// f32 inside libtorch's operations, and so are pixels until they are normalised.
    Bf16,
}

impl ComputeType {
    /// The type in libtorch.
    pub fn kind(self) -> Kind {
        match self {
            ComputeType::F32 => Kind::Float,
            ComputeType::Bf16 => Kind::BFloat16,
        }
    }

    /// The name in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            ComputeType::F32 => "f32",
            ComputeType::Bf16 => "bf16",
        }
    }
}

/// The name of a device in a scenario.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".into(),
    }
}
