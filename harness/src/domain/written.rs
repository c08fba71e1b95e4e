//! The values of a domain's keys, as a scenario writes them.
//!
//! A source is a struct of its keys, which serde fills in. What serde cannot do for a value comes
//! after that: check more than its form, turn a path that is relative to the scenario into one that
//! is valid everywhere, read a list from a separate file. A value that needs any of these
//! implements [`KeyValue`].

use super::error::DomainError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// The value of a key.
pub trait KeyValue {
    /// Checks what the type of the value does not enforce.
    ///
    /// # Errors
    ///
    /// What is wrong, and where in the value.
    fn check(&self) -> Result<(), KeyError> {
        Ok(())
    }

    /// Every path in the value, each with the key below the value's own that holds it (`train`), or
    /// an empty key if the value itself is the path.
    fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        Vec::new()
    }

    /// Reads the file that the value refers to, if any, so that the value no longer needs it.
    ///
    /// # Errors
    ///
    /// If the file cannot be used.
    fn load(&mut self) -> Result<(), DomainError> {
        Ok(())
    }
}

/// A mistake in the value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError {
    /// Where: `classes[2]`, or only `[2]` inside the value of `classes`.
    pub key: String,
    /// What is wrong, and how to fix it.
    pub problem: String,
}

impl<V: KeyValue> KeyValue for Option<V> {
    fn check(&self) -> Result<(), KeyError> {
        self.as_ref().map_or(Ok(()), V::check)
    }

    fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        self.as_mut().map_or_else(Vec::new, V::paths)
    }

    fn load(&mut self) -> Result<(), DomainError> {
        self.as_mut().map_or(Ok(()), V::load)
    }
}

/// Values that need no further work.
macro_rules! plain {
    ($($type:ty),+) => { $(impl KeyValue for $type {})+ };
}

plain!(bool, u32, u64, f64, String);

/// The folder of a source's images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Folder(pub PathBuf);

/// A file for each split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePerSplit {
    /// The file of the train split, relative to the scenario file.
    pub train: PathBuf,
    /// The file of the test split, relative to the scenario file.
    pub test: PathBuf,
}

impl Folder {
    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl KeyValue for Folder {
    fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        vec![("", &mut self.0)]
    }
}

impl KeyValue for FilePerSplit {
    fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        vec![("train", &mut self.train), ("test", &mut self.test)]
    }
}

/// Checks that a list has entries, and that all of them are different; `fix` says what to do about
/// an empty list.
pub(crate) fn check_entries<T: fmt::Display>(entries: &[T], fix: &str) -> Result<(), KeyError> {
    let error = |key: String, problem: String| Err(KeyError { key, problem });
    if entries.is_empty() {
        return error(String::new(), format!("must not be empty; {fix}"));
    }
    let mut seen = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let (key, entry) = (format!("[{index}]"), entry.to_string());
        if entry.is_empty() {
            return error(key, "must not be empty; write some text".to_owned());
        }
        let repeated = format!("`{entry}` is listed twice; keep one of the two");
        if !seen.insert(entry) {
            return error(key, repeated);
        }
    }
    Ok(())
}

/// Deserializes a type from text, a mapping or a list, whichever of these it accepts.
macro_rules! forms {
    ($type:ty, $expecting:literal $(, text: $text:expr)? $(, mapping: $mapping:expr)? $(, list: $list:expr)?) => {
        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                struct Forms;

                impl<'de> ::serde::de::Visitor<'de> for Forms {
                    type Value = $type;

                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str($expecting)
                    }

                    $(fn visit_str<E: ::serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        Ok($text(text.to_owned().into()))
                    })?

                    $(fn visit_map<A: ::serde::de::MapAccess<'de>>(
                        self,
                        map: A,
                    ) -> Result<$type, A::Error> {
                        let map = ::serde::de::value::MapAccessDeserializer::new(map);
                        ::serde::Deserialize::deserialize(map).map($mapping)
                    })?

                    $(fn visit_seq<A: ::serde::de::SeqAccess<'de>>(
                        self,
                        list: A,
                    ) -> Result<$type, A::Error> {
                        let list = ::serde::de::value::SeqAccessDeserializer::new(list);
                        ::serde::Deserialize::deserialize(list).map($list)
                    })?
                }

                deserializer.deserialize_any(Forms)
            }
        }
    };
}
pub(crate) use forms;

forms!(Folder, "the folder of the images", text: Folder);

impl JsonSchema for Folder {
    fn schema_name() -> Cow<'static, str> {
        "Folder".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1})
    }
}

/// The schema of a value that is a path or one of the longer forms.
pub(crate) fn path_or(description: &str, longer: Vec<Schema>) -> Schema {
    let mut forms = vec![json!({"type": "string", "minLength": 1})];
    forms.extend(longer.into_iter().map(Schema::to_value));
    json_schema!({"description": description, "oneOf": forms})
}
