//! Between the boundary and libtorch.
//!
//! Tensors come in and go out by the functions here. Beside them:
//!
//! - [`state`]: a strategy's tensors into its state and back, bit for bit.
//! - [`device`]: what a scenario's `device` means, and what is said if there is no such device.
//! - [`threads`]: how many threads an operation may use.
//! - [`error`]: what libtorch throws, as the boundary's error.

pub mod device;
pub mod error;
pub mod state;
mod tensors;
pub mod threads;

pub use error::During;
pub use tensors::{Borrowed, borrow_in, copy_in, copy_out, copy_to, dtype, kind, move_out};
