//! Catches panics, with what is needed to find their cause.
//!
//! A plugin file has its own standard library, and therefore its own panic hook: the host's hook is
//! not called. So the guard installs one in the plugin. Outside a guarded call it calls the
//! previous hook.

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

/// Installs the hook once per plugin file.
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

/// The message given to `panic!`: a literal or a formatted string.
fn message(payload: &dyn Any) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Runs an author's code, and turns a panic into an error that names the call.
///
/// # Errors
///
/// If the code reports an error or panics.
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
        // The payload may panic when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Err(Error::panic(
            format!("the plugin panicked in `{call}`: {message}"),
            backtrace,
        ))
    })
}

/// Runs code in which the guard may swallow a panic, as it does when it drops an author's value.
/// Returns the panic's message and location.
#[cfg(feature = "testkit")]
pub(crate) fn swallowed(f: impl FnOnce()) -> Option<String> {
    install_hook();
    CAUGHT.take();
    DEPTH.set(DEPTH.get() + 1);
    f();
    DEPTH.set(DEPTH.get() - 1);
    CAUGHT.take().map(|(message, _)| message)
}
