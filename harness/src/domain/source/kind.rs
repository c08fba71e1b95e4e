//! The trait that makes a struct of keys a source.

use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::written::KeyValue;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A kind of source: a struct whose fields are the keys that go with `source: NAME` in a scenario.
///
/// serde reads the keys and must refuse unknown ones. The doc comments of the struct and its fields
/// become the descriptions in the JSON Schema, which editors show. The same struct, with absolute
/// paths, is sent as JSON to the process of a cell.
///
/// A source with the keys `split`, `classes` and `leave_out` opens with
/// `split_list::matching::contents`, as [`Cub`](super::Cub) does; a self-contained one builds its
/// [`Contents`], as [`Digits`](super::Digits) does.
pub trait SourceKind: Serialize + DeserializeOwned + JsonSchema {
    /// Its name in a scenario.
    const NAME: &'static str;

    /// One line for `clbench ls domains`.
    const SUMMARY: &'static str;

    /// For required keys: what the message about a missing one suggests.
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[];

    /// The value of every key, by its name: `values!(self: path, split)`.
    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)>;

    /// The folder or file that must exist before the domain can be opened.
    fn root(&self) -> Option<&Path>;

    /// Opens and checks the source.
    ///
    /// # Errors
    ///
    /// If the source cannot be used, with one message that names the file.
    fn open(&self) -> Result<Contents, DomainError>;
}

/// The values of a source's keys, by name. A missing key is a compile error.
macro_rules! values {
    ($self:ident: $($key:ident),*) => {{
        let Self { $($key),* } = $self;
        vec![$((stringify!($key), $key as &mut dyn KeyValue)),*]
    }};
}
pub(crate) use values;
