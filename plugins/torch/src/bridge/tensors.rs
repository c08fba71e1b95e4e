//! Tensors in from the boundary and out to it.
//!
//! | | copies | shares memory |
//! |---|---|---|
//! | in, from a view | [`copy_in`], [`copy_to`] a device | [`borrow_in`] |
//! | out, to an owned tensor | [`copy_out`] | [`move_out`] |
//!
//! The two that share are `unsafe`, because a [`tch::Tensor`] is a counted reference: any number of
//! shallow clones can read the memory, and write it, long after the call, and libtorch tells
//! nobody. It also takes no deleter for memory that is not its own, so what is borrowed is borrowed
//! for the call only. A copy of a batch or of logits costs next to nothing beside the work done on
//! it; share where it shows.
//!
//! Types are u8, i64, f16, bf16, f32 and f64; devices are the CPU and CUDA devices. What is copied
//! stays on its device.

use super::device;
use super::error::During;
use harness_abi::{DType, Error, Result, TensorView};
use std::marker::PhantomData;
use std::ops::Deref;
use tch::{Device, Kind, Tensor};

/// Every type that both sides have.
const TYPES: [(DType, Kind); 6] = [
    (DType::U8, Kind::Uint8),
    (DType::I64, Kind::Int64),
    (DType::F16, Kind::Half),
    (DType::BF16, Kind::BFloat16),
    (DType::F32, Kind::Float),
    (DType::F64, Kind::Double),
];

/// The boundary's element type as libtorch's.
///
/// # Errors
///
/// If libtorch has none, or none that is used here.
pub fn kind(dtype: DType) -> Result<Kind> {
    TYPES
        .into_iter()
        .find(|(have, _)| *have == dtype)
        .map(|(_, kind)| kind)
        .ok_or_else(|| {
            Error::unsupported(format!(
                "a tensor of {dtype} cannot be handed to libtorch; one of {} can",
                known()
            ))
        })
}

/// libtorch's element type as the boundary's.
///
/// # Errors
///
/// If it is not one that crosses.
pub fn dtype(kind: Kind) -> Result<DType> {
    TYPES
        .into_iter()
        .find(|(_, have)| *have == kind)
        .map(|(dtype, _)| dtype)
        .ok_or_else(|| {
            Error::unsupported(format!(
                "a tensor of libtorch's type {kind:?} cannot leave the plugin; one of {} can",
                known()
            ))
        })
}

fn known() -> String {
    TYPES.map(|(dtype, _)| dtype.to_string()).join(", ")
}

/// A copy, row-major, on the view's device.
///
/// # Errors
///
/// For a type or a device that is not bridged, or where libtorch has no memory left.
pub fn copy_in(view: TensorView<'_>) -> Result<Tensor> {
    let doing = || format!("copying {view:?} into libtorch");
    // SAFETY: the borrowed tensor is read once, here, and dropped before the view is.
    let borrowed = unsafe { borrow_in(view) }?;
    let options = (kind(view.dtype())?, device::of_boundary(view.device())?);
    let mut copy = Tensor::f_empty(view.shape(), options).during(&doing())?;
    copy.f_copy_(&borrowed).during(&doing())?;
    Ok(copy)
}

/// A copy, row-major, on that device.
///
/// From the CPU to a GPU it goes by way of pinned memory, and the call returns before the bytes are
/// there: what is computed of them on the GPU waits for them, the CPU does not.
///
/// # Errors
///
/// As for [`copy_in`], or where the device is not there.
pub fn copy_to(view: TensorView<'_>, device: Device) -> Result<Tensor> {
    let doing = || format!("copying {view:?} to {device:?}");
    if !(view.device().is_cpu() && device.is_cuda()) {
        return copy_in(view)?.f_to_device(device).during(&doing());
    }
    // SAFETY: the borrowed tensor is read once, here, and dropped before the view is.
    let borrowed = unsafe { borrow_in(view) }?;
    let pinned = borrowed.f_internal_pin_memory(device).during(&doing())?;
    // libtorch keeps pinned memory until the copy from it is done, dropped or not.
    pinned
        .f_to_dtype_layout((pinned.kind(), device), true, true)
        .during(&doing())
}

/// A tensor over memory that is somebody else's, for as long as it is lent.
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

/// The view as a tensor of libtorch's, without a copy.
///
/// # Errors
///
/// For a type or a device that is not bridged, for negative strides, or for memory that is not
/// aligned.
///
/// # Safety
///
/// Nothing that shares the memory (a shallow clone, a slice, a node that autograd keeps for the way
/// back) is used after the view's lifetime, and nothing writes to it.
pub unsafe fn borrow_in(view: TensorView<'_>) -> Result<Borrowed<'_>> {
    let doing = || format!("lending {view:?} to libtorch");
    let (kind, device) = (kind(view.dtype())?, device::of_boundary(view.device())?);
    let data = view.data().cast::<u8>();
    let tensor = if view.elements() == 0 {
        Tensor::f_empty(view.shape(), (kind, device)).during(&doing())?
    } else if data.is_null() || !(data as usize).is_multiple_of(view.dtype().size()) {
        return Err(Error::failed("its memory is null or not aligned").context(doing()));
    } else {
        let strides = view.strides().unwrap_or_default();
        // SAFETY: the view vouches for every element that shape and strides reach; the caller for
        // the time.
        unsafe { Tensor::f_from_blob(data, view.shape(), strides, kind, device) }.during(&doing())?
    };
    Ok(Borrowed {
        tensor,
        memory: PhantomData,
    })
}

/// A copy for the boundary, row-major, on the tensor's device; gradients stay behind.
///
/// # Errors
///
/// For a type or a device that does not cross, or where libtorch has no memory left.
pub fn copy_out(tensor: &Tensor) -> Result<harness_abi::Tensor> {
    let doing = || format!("copying a tensor of shape {:?} out", tensor.size());
    let mut copy =
        Tensor::f_empty(tensor.size(), (tensor.kind(), tensor.device())).during(&doing())?;
    copy.f_copy_(&tensor.f_detach().during(&doing())?)
        .during(&doing())?;
    // SAFETY: the copy was made here; nothing else knows its memory.
    unsafe { move_out(copy) }
}

/// Hands a tensor over to the boundary without a copy, if it is row-major; the tensor lives until
/// the receiver drops what it got. Gradients stay behind.
///
/// # Errors
///
/// For a type or a device that does not cross.
///
/// # Safety
///
/// Nothing writes to the tensor's memory from now on: it is a result that was just computed, and
/// neither a shallow clone nor a slice of something that is trained or reused.
pub unsafe fn move_out(tensor: Tensor) -> Result<harness_abi::Tensor> {
    let (dtype, device) = (dtype(tensor.kind())?, device::to_boundary(tensor.device())?);
    let shape = tensor.size();
    let doing = || format!("handing a tensor of shape {shape:?} out");
    let tensor = tensor
        .f_detach()
        .and_then(|tensor| tensor.f_contiguous())
        .during(&doing())?;
    let data = tensor.data_ptr();
    // SAFETY: the tensor owns row-major memory of its type and shape at `data`, on its device,
    // wherever the handle moves to; the caller vouches that nobody writes to it.
    Ok(unsafe { harness_abi::Tensor::from_owner(tensor, data, device, dtype, &shape, None) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_bit_for_bit() {
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
    fn a_copy_to_the_device_that_it_is_on_is_a_copy() {
        let values = [1_u8, 2, 3];
        let view = TensorView::new(&values, &[3]).unwrap();
        let copy = copy_to(view, Device::Cpu).unwrap();
        assert_ne!(copy.data_ptr(), view.data());
        assert_eq!(Vec::<u8>::try_from(copy).unwrap(), values);
    }

    #[test]
    fn every_type_crosses_both_ways() {
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
            "a tensor of libtorch's type ComplexFloat cannot leave the plugin; one of u8, i64, f16, bf16, f32, f64 can"
        );
        let mut i32s = DType::I64;
        i32s.bits = 32;
        assert_eq!(
            super::kind(i32s).unwrap_err().to_string(),
            "a tensor of i32 cannot be handed to libtorch; one of u8, i64, f16, bf16, f32, f64 can"
        );
    }

    #[test]
    fn strides_and_empty_tensors_are_understood() {
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
        // Out again, the other way round: what leaves is row-major.
        let outside = copy_out(&inside.transpose(0, 1)).unwrap();
        assert_eq!(outside.view().as_slice::<i64>().unwrap(), values);
        let empty = copy_in(TensorView::new::<f32>(&[], &[0, 4]).unwrap()).unwrap();
        assert_eq!(copy_out(&empty).unwrap().view().shape(), [0, 4]);
    }

    #[test]
    fn sharing_shares() {
        let values = [1.0_f64, 2.0];
        let view = TensorView::new(&values, &[2]).unwrap();
        // SAFETY: used in this scope only, and never written.
        let inside = unsafe { borrow_in(view) }.unwrap();
        assert_eq!(inside.data_ptr(), view.data());

        let result = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true) * 3.0;
        let address = result.data_ptr();
        // SAFETY: the result is nobody else's.
        let outside = unsafe { move_out(result) }.unwrap();
        assert_eq!(outside.view().data(), address);
        assert_eq!(outside.view().as_slice::<f32>().unwrap(), [3.0, 3.0]);
    }
}
