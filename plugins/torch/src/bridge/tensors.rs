//! Tensors from the ABI into libtorch and back.
//!
//! | | copies | shares memory |
//! |---|---|---|
//! | in, from a view | [`copy_in`], [`copy_to`] a device | [`borrow_in`] |
//! | out, to an owned tensor | [`copy_out`] | [`move_out`] |
//!
//! The two that share memory are `unsafe`, because a [`tch::Tensor`] is a counted reference: any
//! number of shallow clones can read and write the memory long after the call, unnoticed. libtorch
//! also takes no deleter for memory that it does not own, so memory can only be borrowed for the
//! duration of a call. Copying a batch or its logits costs next to nothing compared with computing
//! them; share memory only where copying is measurably slow.
//!
//! Supported types are u8, i64, f16, bf16, f32 and f64; supported devices are the CPU and CUDA
//! devices. A copy is on the device of its source.

use super::device;
use super::error::During;
use harness_abi::{DType, Error, Result, TensorView};
use std::marker::PhantomData;
use std::ops::Deref;
use tch::{Device, Kind, Tensor};

/// Every type that both sides support.
const TYPES: [(DType, Kind); 6] = [
    (DType::U8, Kind::Uint8),
    (DType::I64, Kind::Int64),
    (DType::F16, Kind::Half),
    (DType::BF16, Kind::BFloat16),
    (DType::F32, Kind::Float),
    (DType::F64, Kind::Double),
];

/// Converts an element type of the ABI to one of libtorch.
///
/// # Errors
///
/// If libtorch has no such type or this crate does not support it.
pub fn kind(dtype: DType) -> Result<Kind> {
    TYPES
        .into_iter()
        .find(|(have, _)| *have == dtype)
        .map(|(_, kind)| kind)
        .ok_or_else(|| {
            Error::unsupported(format!(
                "cannot pass a tensor of type {dtype} to libtorch; supported types are {}",
                known()
            ))
        })
}

/// Converts an element type of libtorch to one of the ABI.
///
/// # Errors
///
/// If the ABI does not support the type.
pub fn dtype(kind: Kind) -> Result<DType> {
    TYPES
        .into_iter()
        .find(|(_, have)| *have == kind)
        .map(|(dtype, _)| dtype)
        .ok_or_else(|| {
            Error::unsupported(format!(
                "cannot return a tensor of libtorch's type {kind:?} from the plugin; supported types are {}",
                known()
            ))
        })
}

fn known() -> String {
    TYPES.map(|(dtype, _)| dtype.to_string()).join(", ")
}

/// Copies a view into libtorch, row-major, on the view's device.
///
/// # Errors
///
/// If the type or the device is not supported, or libtorch runs out of memory.
pub fn copy_in(view: TensorView<'_>) -> Result<Tensor> {
    let doing = || format!("copying {view:?} into libtorch");
    // SAFETY: the borrowed tensor is read once, here, and dropped before the view is.
    let borrowed = unsafe { borrow_in(view) }?;
    let options = (kind(view.dtype())?, device::of_boundary(view.device())?);
    let mut copy = Tensor::f_empty(view.shape(), options).during(&doing())?;
    copy.f_copy_(&borrowed).during(&doing())?;
    Ok(copy)
}

/// Copies a view to `device`, row-major.
///
/// A copy from the CPU to a GPU goes through pinned memory and is asynchronous: later GPU
/// operations wait for it, the CPU does not.
///
/// # Errors
///
/// As for [`copy_in`], or if the device is not available.
pub fn copy_to(view: TensorView<'_>, device: Device) -> Result<Tensor> {
    let doing = || format!("copying {view:?} to {device:?}");
    if !(view.device().is_cpu() && device.is_cuda()) {
        return copy_in(view)?.f_to_device(device).during(&doing());
    }
    // SAFETY: the borrowed tensor is read once, here, and dropped before the view is.
    let borrowed = unsafe { borrow_in(view) }?;
    let pinned = borrowed.f_internal_pin_memory(device).during(&doing())?;
    // libtorch keeps the pinned memory until the copy is done, even if the tensor is dropped.
    pinned
        .f_to_dtype_layout((pinned.kind(), device), true, true)
        .during(&doing())
}

/// A tensor on memory borrowed from somebody else.
#[derive(Debug)]
pub struct Borrowed<'a> {
    tensor: Tensor,
    memory: PhantomData<&'a u8>,
}

impl Deref for Borrowed<'_> {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.tensor
    }
}

/// Wraps a view as a libtorch tensor, without a copy.
///
/// # Errors
///
/// If the type or the device is not supported, a stride is negative, or the memory is not aligned.
///
/// # Safety
///
/// Nothing that shares the memory (a shallow clone, a slice, a node that autograd keeps for the
/// backward pass) may be used after the view's lifetime, and nothing may write to it.
pub unsafe fn borrow_in(view: TensorView<'_>) -> Result<Borrowed<'_>> {
    let doing = || format!("passing {view:?} to libtorch");
    let (kind, device) = (kind(view.dtype())?, device::of_boundary(view.device())?);
    let data = view.data().cast::<u8>();
    let tensor = if view.elements() == 0 {
        Tensor::f_empty(view.shape(), (kind, device)).during(&doing())?
    } else if data.is_null() || !(data as usize).is_multiple_of(view.dtype().size()) {
        return Err(Error::failed("its memory is null or not aligned").context(doing()));
    } else {
        let strides = view.strides().unwrap_or_default();
        // SAFETY: the view guarantees that every element within shape and strides is readable; the
        // caller guarantees the lifetime.
        unsafe { Tensor::f_from_blob(data, view.shape(), strides, kind, device) }.during(&doing())?
    };
    Ok(Borrowed {
        tensor,
        memory: PhantomData,
    })
}

/// Copies a tensor out to the ABI, row-major, on its device, without its autograd history.
///
/// # Errors
///
/// If the type or the device is not supported, or libtorch runs out of memory.
pub fn copy_out(tensor: &Tensor) -> Result<harness_abi::Tensor> {
    let doing = || {
        format!(
            "copying a tensor of shape {:?} out of libtorch",
            tensor.size()
        )
    };
    let mut copy =
        Tensor::f_empty(tensor.size(), (tensor.kind(), tensor.device())).during(&doing())?;
    copy.f_copy_(&tensor.f_detach().during(&doing())?)
        .during(&doing())?;
    // SAFETY: the copy was made here, so nothing else refers to its memory.
    unsafe { move_out(copy) }
}

/// Moves a tensor out to the ABI, without its autograd history. A row-major tensor is not copied;
/// it lives until the receiver drops it.
///
/// # Errors
///
/// If the type or the device is not supported.
///
/// # Safety
///
/// Nothing may write to the tensor's memory from now on: it must be a newly computed result, not a
/// shallow clone or a slice of a tensor that is trained or reused.
pub unsafe fn move_out(tensor: Tensor) -> Result<harness_abi::Tensor> {
    let (dtype, device) = (dtype(tensor.kind())?, device::to_boundary(tensor.device())?);
    let shape = tensor.size();
    let doing = || format!("moving a tensor of shape {shape:?} out of libtorch");
    let tensor = tensor
        .f_detach()
        .and_then(|tensor| tensor.f_contiguous())
        .during(&doing())?;
    let data = tensor.data_ptr();
    // SAFETY: the tensor owns row-major memory of its type and shape at `data`, on its device,
    // wherever the handle moves; the caller guarantees that nothing writes to it.
    Ok(unsafe { harness_abi::Tensor::from_owner(tensor, data, device, dtype, &shape, None) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_keeps_every_bit() {
        let values = [1.5_f32, -0.0, f32::NAN, f32::INFINITY, 1e-42, 7.0];
        let shape = [3, 2];
        let view = TensorView::new(&values, &shape).unwrap();
        let inside = copy_in(view).unwrap();
        assert_ne!(inside.data_ptr(), view.data());
        assert_eq!((inside.size(), inside.kind()), (vec![3, 2], Kind::Float));
        let outside = copy_out(&inside).unwrap();
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(outside.view().as_slice().unwrap()), bits(&values));
    }

    #[test]
    fn copying_to_the_same_device_still_copies() {
        let values = [1_u8, 2, 3];
        let view = TensorView::new(&values, &[3]).unwrap();
        let copy = copy_to(view, Device::Cpu).unwrap();
        assert_ne!(copy.data_ptr(), view.data());
        assert_eq!(Vec::<u8>::try_from(copy).unwrap(), values);
    }

    #[test]
    fn every_type_converts_both_ways() {
        for (dtype, kind) in TYPES {
            let inside = Tensor::from_slice(&[1_i64, 2, 3]).to_kind(kind);
            let outside = copy_out(&inside).unwrap();
            assert_eq!(outside.view().dtype(), dtype);
            let back = copy_in(outside.view()).unwrap();
            assert_eq!(back.kind(), kind);
            assert_eq!(
                Vec::<f64>::try_from(back.to_kind(Kind::Double)).unwrap(),
                [1.0, 2.0, 3.0]
            );
        }
        let complex = Tensor::zeros([1], (Kind::ComplexFloat, Device::Cpu));
        assert_eq!(
            copy_out(&complex).unwrap_err().to_string(),
            "cannot return a tensor of libtorch's type ComplexFloat from the plugin; supported types are u8, i64, f16, bf16, f32, f64"
        );
        let mut i32s = DType::I64;
        i32s.bits = 32;
        assert_eq!(
            super::kind(i32s).unwrap_err().to_string(),
            "cannot pass a tensor of type i32 to libtorch; supported types are u8, i64, f16, bf16, f32, f64"
        );
    }

    #[test]
    fn strided_and_empty_tensors_are_converted() {
        let values = [1_i64, 2, 3, 4, 5, 6];
        // SAFETY: the strides stay within the six values, which outlive the view.
        let transposed = unsafe {
            TensorView::from_parts(
                values.as_ptr().cast_mut().cast(),
                harness_abi::Device::CPU,
                DType::I64,
                &[3, 2],
                Some(&[1, 3]),
            )
        };
        let inside = copy_in(transposed).unwrap();
        assert!(inside.is_contiguous());
        assert_eq!(
            Vec::<i64>::try_from(inside.view(-1)).unwrap(),
            [1, 4, 2, 5, 3, 6]
        );
        // Transposed back on the way out: an outgoing tensor is row-major.
        let outside = copy_out(&inside.transpose(0, 1)).unwrap();
        assert_eq!(outside.view().as_slice::<i64>().unwrap(), values);
        let empty = copy_in(TensorView::new::<f32>(&[], &[0, 4]).unwrap()).unwrap();
        assert_eq!(copy_out(&empty).unwrap().view().shape(), [0, 4]);
    }

    #[test]
    fn borrow_in_and_move_out_share_memory() {
        let values = [1.0_f64, 2.0];
        let view = TensorView::new(&values, &[2]).unwrap();
        // SAFETY: used in this scope only, and never written.
        let inside = unsafe { borrow_in(view) }.unwrap();
        assert_eq!(inside.data_ptr(), view.data());

        let result = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true) * 3.0;
        let address = result.data_ptr();
        // SAFETY: nothing else refers to the result.
        let outside = unsafe { move_out(result) }.unwrap();
        assert_eq!(outside.view().data(), address);
        assert_eq!(outside.view().as_slice::<f32>().unwrap(), [3.0, 3.0]);
    }
}
