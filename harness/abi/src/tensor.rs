//! Tensors that cross the boundary without a copy.
//!
//! The layout is [DLPack](https://dmlc.github.io/dlpack/latest/)'s: a [`TensorView`] is a `DLTensor` that borrows, a
//! [`Tensor`] is a pointer to a `DLManagedTensorVersioned` that owns, with the producer's deleter. So a tensor can be
//! handed to Python, JAX or any other framework as it is, and nothing is copied on the way through.
//!
//! - Shapes and strides are in elements. Missing strides mean row-major and contiguous.
//! - A view lives for the call only. Who wants to keep the values copies them, or holds their owner.
//! - [`TensorView::read_only`] marks memory that must not be written, such as a mapped file.
//! - Work on a device is ordered on its default stream; a producer on another stream synchronises before it returns.

mod dlpack;
mod element;
mod owned;
mod view;

pub use dlpack::{DType, Device};
pub use element::Element;
pub use owned::Tensor;
pub use view::TensorView;
