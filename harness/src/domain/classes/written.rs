//! The keys `classes` and `leave_out`, as a scenario writes them.

use super::entry::{self, ClassEntry, ClassKey};
use crate::domain::error::DomainError;
use crate::domain::written::{KeyError, KeyValue, check_entries, forms, path_or};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;

/// The reference list of classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Classes {
    /// A file that contains it.
    File(PathBuf),
    /// The list itself.
    Listed(Vec<ClassEntry>),
}

/// Classes to leave out of the domain, as the source or the split list calls them, for example
/// `[NV]`. Every class of the source that is not in `classes` must be listed here; nothing is left
/// out silently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct LeaveOut(#[schemars(length(min = 1), extend("uniqueItems" = true))] pub Vec<ClassKey>);

impl Classes {
    /// The list.
    ///
    /// # Errors
    ///
    /// If it is in a file that cannot be used.
    pub fn entries(&self) -> Result<Cow<'_, [ClassEntry]>, DomainError> {
        match self {
            Self::Listed(entries) => Ok(entries.into()),
            Self::File(path) => entry::read(path).map(Cow::from),
        }
    }
}

impl KeyValue for Classes {
    fn check(&self) -> Result<(), KeyError> {
        let Self::Listed(entries) = self else {
            return Ok(());
        };
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        check_entries(&names, "list the names, or remove the key")?;
        entry::check(entries).map_err(|(at, problem)| KeyError {
            key: format!("[{at}]"),
            problem: format!("{problem}; give each class a unique name and key"),
        })
    }

    fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match self {
            Self::File(path) => vec![("", path)],
            Self::Listed(_) => Vec::new(),
        }
    }

    fn load(&mut self) -> Result<(), DomainError> {
        *self = Self::Listed(self.entries()?.into_owned());
        Ok(())
    }
}

impl KeyValue for LeaveOut {
    fn check(&self) -> Result<(), KeyError> {
        check_entries(&self.0, "name classes, or remove the key")
    }
}

forms!(
    Classes, "a list of classes, or a file that contains it",
    text: Classes::File, list: Classes::Listed
);

impl JsonSchema for Classes {
    fn schema_name() -> Cow<'static, str> {
        "Classes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        path_or(
            "The reference list of classes, in label order: label numbers and class names come only \
             from it. Either the list itself, or a file that contains it (YAML, JSON, or text with \
             one name per line). An entry is a name, or `{name: ladybug, key: n02165456}` if the \
             source calls the class something else. A bare number in the source is an index into the \
             list, from 0, unless keys are numbers. In a text file, a number is looked up as a key or \
             name first. Every class of the domain must be in the list, \
             and every class in the list must have images. Default: the numbers that the source or \
             the split list gives its classes, else natural order.",
            vec![generator.subschema_for::<Vec<ClassEntry>>()],
        )
    }
}
