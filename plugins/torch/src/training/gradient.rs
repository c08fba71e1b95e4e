//! The gradient mode, set for a scope and restored after it.
//!
//! The mode is thread-local and shared by all plugins on one libtorch: a backbone called inside a
//! strategy's `no_grad` inherits it, and then has no graph for its backward pass. So code that
//! depends on the mode sets it on entry and restores it on exit, even after an error or a panic.
//! `tch::no_grad(f)` does not restore it after a panic.

use std::marker::PhantomData;

/// Sets the gradient mode of this thread until it is dropped. Bind it to a name:
/// `let _mode = GradientMode::off();`.
#[must_use = "the mode is restored at once if the guard is not kept"]
#[derive(Debug)]
pub struct GradientMode {
    before: bool,
    /// The mode is thread-local, so the guard must not be dropped on another thread.
    thread: PhantomData<*const ()>,
}

impl GradientMode {
    /// Records operations, so that gradients can be computed.
    pub fn on() -> GradientMode {
        GradientMode::set(true)
    }

    /// Records nothing.
    pub fn off() -> GradientMode {
        GradientMode::set(false)
    }

    fn set(enabled: bool) -> GradientMode {
        GradientMode {
            before: exchange(enabled),
            thread: PhantomData,
        }
    }
}

impl Drop for GradientMode {
    fn drop(&mut self) {
        exchange(self.before);
    }
}

/// Sets the mode and returns the previous one.
fn exchange(enabled: bool) -> bool {
    // SAFETY: the call takes and returns a number, writes a thread-local variable and cannot throw.
    unsafe { torch_sys::at_grad_set_enabled(enabled.into()) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    fn recorded() -> bool {
        let leaf = Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        (leaf * 2.0).requires_grad()
    }

    #[test]
    fn the_mode_is_restored_even_after_a_panic() {
        assert!(recorded());
        let panicked = std::panic::catch_unwind(|| {
            let _off = GradientMode::off();
            assert!(!recorded());
            {
                let _on = GradientMode::on();
                assert!(recorded());
            }
            assert!(!recorded());
            panic!("in the middle of it");
        });
        assert!(panicked.is_err());
        assert!(recorded());
    }
}
