//! DLPack's structs (version 1.0), and the newtypes for device and element type.

use abi_stable::StableAbi;
use std::ffi::c_void;
use std::fmt;

/// The device that a tensor's memory is on, with DLPack's numbers.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, StableAbi)]
pub struct Device {
    /// DLPack's device type: 1 is the CPU, 2 is CUDA.
    pub kind: i32,
    /// The index among the devices of that kind; 0 for the CPU.
    pub index: i32,
}

impl Device {
    /// Main memory.
    pub const CPU: Device = Device { kind: 1, index: 0 };

    /// The CUDA device with this index.
    pub const fn cuda(index: i32) -> Device {
        Device { kind: 2, index }
    }

    /// Whether the CPU can read the memory.
    pub fn is_cpu(self) -> bool {
        self.kind == Self::CPU.kind
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            1 => f.write_str("cpu"),
            2 => write!(f, "cuda:{}", self.index),
            kind => write!(f, "device {kind}:{}", self.index),
        }
    }
}

/// The type of a tensor's elements, in DLPack's encoding.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, StableAbi)]
pub struct DType {
    /// DLPack's type code: 0 signed integer, 1 unsigned integer, 2 float, 4 bfloat, 6 bool.
    pub code: u8,
    /// Bits per element.
    pub bits: u8,
    /// Number of lanes of a vector type; 1 otherwise.
    pub lanes: u16,
}

impl DType {
    /// 8-bit unsigned integer: pixels.
    pub const U8: DType = DType::new(1, 8);
    /// 64-bit signed integer: labels and indices.
    pub const I64: DType = DType::new(0, 64);
    /// IEEE half precision.
    pub const F16: DType = DType::new(2, 16);
    /// bfloat16.
    pub const BF16: DType = DType::new(4, 16);
    /// IEEE single precision.
    pub const F32: DType = DType::new(2, 32);
    /// IEEE double precision.
    pub const F64: DType = DType::new(2, 64);

    const fn new(code: u8, bits: u8) -> DType {
        DType {
            code,
            bits,
            lanes: 1,
        }
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        (usize::from(self.bits) * usize::from(self.lanes)).div_ceil(8)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.code {
            0 => "i",
            1 => "u",
            2 => "f",
            4 => "bf",
            6 => "bool",
            code => return write!(f, "type {code} of {} bits", self.bits),
        };
        write!(f, "{letter}{}", self.bits)?;
        if self.lanes == 1 {
            Ok(())
        } else {
            write!(f, "x{}", self.lanes)
        }
    }
}

/// `DLTensor`.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct DlTensor {
    pub data: *mut c_void,
    pub device: Device,
    pub ndim: i32,
    pub dtype: DType,
    pub shape: *mut i64,
    pub strides: *mut i64,
    pub byte_offset: u64,
}

/// `DLPackVersion`.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct DlPackVersion {
    pub major: u32,
    pub minor: u32,
}

impl DlPackVersion {
    pub const CURRENT: DlPackVersion = DlPackVersion { major: 1, minor: 0 };
}

/// `DLManagedTensorVersioned`. The deleter's argument is the struct itself. In C it is a pointer to
/// the struct, which has the same representation as the untyped pointer here.
#[repr(C)]
#[derive(StableAbi)]
pub struct DlManagedTensorVersioned {
    pub version: DlPackVersion,
    pub manager_ctx: *mut c_void,
    pub deleter: Option<unsafe extern "C" fn(*mut c_void)>,
    pub flags: u64,
    pub tensor: DlTensor,
}

/// `DLPACK_FLAG_BITMASK_READ_ONLY`.
pub(crate) const FLAG_READ_ONLY: u64 = 1;
