//! The guard: turns an author's traits into boundary objects, in the plugin's own file.
//!
//! Every call, creation and drop runs inside [`contained`], which turns a panic into an [`Error`]
//! with message, location and backtrace. An object that has panicked refuses further calls. A panic
//! must not reach the boundary, where it would end the process.
//!
//! The guard adds no threads: every call runs on its caller's thread.

mod backbone;
mod metric;
mod panics;
mod strategy;

pub use backbone::guard_backbone;
pub use metric::guard_metric;
#[cfg(feature = "testkit")]
pub(crate) use panics::swallowed;
pub use panics::{contained, install_hook};
pub use strategy::{check_strategy, guard_strategy};

use crate::error::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An author's value. It is dropped inside the guard, and not called again after a panic.
struct Guarded<T> {
    value: Option<T>,
    poisoned: bool,
}

impl<T> Guarded<T> {
    fn new(value: T) -> Guarded<T> {
        Guarded {
            value: Some(value),
            poisoned: false,
        }
    }

    fn with<R>(&mut self, call: &str, f: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let Some(value) = self.value.as_mut().filter(|_| !self.poisoned) else {
            return Err(Error::failed(format!(
                "`{call}` cannot be called after an earlier call panicked"
            )));
        };
        let result = contained(call, || f(value));
        if let Err(error) = &result {
            self.poisoned |= error.code() == crate::ErrorCode::PANIC;
        }
        result
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let value = self.value.take();
        // A panicking drop leaks what it had not dropped; the panic cannot be reported.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
    }
}
