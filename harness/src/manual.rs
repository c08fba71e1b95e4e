//! The pages of the manual that are made from the program, so that they cannot differ from it.
//!
//! Each function here returns the Markdown of one page or part. The pages are committed under
//! `harness/book/src/reference`; the tests in `harness/tests/manual` fail if one is out of date.

mod command_line;
mod markdown;
mod parameters;
mod published;
mod scenario;
mod types;

pub use command_line::command_line;
pub use parameters::parameters;
pub use published::published;
pub use scenario::scenario;
