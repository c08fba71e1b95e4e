//! Devices: parses a scenario's `device`, and explains why a device is not available.

use harness_abi::{Error, Result};
use tch::{Cuda, Device, utils};

/// The device that a scenario names: `cpu`, `cuda` (the first one) or `cuda:N`.
///
/// # Errors
///
/// If the name is invalid or libtorch does not find the device.
pub fn named(name: &str) -> Result<Device> {
    // Asking for the number of devices initialises CUDA, which CPU-only runs should not pay for.
    if name == "cpu" {
        return Ok(Device::Cpu);
    }
    among(
        name,
        utils::has_cuda().then(|| usize::try_from(Cuda::device_count()).unwrap_or(0)),
    )
}

/// `cuda_devices` is the number of devices libtorch finds; `None` if it is built without CUDA.
fn among(name: &str, cuda_devices: Option<usize>) -> Result<Device> {
    let index = match name.split_once(':') {
        None if name == "cpu" => return Ok(Device::Cpu),
        None if name == "cuda" => Some(0),
        Some(("cuda", index)) => index.parse().ok(),
        _ => None,
    };
    match (index, cuda_devices) {
        (None, _) => Err(Error::unsupported(format!(
            "unknown device `{name}`; set `device` to `cpu`, `cuda` or `cuda:N` with N from 0"
        ))),
        (Some(_), None) => Err(Error::unsupported(format!(
            "device `{name}` is not available: this libtorch is built for the CPU only; use `device: cpu`, or set \
             CLBENCH_LIBTORCH to the `lib` folder of the same version built for CUDA, such as that of a Python `torch`"
        ))),
        (Some(_), Some(0)) => Err(Error::unsupported(format!(
            "device `{name}` is not available: libtorch finds no CUDA device; use `device: cpu`, or a machine where \
             `nvidia-smi` lists one (CUDA_VISIBLE_DEVICES may hide it)"
        ))),
        (Some(index), Some(there)) if index >= there => Err(Error::unsupported(format!(
            "device `{name}` is not available: libtorch finds {there} CUDA device(s), the last is `cuda:{}`",
            there - 1
        ))),
        (Some(index), _) => Ok(Device::Cuda(index)),
    }
}

/// Converts a device of the ABI to one of libtorch.
///
/// # Errors
///
/// If the device is neither the CPU nor a CUDA device.
pub fn of_boundary(device: harness_abi::Device) -> Result<Device> {
    match (device.kind, usize::try_from(device.index)) {
        (kind, _) if kind == harness_abi::Device::CPU.kind => Ok(Device::Cpu),
        (kind, Ok(index)) if kind == harness_abi::Device::cuda(0).kind => Ok(Device::Cuda(index)),
        _ => Err(Error::unsupported(format!(
            "cannot pass a tensor on {device} to libtorch; use the CPU or a CUDA device"
        ))),
    }
}

/// Converts a device of libtorch to one of the ABI.
///
/// # Errors
///
/// If the device is neither the CPU nor a CUDA device.
pub fn to_boundary(device: Device) -> Result<harness_abi::Device> {
    match device {
        Device::Cpu => Ok(harness_abi::Device::CPU),
        Device::Cuda(index) => i32::try_from(index)
            .map(harness_abi::Device::cuda)
            .map_err(|_| Error::failed(format!("CUDA device index {index} is out of range"))),
        other => Err(Error::unsupported(format!(
            "cannot return a tensor on {other:?} from the plugin; use the CPU or a CUDA device"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_parsed_and_errors_say_what_to_write() {
        assert_eq!(named("cpu").unwrap(), Device::Cpu);
        assert_eq!(among("cuda", Some(2)).unwrap(), Device::Cuda(0));
        assert_eq!(among("cuda:1", Some(2)).unwrap(), Device::Cuda(1));
        let message = |name, there| among(name, there).unwrap_err().to_string();
        assert_eq!(
            message("gpu", Some(1)),
            "unknown device `gpu`; set `device` to `cpu`, `cuda` or `cuda:N` with N from 0"
        );
        assert_eq!(
            message("cuda:x", None),
            message("gpu", Some(1)).replace("gpu", "cuda:x")
        );
        assert_eq!(
            message("cuda:1", Some(0)),
            "device `cuda:1` is not available: libtorch finds no CUDA device; use `device: cpu`, or a machine where \
             `nvidia-smi` lists one (CUDA_VISIBLE_DEVICES may hide it)"
        );
        assert_eq!(
            message("cuda", None),
            "device `cuda` is not available: this libtorch is built for the CPU only; use `device: cpu`, or set \
             CLBENCH_LIBTORCH to the `lib` folder of the same version built for CUDA, such as that of a Python `torch`"
        );
        assert_eq!(
            message("cuda:2", Some(2)),
            "device `cuda:2` is not available: libtorch finds 2 CUDA device(s), the last is `cuda:1`"
        );
    }

    #[test]
    fn devices_convert_both_ways() {
        for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(3)] {
            assert_eq!(of_boundary(to_boundary(device).unwrap()).unwrap(), device);
        }
        let vulkan = harness_abi::Device { kind: 7, index: 0 };
        assert_eq!(
            of_boundary(vulkan).unwrap_err().to_string(),
            "cannot pass a tensor on device 7:0 to libtorch; use the CPU or a CUDA device"
        );
    }
}
