//! The gradient mode, set for a scope and put back.
//!
//! The mode is a variable of the thread that every plugin on one libtorch shares: a backbone called
//! inside a strategy's `no_grad` runs under it too, and its way back then has nothing to go
//! through. So whoever depends on the mode sets it on entry, and leaves it as it was, an error or a
//! panic included. `tch::no_grad(f)` does not put it back after a panic.

use std::marker::PhantomData;

/// The gradient mode of this thread until it is dropped. Bind it to a name: `let _mode =
/// GradientMode::off();`.
#[must_use = "the mode is put back at once if the guard is not kept"]
#[derive(Debug)]
pub struct GradientMode {
    before: bool,
    /// The mode is a thread's own: the guard may not be dropped on another.
    thread: PhantomData<*const ()>,
}

impl GradientMode {
    /// Operations are recorded, so that gradients can be taken.
    pub fn on() -> GradientMode {
        GradientMode::set(true)
    }

    /// Nothing is recorded.
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

/// Sets the mode and says what it was.
fn exchange(enabled: bool) -> bool {
    // SAFETY: the call takes and returns a number, writes a variable of this thread and cannot
    // throw.
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
    fn the_mode_is_put_back_after_a_panic_too() {
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
