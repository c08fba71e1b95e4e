//! What makes a struct of keys a source.

use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::written::KeyValue;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A kind of source: a struct whose fields are the keys that `source: NAME` takes in a scenario.
///
/// serde reads the keys and must refuse unknown ones; the struct's and the fields' doc comments are
/// the descriptions that editors show, by way of the JSON Schema. The same struct, with its paths
/// made absolute, travels as JSON to the process of a cell.
///
/// A source that takes `split`, `classes` and `leave_out` opens with
/// `split_list::matching::contents`, as [`Cub`](super::Cub) does; one that is complete in itself
/// builds its [`Contents`], as [`Digits`](super::Digits) does.
pub trait SourceKind: Serialize + DeserializeOwned + JsonSchema {
    /// As a scenario writes it.
    const NAME: &'static str;

    /// One line for `clbench ls domains`.
    const SUMMARY: &'static str;

    /// For keys that are required: what a message about a missing one tells to add.
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[];

    /// The value of every key, by its name: `values!(self: path, split)`.
    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)>;

    /// What must be on the disk before the domain can be opened.
    fn root(&self) -> Option<&Path>;

    /// Opens and checks the source.
    ///
    /// # Errors
    ///
    /// If it cannot be used, with one message that names the file.
    fn open(&self) -> Result<Contents, DomainError>;
}

/// The values of a source's keys, by their names. A key that is left out does not compile.
macro_rules! values {
    ($self:ident: $($key:ident),*) => {{
        let Self { $($key),* } = $self;
        vec![$((stringify!($key), $key as &mut dyn KeyValue)),*]
    }};
}
pub(crate) use values;
