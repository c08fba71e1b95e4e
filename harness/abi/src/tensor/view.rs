//! A tensor borrowed for one call.

use super::dlpack::{DlTensor, FLAG_READ_ONLY};
use super::{DType, Device, Element};
use crate::error::{Error, Result};
use abi_stable::StableAbi;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::{fmt, slice};

/// A borrowed tensor: DLPack's `DLTensor` and its flags.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct TensorView<'a> {
    tensor: DlTensor,
    flags: u64,
    memory: PhantomData<&'a u8>,
}

// SAFETY: a view is a shared borrow of memory that its owner keeps alive and unchanged for `'a`.
unsafe impl Send for TensorView<'_> {}
// SAFETY: as above; nothing is written through a view.
unsafe impl Sync for TensorView<'_> {}

impl<'a> TensorView<'a> {
    /// Creates a view of `values`, row-major in `shape`.
    ///
    /// # Errors
    ///
    /// If `shape` does not have as many elements as `values`.
    pub fn new<T: Element>(values: &'a [T], shape: &'a [i64]) -> Result<TensorView<'a>> {
        let elements = element_count(shape)?;
        if elements != values.len() {
            return Err(Error::failed(format!(
                "a tensor of shape {shape:?} has {elements} elements, but {} were given",
                values.len()
            )));
        }
        // SAFETY: `values` is alive for `'a` and holds exactly the elements that `shape` says.
        Ok(unsafe {
            Self::from_parts(
                values.as_ptr().cast_mut().cast(),
                Device::CPU,
                T::DTYPE,
                shape,
                None,
            )
        })
    }

    /// Creates a view of memory that another framework manages.
    ///
    /// # Safety
    ///
    /// `data` points to the first element on `device`. Every element that `shape` and `strides` (in
    /// elements; `None` means row-major) reach stays readable and unchanged for `'a`. `strides` is
    /// as long as `shape`.
    pub unsafe fn from_parts(
        data: *mut c_void,
        device: Device,
        dtype: DType,
        shape: &'a [i64],
        strides: Option<&'a [i64]>,
    ) -> TensorView<'a> {
        TensorView {
            tensor: DlTensor {
                data,
                device,
                ndim: i32::try_from(shape.len()).expect("fewer than 2^31 dimensions"),
                dtype,
                shape: shape.as_ptr().cast_mut(),
                strides: strides
                    .map_or(std::ptr::null_mut(), |strides| strides.as_ptr().cast_mut()),
                byte_offset: 0,
            },
            flags: 0,
            memory: PhantomData,
        }
    }

    pub(super) fn of_owned(tensor: DlTensor, flags: u64) -> TensorView<'a> {
        TensorView {
            tensor,
            flags,
            memory: PhantomData,
        }
    }

    /// Marks the memory as read-only, such as a mapped file.
    #[must_use]
    pub fn marked_read_only(mut self) -> TensorView<'a> {
        self.flags |= FLAG_READ_ONLY;
        self
    }

    /// Whether the memory is read-only. No framework that it is handed to may write to it.
    pub fn read_only(&self) -> bool {
        self.flags & FLAG_READ_ONLY != 0
    }

    /// The length of every dimension.
    pub fn shape(&self) -> &'a [i64] {
        if self.tensor.ndim == 0 {
            return &[];
        }
        // SAFETY: DLPack: `shape` has `ndim` entries and lives as long as the tensor.
        unsafe { slice::from_raw_parts(self.tensor.shape, self.tensor.ndim as usize) }
    }

    /// The stride of every dimension, in elements; `None` if the tensor is row-major and
    /// contiguous.
    pub fn strides(&self) -> Option<&'a [i64]> {
        if self.tensor.strides.is_null() {
            return None;
        }
        if self.tensor.ndim == 0 {
            return Some(&[]);
        }
        // SAFETY: DLPack: `strides`, if not null, has `ndim` entries and lives as long as the
        // tensor.
        Some(unsafe { slice::from_raw_parts(self.tensor.strides, self.tensor.ndim as usize) })
    }

    /// The device that the memory is on.
    pub fn device(&self) -> Device {
        self.tensor.device
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.tensor.dtype
    }

    /// The address of the first element, on [`device`](Self::device).
    pub fn data(&self) -> *mut c_void {
        self.tensor
            .data
            .cast::<u8>()
            .wrapping_add(self.tensor.byte_offset as usize)
            .cast()
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.shape().iter().map(|&n| n as usize).product()
    }

    /// The size of the elements in bytes, without the gaps of a strided view.
    pub fn bytes(&self) -> usize {
        self.elements() * self.dtype().size()
    }

    /// Whether the elements are stored row by row without gaps.
    pub fn is_contiguous(&self) -> bool {
        let Some(strides) = self.strides() else {
            return true;
        };
        let mut expected = 1;
        for (&length, &stride) in self.shape().iter().zip(strides).rev() {
            if length != 1 && stride != expected {
                return false;
            }
            expected *= length;
        }
        true
    }

    /// The elements in row-major order, without a copy.
    ///
    /// # Errors
    ///
    /// If the elements have another type, are not on the CPU, or are not contiguous.
    pub fn as_slice<T: Element>(&self) -> Result<&'a [T]> {
        if self.dtype() != T::DTYPE {
            return Err(Error::failed(format!(
                "expected a tensor of {}, got {self:?}",
                T::DTYPE
            )));
        }
        if !self.device().is_cpu() {
            return Err(Error::failed(format!(
                "expected a tensor on the CPU, got {self:?}"
            )));
        }
        if !self.is_contiguous() {
            return Err(Error::failed(format!(
                "expected a contiguous tensor, got {self:?} with strides {:?}",
                self.strides()
            )));
        }
        if self.elements() == 0 {
            return Ok(&[]);
        }
        let data = self.data().cast::<T>();
        if data.is_null() || !data.is_aligned() {
            return Err(Error::failed(format!(
                "the memory of {self:?} is null or misaligned"
            )));
        }
        // SAFETY: type, device and contiguity were checked; the owner keeps the memory for `'a`.
        Ok(unsafe { slice::from_raw_parts(data, self.elements()) })
    }

    /// The bytes of the elements in row-major order, without a copy.
    ///
    /// # Errors
    ///
    /// If the elements are not on the CPU or not contiguous.
    pub fn as_bytes(&self) -> Result<&'a [u8]> {
        if !self.device().is_cpu() || !self.is_contiguous() {
            return Err(Error::failed(format!(
                "expected a contiguous tensor on the CPU, got {self:?}"
            )));
        }
        if self.bytes() == 0 {
            return Ok(&[]);
        }
        // SAFETY: contiguous memory on the CPU that the owner keeps; any initialised element is
        // bytes.
        Ok(unsafe { slice::from_raw_parts(self.data().cast::<u8>(), self.bytes()) })
    }

    /// A copy of the elements in row-major order, whatever the strides.
    ///
    /// # Errors
    ///
    /// If the elements have another type or are not on the CPU.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if self.is_contiguous() {
            return self.as_slice().map(<[T]>::to_vec);
        }
        if self.dtype() != T::DTYPE || !self.device().is_cpu() {
            return Err(Error::failed(format!(
                "expected a tensor of {} on the CPU, got {self:?}",
                T::DTYPE
            )));
        }
        let (shape, strides) = (self.shape(), self.strides().unwrap_or_default());
        let data = self.data().cast::<T>();
        let mut values = Vec::with_capacity(self.elements());
        let mut index = vec![0_i64; shape.len()];
        for _ in 0..self.elements() {
            let offset: i64 = index.iter().zip(strides).map(|(i, s)| i * s).sum();
            // SAFETY: the owner vouches for every element that shape and strides reach.
            values.push(unsafe { data.offset(offset as isize).read() });
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(values)
    }

    /// Checks the shape against a pattern, in which a negative number matches any length.
    ///
    /// # Errors
    ///
    /// If the shape does not match; the message names `what` and both shapes.
    pub fn expect_shape(&self, what: &str, pattern: &[i64]) -> Result<()> {
        let shape = self.shape();
        let fits = shape.len() == pattern.len()
            && shape
                .iter()
                .zip(pattern)
                .all(|(&have, &want)| want < 0 || have == want);
        if fits {
            Ok(())
        } else {
            let pattern: Vec<String> = pattern
                .iter()
                .map(|&n| if n < 0 { "_".into() } else { n.to_string() })
                .collect();
            Err(Error::failed(format!(
                "{what} should have shape [{}], not {shape:?}",
                pattern.join(", ")
            )))
        }
    }

    /// Checks a tensor that came from another file, as far as that is possible.
    pub(crate) fn validated(self, what: &str) -> Result<TensorView<'a>> {
        let broken = |why: &str| Err(Error::failed(format!("invalid tensor for {what}: {why}")));
        if !(0..=64).contains(&self.tensor.ndim) {
            return broken("it must have 0 to 64 dimensions");
        }
        if self.tensor.ndim > 0 && self.tensor.shape.is_null() {
            return broken("its shape is null");
        }
        let Ok(elements) = element_count(self.shape()) else {
            return broken("a dimension is negative, or their product overflows");
        };
        if elements > 0 && self.tensor.data.is_null() {
            return broken("its data is null");
        }
        Ok(self)
    }
}

impl fmt::Debug for TensorView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?} on {}", self.dtype(), self.shape(), self.device())
    }
}

/// The product of a shape's dimensions.
pub(crate) fn element_count(shape: &[i64]) -> Result<usize> {
    shape
        .iter()
        .try_fold(1_usize, |product, &n| {
            product.checked_mul(usize::try_from(n).ok()?)
        })
        .ok_or_else(|| {
            Error::failed(format!(
                "shape {shape:?} has a negative dimension or too many elements"
            ))
        })
}
