//! A reference list of classes as written in the scenario or in a separate file.

use crate::domain::error::DomainError;
use crate::regular_file::{self, LARGEST_LIST};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// An entry of a reference list of classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassEntry {
    /// The class's name.
    pub name: String,
    /// What the source calls it, if not by its name.
    pub key: Option<ClassKey>,
}

/// What a source calls a class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClassKey {
    /// A folder's name, or a label that is text.
    Text(String),
    /// A label that is a number.
    Number(u64),
}

impl ClassEntry {
    /// What sources call the class.
    pub(crate) fn called(&self) -> String {
        match &self.key {
            Some(key) => key.to_string(),
            None => self.name.clone(),
        }
    }
}

impl fmt::Display for ClassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// Checks that every class has a unique name and that keys are unique.
///
/// # Errors
///
/// The index of the first bad entry, and what is wrong with it.
pub fn check(entries: &[ClassEntry]) -> Result<(), (usize, String)> {
    let mut names = HashMap::new();
    let mut keys = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        if entry.name.trim().is_empty() {
            return Err((at, "a class has no name".to_owned()));
        }
        if let Some(first) = names.insert(&entry.name, at) {
            let (name, first, second) = (&entry.name, first + 1, at + 1);
            return Err((
                at,
                format!("classes {first} and {second} are both named `{name}`"),
            ));
        }
        if let Some(key) = entry.key.as_ref().map(ClassKey::to_string)
            && let Some(first) = keys.insert(key.clone(), at)
        {
            let (first, name) = (&entries[first].name, &entry.name);
            return Err((
                at,
                format!("classes `{first}` and `{name}` share the key `{key}`"),
            ));
        }
    }
    // A source or a split list may use either, so a name must not be another class's key.
    for (at, entry) in entries.iter().enumerate() {
        let other = keys.get(&entry.name).filter(|&&other| other != at);
        if let Some(other) = other.map(|&other| &entries[other])
            && matches!(other.key, Some(ClassKey::Text(_)))
        {
            let (name, other) = (&entry.name, &other.name);
            return Err((
                at,
                format!("`{name}` is both a class name and the key of class `{other}`"),
            ));
        }
    }
    Ok(())
}

/// Reads a reference list from a file: YAML or JSON with a list of names or of `{name, key}`, or
/// text with one name per line.
///
/// # Errors
///
/// If the file cannot be read, or is not a valid list of classes.
pub fn read(path: &Path) -> Result<Vec<ClassEntry>, DomainError> {
    let bad = |problem: String| DomainError::Format {
        place: path.display().to_string(),
        problem,
        fix: "write a list of class names, or of `{name: …, key: …}` entries".to_owned(),
    };
    let text =
        regular_file::read_text(path, LARGEST_LIST).map_err(|cause| DomainError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let entries: Vec<ClassEntry> = match extension.map(str::to_lowercase).as_deref() {
        Some("yaml" | "yml") => {
            serde_yaml::from_str(&text).map_err(|error| bad(error.to_string()))?
        }
        Some("json") => serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?,
        Some("txt") => (text.lines().map(str::trim_end))
            .map(|name| ClassEntry {
                name: name.to_owned(),
                key: None,
            })
            .collect(),
        _ => {
            return Err(bad(
                "unknown file type (expected .yaml, .json or .txt)".to_owned()
            ));
        }
    };
    if entries.is_empty() {
        return Err(bad("the list of classes is empty".to_owned()));
    }
    check(&entries).map_err(|(_, problem)| DomainError::Format {
        place: path.display().to_string(),
        problem,
        fix: "give each class a unique name and key".to_owned(),
    })?;
    Ok(entries)
}

/// In the short form, if it has no key.
impl Serialize for ClassEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(key) = &self.key else {
            return serializer.serialize_str(&self.name);
        };
        let mut entry = serializer.serialize_struct("ClassEntry", 2)?;
        entry.serialize_field("name", &self.name)?;
        entry.serialize_field("key", key)?;
        entry.end()
    }
}

impl<'de> Deserialize<'de> for ClassEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Keyed {
            name: String,
            key: Option<ClassKey>,
        }

        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = ClassEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a class name (text; quote numbers and `yes`) or `{name: …, key: …}`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<ClassEntry, E> {
                Ok(ClassEntry {
                    name: name.to_owned(),
                    key: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClassEntry, A::Error> {
                let Keyed { name, key } = Keyed::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ClassEntry { name, key })
            }
        }

        deserializer.deserialize_any(EntryVisitor)
    }
}

impl Serialize for ClassKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
        }
    }
}

impl<'de> Deserialize<'de> for ClassKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = ClassKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the source's name for the class: text or a whole number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ClassKey, E> {
                Ok(ClassKey::Text(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<ClassKey, E> {
                Ok(ClassKey::Number(number))
            }
        }

        deserializer.deserialize_any(KeyVisitor)
    }
}

impl JsonSchema for ClassEntry {
    fn schema_name() -> Cow<'static, str> {
        "Class".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A class: its name, or its name and key.",
            "oneOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "minLength": 1, "description": "The class's name."},
                        "key": generator.subschema_for::<ClassKey>(),
                    },
                    "required": ["name"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

impl JsonSchema for ClassKey {
    fn schema_name() -> Cow<'static, str> {
        "ClassKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What the source calls a class: a folder name, a text label or a number.",
            "oneOf": [{"type": "string"}, {"type": "integer", "minimum": 0}],
        })
    }
}
