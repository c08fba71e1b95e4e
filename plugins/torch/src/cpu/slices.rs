//! The numbers of tensors, as slices.

use std::fmt;
use std::ops::Deref;
use tch::{Device, Kind, TchError, Tensor};

/// The numbers of a tensor on the CPU that nobody writes to, such as a model's frozen weights: a
/// slice that any number of threads may read.
pub struct Frozen {
    /// Keeps the memory alive.
    tensor: Tensor,
}

// SAFETY: the tensor is only read, through its address; `Frozen::new`'s caller rules out writers.
// Dropping it on another thread is sound, since libtorch counts references atomically.
unsafe impl Sync for Frozen {}

impl Frozen {
    /// The numbers of a contiguous f32 tensor on the CPU, row-major; `None` for any other.
    ///
    /// # Safety
    ///
    /// While the result exists, nothing may write to the tensor's memory.
    pub unsafe fn new(tensor: &Tensor) -> Option<Frozen> {
        let suitable = tensor.device() == Device::Cpu
            && tensor.kind() == Kind::Float
            && tensor.is_contiguous();
        suitable.then(|| Frozen {
            tensor: tensor.detach(),
        })
    }
}

impl Deref for Frozen {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self.tensor.numel() {
            0 => &[],
            // SAFETY: the tensor is f32, contiguous, on the CPU and not empty; its memory lives as
            // long as `self`, and the caller of `new` has ruled out writers.
            length => unsafe {
                std::slice::from_raw_parts(self.tensor.data_ptr().cast::<f32>(), length)
            },
        }
    }
}

/// A new f32 tensor on the CPU, whose numbers, row-major and 0 at first, `fill` sets.
///
/// # Errors
///
/// If libtorch runs out of memory.
pub fn filled(shape: &[i64], fill: impl FnOnce(&mut [f32])) -> Result<Tensor, TchError> {
    let tensor = Tensor::f_zeros(shape, (Kind::Float, Device::Cpu))?;
    if tensor.numel() > 0 {
        let start = tensor.data_ptr().cast::<f32>();
        // SAFETY: a new tensor is contiguous, and nobody else has it.
        fill(unsafe { std::slice::from_raw_parts_mut(start, tensor.numel()) });
    }
    Ok(tensor)
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frozen({:?})", self.tensor.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_contiguous_numbers_on_the_cpu_are_read() {
        let tensor = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).view([2, 2]);
        // SAFETY: nothing writes to the tensors here.
        let of = |tensor: &Tensor| unsafe { Frozen::new(tensor) };
        assert_eq!(*of(&tensor).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(*of(&tensor.narrow(0, 1, 1)).unwrap(), [3.0, 4.0]);
        assert!(of(&tensor.transpose(0, 1)).is_none());
        assert!(of(&tensor.to_kind(Kind::Double)).is_none());
        assert!(of(&tensor.narrow(0, 0, 0)).unwrap().is_empty());
    }
}
