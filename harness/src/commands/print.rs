//! What commands print.

use crate::error::Error;
use std::io::Write;

/// To standard output. A reader that has left (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{newline}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Internal(
            format!("writing to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}
