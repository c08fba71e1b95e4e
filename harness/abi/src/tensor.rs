//! Tensors that cross the boundary without a copy.
//!
//! The layout is [DLPack](https://dmlc.github.io/dlpack/latest/)'s. A [`TensorView`] is a borrowed
//! `DLTensor`; a [`Tensor`] is an owning pointer to a `DLManagedTensorVersioned` with its
//! producer's deleter. A tensor can therefore be handed to Python, JAX or any other framework
//! without a copy.
//!
//! - Shapes and strides count elements. Missing strides mean row-major and contiguous.
//! - A view is valid for the call only. To keep the values, copy them or keep their owner.
//! - [`TensorView::read_only`] marks memory that must not be written, such as a mapped file.
//! - Work on a device is ordered on its default stream. A producer that uses another stream
//!   synchronises before it returns.
//!
//! The [guide](crate::guide#tensors) lists the type, shape, device and row order of every tensor
//! that crosses.
//!
//! ```
//! use harness_abi::{DType, Tensor};
//!
//! # fn main() -> harness_abi::Result<()> {
//! let tensor = Tensor::from_vec(vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2])?;
//! let view = tensor.view();
//! assert_eq!((view.dtype(), view.shape()), (DType::F32, &[3, 2][..]));
//! view.expect_shape("the features", &[-1, 2])?; // any number of rows
//! assert_eq!(view.as_slice::<f32>()?.chunks_exact(2).next_back(), Some(&[5.0, 6.0][..]));
//! # Ok(())
//! # }
//! ```

mod aligned;
mod dlpack;
mod element;
mod owned;
mod view;

pub use aligned::{ALIGNMENT, AlignedBytes};
pub use dlpack::{DType, Device};
pub use element::Element;
pub use owned::Tensor;
pub use view::TensorView;

pub(crate) use view::element_count;
