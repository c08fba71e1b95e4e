//! An owned tensor: a pointer to DLPack's `DLManagedTensorVersioned`.

use super::dlpack::{DlManagedTensorVersioned, DlPackVersion, DlTensor, FLAG_READ_ONLY};
use super::view::element_count;
use super::{AlignedBytes, DType, Device, Element, TensorView};
use crate::error::{Error, Result};
use abi_stable::StableAbi;
use std::ffi::c_void;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

/// An owned tensor. Dropping it calls its producer's deleter, in the file that created it.
#[repr(transparent)]
#[derive(StableAbi)]
pub struct Tensor {
    managed: NonNull<DlManagedTensorVersioned>,
}

// SAFETY: the handle is the only owner, and every constructor requires an owner that may move
// between threads.
unsafe impl Send for Tensor {}
// SAFETY: only shared, read-only access is given through `&Tensor`.
unsafe impl Sync for Tensor {}

/// What a [`Tensor`] created here points to: the struct that crosses, then what it keeps alive.
#[repr(C)]
struct Allocation<O> {
    managed: DlManagedTensorVersioned,
    shape: Box<[i64]>,
    strides: Option<Box<[i64]>>,
    owner: O,
}

impl Tensor {
    /// Creates a tensor from `values`, row-major in `shape`, without a copy.
    ///
    /// # Errors
    ///
    /// If `shape` does not have as many elements as `values`.
    pub fn from_vec<T: Element>(mut values: Vec<T>, shape: &[i64]) -> Result<Tensor> {
        let elements = element_count(shape)?;
        if elements != values.len() {
            return Err(Error::failed(format!(
                "a tensor of shape {shape:?} has {elements} elements, but {} were given",
                values.len()
            )));
        }
        let data = values.as_mut_ptr().cast();
        // SAFETY: a vector's buffer stays where it is when the vector moves into the allocation.
        Ok(unsafe { Self::from_owner(values, data, Device::CPU, T::DTYPE, shape, None) })
    }

    /// Creates a tensor from the bytes of its elements, row-major in `shape`, without a copy.
    ///
    /// # Errors
    ///
    /// If `shape` does not have as many elements as the bytes, or `dtype` is not a number: not
    /// every byte is a `bool`.
    pub fn from_bytes(mut bytes: AlignedBytes, dtype: DType, shape: &[i64]) -> Result<Tensor> {
        const NUMBERS: [DType; 6] = [
            DType::U8,
            DType::I64,
            DType::F16,
            DType::BF16,
            DType::F32,
            DType::F64,
        ];
        if !NUMBERS.contains(&dtype) {
            return Err(Error::failed(format!(
                "a tensor of {dtype} cannot be made of bytes"
            )));
        }
        let length = element_count(shape)?.checked_mul(dtype.size());
        if length != Some(bytes.len()) {
            return Err(Error::failed(format!(
                "{} bytes are not a tensor of {dtype} and shape {shape:?}",
                bytes.len()
            )));
        }
        let data = bytes.as_mut_ptr().cast();
        // SAFETY: the bytes stay where they are when their owner moves into the allocation, are
        // aligned for every number, and any bytes are a number.
        Ok(unsafe { Self::from_owner(bytes, data, Device::CPU, dtype, shape, None) })
    }

    /// Creates a tensor over memory that `owner` keeps alive, without a copy.
    ///
    /// # Safety
    ///
    /// `data` points to the first element on `device`. Every element that `shape` and `strides` (in
    /// elements, as long as `shape`) reach stays valid until `owner` is dropped, even if `owner` is
    /// moved.
    pub unsafe fn from_owner<O: Send + 'static>(
        owner: O,
        data: *mut c_void,
        device: Device,
        dtype: DType,
        shape: &[i64],
        strides: Option<&[i64]>,
    ) -> Tensor {
        let mut allocation = Box::new(Allocation {
            managed: DlManagedTensorVersioned {
                version: DlPackVersion::CURRENT,
                manager_ctx: std::ptr::null_mut(),
                deleter: Some(delete::<O>),
                flags: 0,
                tensor: DlTensor {
                    data,
                    device,
                    ndim: i32::try_from(shape.len()).expect("fewer than 2^31 dimensions"),
                    dtype,
                    shape: std::ptr::null_mut(),
                    strides: std::ptr::null_mut(),
                    byte_offset: 0,
                },
            },
            shape: shape.into(),
            strides: strides.map(Into::into),
            owner,
        });
        allocation.managed.tensor.shape = allocation.shape.as_mut_ptr();
        if let Some(strides) = &mut allocation.strides {
            allocation.managed.tensor.strides = strides.as_mut_ptr();
        }
        let pointer = NonNull::from(Box::leak(allocation));
        Tensor {
            managed: pointer.cast(),
        }
    }

    /// Marks the memory as read-only.
    #[must_use]
    pub fn marked_read_only(mut self) -> Tensor {
        // SAFETY: the handle owns the struct, and `&mut self` excludes other access.
        unsafe { self.managed.as_mut() }.flags |= FLAG_READ_ONLY;
        self
    }

    /// Borrows the tensor.
    pub fn view(&self) -> TensorView<'_> {
        // SAFETY: the struct lives as long as the handle.
        let managed = unsafe { self.managed.as_ref() };
        TensorView::of_owned(managed.tensor, managed.flags)
    }

    /// Converts to a `DLManagedTensorVersioned*` for another framework's `from_dlpack`. The
    /// receiver owns it and calls its deleter.
    pub fn into_dlpack(self) -> *mut c_void {
        let pointer = self.managed.as_ptr().cast();
        std::mem::forget(self);
        pointer
    }

    /// Takes ownership of another framework's `DLManagedTensorVersioned*`.
    ///
    /// # Errors
    ///
    /// If the pointer is null, has another major version of DLPack, or describes an impossible
    /// tensor. The caller then still owns it.
    ///
    /// # Safety
    ///
    /// The pointer is null, or comes from a `__dlpack__` of version 1 and was not consumed yet. Its
    /// deleter may be called on any thread.
    pub unsafe fn from_dlpack(pointer: *mut c_void) -> Result<Tensor> {
        let Some(managed) = NonNull::new(pointer.cast::<DlManagedTensorVersioned>()) else {
            return Err(Error::failed("the DLPack pointer is null"));
        };
        // SAFETY: the caller vouches for the pointer; the version is the first field in every
        // version of DLPack.
        let major = unsafe { managed.as_ref() }.version.major;
        if major != DlPackVersion::CURRENT.major {
            return Err(Error::failed(format!(
                "the tensor has DLPack version {major}; only version 1 is supported"
            )));
        }
        let tensor = Tensor { managed };
        if let Err(error) = tensor.view().validated("a DLPack tensor") {
            std::mem::forget(tensor);
            return Err(error);
        }
        Ok(tensor)
    }

    /// Checks a tensor that came from another file, as far as that is possible.
    pub(crate) fn validated(self, what: &str) -> Result<Tensor> {
        self.view().validated(what)?;
        Ok(self)
    }
}

impl Drop for Tensor {
    fn drop(&mut self) {
        // SAFETY: the handle owns the struct; DLPack allows the deleter to be null.
        if let Some(deleter) = unsafe { self.managed.as_ref() }.deleter {
            // SAFETY: called once, by the last owner, with the struct that the deleter came with.
            unsafe { deleter(self.managed.as_ptr().cast()) };
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

unsafe extern "C" fn delete<O>(managed: *mut c_void) {
    // SAFETY: `from_owner` set this deleter on an `Allocation<O>`, whose first field is the struct
    // handed in.
    let allocation = unsafe { Box::from_raw(managed.cast::<Allocation<O>>()) };
    // An owner whose drop panics must not unwind into a foreign caller.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(allocation)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counted(#[allow(dead_code)] Vec<f32>, Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_tensor_keeps_its_owner_until_it_is_dropped_once() {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut owner = Counted(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], drops.clone());
        let data = owner.0.as_mut_ptr().cast();
        // SAFETY: the vector's buffer does not move with the owner.
        let tensor = unsafe {
            Tensor::from_owner(owner, data, Device::CPU, DType::F32, &[3, 2], Some(&[1, 3]))
        };
        // Transposed strides: read column by column.
        assert_eq!(
            tensor.view().to_vec::<f32>().unwrap(),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
        assert_eq!(
            tensor.view().as_slice::<f32>().unwrap_err().message(),
            "expected a contiguous tensor, got f32[3, 2] on cpu with strides Some([1, 3])"
        );
        // SAFETY: the pointer was just given up, and is taken back once.
        let tensor = unsafe { Tensor::from_dlpack(tensor.into_dlpack()) }.unwrap();
        assert_eq!(drops.load(Ordering::SeqCst), 0);
        drop(tensor);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn nothing_is_copied() {
        let values = vec![7_i64; 12];
        let address = values.as_ptr();
        let tensor = Tensor::from_vec(values, &[3, 4]).unwrap();
        assert_eq!(tensor.view().as_slice::<i64>().unwrap().as_ptr(), address);
    }

    #[test]
    fn a_wrong_shape_is_refused() {
        let error = Tensor::from_vec(vec![0_u8; 5], &[2, 3]).unwrap_err();
        assert_eq!(
            error.message(),
            "a tensor of shape [2, 3] has 6 elements, but 5 were given"
        );
        assert!(Tensor::from_vec(vec![0_u8; 5], &[-5]).is_err());
    }

    #[test]
    fn the_layout_is_dlpacks() {
        // dlpack.h, 64-bit: version 8, context 8, deleter 8, flags 8, then DLTensor of 48.
        assert_eq!(size_of::<DlManagedTensorVersioned>(), 80);
        assert_eq!(size_of::<DlTensor>(), 48);
        assert_eq!(std::mem::offset_of!(DlTensor, shape), 24);
        assert_eq!(std::mem::offset_of!(DlTensor, byte_offset), 40);
        assert_eq!(std::mem::offset_of!(DlManagedTensorVersioned, tensor), 32);
    }
}
