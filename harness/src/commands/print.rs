//! Printing to standard output.

use crate::error::Error;
use crate::terminal;

/// Prints text for people.
pub(super) fn print(text: &str) -> Result<(), Error> {
    terminal::print(text).map_err(unwritten)
}

/// Prints what programs read.
pub(super) fn print_data(text: &str) -> Result<(), Error> {
    terminal::print_data(text).map_err(unwritten)
}

fn unwritten(error: std::io::Error) -> Error {
    Error::Internal(format!("writing to standard output: {error}"))
}
