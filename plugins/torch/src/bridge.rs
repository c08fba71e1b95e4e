//! Conversions between the plugin ABI and libtorch.
//!
//! The functions here convert tensors in both directions. The submodules:
//!
//! - [`state`]: saves a strategy's tensors in its state and restores them, bit for bit.
//! - [`device`]: parses a scenario's `device`, and explains why a device is not available.
//! - [`threads`]: sets the number of threads per operation.
//! - [`error`]: turns libtorch's exceptions into the ABI's errors.

pub mod device;
pub mod error;
pub mod state;
mod tensors;
pub mod threads;

pub use error::During;
pub use tensors::{Borrowed, borrow_in, copy_in, copy_out, copy_to, dtype, kind, move_out};
