//! Printing to standard output.

use crate::error::Error;
use crate::terminal;

/// Prints text for people.
pub(super) fn print(text: &str) -> Result<(), Error> {
    terminal::print(text).map_err(Error::Output)
}

/// Prints what programs read.
pub(super) fn print_data(text: &str) -> Result<(), Error> {
    terminal::print_data(text).map_err(Error::Output)
}
