//! The type and the device that a model computes with: their names in scenarios and in libtorch.

use clbench_torch::tch::{Device, Kind};
use serde::Deserialize;

/// The type that a model computes in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComputeType {
    /// 32-bit floats, whatever the type in the file.
    #[default]
    F32,
    /// bfloat16: half the memory, faster on hardware that supports it, two to three significant
    /// digits. Weights and activations are bfloat16. Inside libtorch's operations, layer norms,
    /// softmax and accumulation use f32; so do pixels before normalisation, prompts and their
    /// gradients, and outputs.
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
