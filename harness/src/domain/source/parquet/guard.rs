//! Calls of the parquet library that survive its panics: it trusts the content of a page, so a
//! damaged one can end in a failed assertion or a slice that is too short.

use ::parquet::errors::ParquetError;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether a guarded call is running on this thread.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Calls the library. A panic becomes an error, and is not printed.
pub(super) fn guarded<T>(
    call: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, ParquetError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let printing = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                printing(panic);
            }
        }));
    });
    let before = GUARDED.replace(true);
    // What the call may leave half done is dropped with it.
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(before);
    result.unwrap_or_else(|_| {
        let message = "a page contradicts its header";
        Err(ParquetError::General(message.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let empty: [u8; 0] = [];
        let index = empty.len();
        let result = guarded(|| Ok(empty[index]));
        assert_eq!(
            result.unwrap_err().to_string(),
            "Parquet error: a page contradicts its header"
        );
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
    }
}
