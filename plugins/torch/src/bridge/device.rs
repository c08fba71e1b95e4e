//! Devices: what a scenario's `device` means, and what is said where it is not there.

use harness_abi::{Error, Result};
use tch::{Cuda, Device, utils};

/// The device that a scenario names: `cpu`, `cuda` (the first one) or `cuda:N`.
///
/// # Errors
///
/// If it is none of these, or libtorch does not see it.
pub fn named(name: &str) -> Result<Device> {
    // Asking for the number of devices starts CUDA, which somebody who computes on the CPU should
    // not pay for.
    if name == "cpu" {
        return Ok(Device::Cpu);
    }
    among(
        name,
        utils::has_cuda().then(|| usize::try_from(Cuda::device_count()).unwrap_or(0)),
    )
}

/// `cuda_devices` is how many libtorch sees, where it is built for CUDA.
fn among(name: &str, cuda_devices: Option<usize>) -> Result<Device> {
    let index = match name.split_once(':') {
        None if name == "cpu" => return Ok(Device::Cpu),
        None if name == "cuda" => Some(0),
        Some(("cuda", index)) => index.parse().ok(),
        _ => None,
    };
    match (index, cuda_devices) {
        (None, _) => Err(Error::unsupported(format!(
            "`device: {name}` is no device; there are `cpu`, `cuda` and `cuda:N`, N from 0"
        ))),
        (Some(_), None) => Err(Error::unsupported(format!(
            "device `{name}` was asked for, but this libtorch is built for the CPU alone; use `device: cpu`, or set \
             CLBENCH_LIBTORCH to the `lib` folder of the same version built for CUDA, such as that of a Python `torch`"
        ))),
        (Some(_), Some(0)) => Err(Error::unsupported(format!(
            "device `{name}` was asked for, but libtorch sees no CUDA device; use `device: cpu`, or a machine where \
             `nvidia-smi` lists one (CUDA_VISIBLE_DEVICES may hide it)"
        ))),
        (Some(index), Some(there)) if index >= there => Err(Error::unsupported(format!(
            "device `{name}` was asked for, but libtorch sees {there} CUDA device(s), the last of them `cuda:{}`",
            there - 1
        ))),
        (Some(index), _) => Ok(Device::Cuda(index)),
    }
}

/// Where a tensor of the boundary is, as libtorch says it.
///
/// # Errors
///
/// For a device that is neither the CPU nor a CUDA device.
pub fn of_boundary(device: harness_abi::Device) -> Result<Device> {
    match (device.kind, usize::try_from(device.index)) {
        (kind, _) if kind == harness_abi::Device::CPU.kind => Ok(Device::Cpu),
        (kind, Ok(index)) if kind == harness_abi::Device::cuda(0).kind => Ok(Device::Cuda(index)),
        _ => Err(Error::unsupported(format!(
            "a tensor on {device} cannot be handed to libtorch; one on the CPU or on a CUDA device can"
        ))),
    }
}

/// Where a tensor of libtorch's is, as the boundary says it.
///
/// # Errors
///
/// For a device that is neither the CPU nor a CUDA device.
pub fn to_boundary(device: Device) -> Result<harness_abi::Device> {
    match device {
        Device::Cpu => Ok(harness_abi::Device::CPU),
        Device::Cuda(index) => i32::try_from(index)
            .map(harness_abi::Device::cuda)
            .map_err(|_| Error::failed(format!("there is no CUDA device {index}"))),
        other => Err(Error::unsupported(format!(
            "a tensor on {other:?} cannot leave the plugin; one on the CPU or on a CUDA device can"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_devices_or_say_what_to_write() {
        assert_eq!(named("cpu").unwrap(), Device::Cpu);
        assert_eq!(among("cuda", Some(2)).unwrap(), Device::Cuda(0));
        assert_eq!(among("cuda:1", Some(2)).unwrap(), Device::Cuda(1));
        let message = |name, there| among(name, there).unwrap_err().to_string();
        assert_eq!(
            message("gpu", Some(1)),
            "`device: gpu` is no device; there are `cpu`, `cuda` and `cuda:N`, N from 0"
        );
        assert_eq!(
            message("cuda:x", None),
            message("gpu", Some(1)).replace("gpu", "cuda:x")
        );
        assert_eq!(
            message("cuda:1", Some(0)),
            "device `cuda:1` was asked for, but libtorch sees no CUDA device; use `device: cpu`, or a machine where \
             `nvidia-smi` lists one (CUDA_VISIBLE_DEVICES may hide it)"
        );
        assert_eq!(
            message("cuda", None),
            "device `cuda` was asked for, but this libtorch is built for the CPU alone; use `device: cpu`, or set \
             CLBENCH_LIBTORCH to the `lib` folder of the same version built for CUDA, such as that of a Python `torch`"
        );
        assert_eq!(
            message("cuda:2", Some(2)),
            "device `cuda:2` was asked for, but libtorch sees 2 CUDA device(s), the last of them `cuda:1`"
        );
    }

    #[test]
    fn devices_map_both_ways() {
        for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(3)] {
            assert_eq!(of_boundary(to_boundary(device).unwrap()).unwrap(), device);
        }
        let vulkan = harness_abi::Device { kind: 7, index: 0 };
        assert_eq!(
            of_boundary(vulkan).unwrap_err().to_string(),
            "a tensor on device 7:0 cannot be handed to libtorch; one on the CPU or on a CUDA device can"
        );
    }
}
