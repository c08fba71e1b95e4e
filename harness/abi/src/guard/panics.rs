//! Catching panics with what is needed to find their cause.
//!
//! A plugin file has a standard library of its own, and with it a panic hook of its own, which the host's never sees.
//! So the guard installs one in the plugin. Outside a guarded call it does what the hook before it did.

use crate::error::{Error, Result};
use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static CAUGHT: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// Installs the hook, once per plugin file.
pub fn install_hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if DEPTH.get() == 0 {
                return previous(panic);
            }
            let message = message(panic.payload());
            let place = panic
                .location()
                .map(|place| format!(" at {}:{}", place.file(), place.line()))
                .unwrap_or_default();
            let backtrace = Backtrace::force_capture().to_string();
            CAUGHT.set(Some((format!("{message}{place}"), backtrace)));
        }));
    });
}

/// What `panic!` was given: a literal, or a formatted text.
fn message(payload: &dyn Any) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Runs an author's code; a panic becomes an error that names the call.
pub fn contained<T>(call: &str, f: impl FnOnce() -> Result<T>) -> Result<T> {
    install_hook();
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(f));
    DEPTH.set(DEPTH.get() - 1);
    result.unwrap_or_else(|payload| {
        let (message, backtrace) = match CAUGHT.take() {
            Some((message, backtrace)) => (message, Some(backtrace)),
            None => ("no message".into(), None),
        };
        // A payload may panic when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Err(Error::panic(
            format!("the plugin panicked in `{call}`: {message}"),
            backtrace,
        ))
    })
}

/// Runs code in which the guard may swallow a panic, as it does when it drops an author's value; gives the panic's
/// message and place.
#[cfg(feature = "testkit")]
pub(crate) fn swallowed(f: impl FnOnce()) -> Option<String> {
    install_hook();
    CAUGHT.take();
    DEPTH.set(DEPTH.get() + 1);
    f();
    DEPTH.set(DEPTH.get() - 1);
    CAUGHT.take().map(|(message, _)| message)
}
