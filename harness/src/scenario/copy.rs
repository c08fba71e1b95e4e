//! The keys of a domain that lies in files, as written: each may be said in a short form and in a long one.

use crate::domain::{ClassEntry, ValidationPart};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use std::borrow::Cow;
use std::fmt;

/// Where the images are.
#[derive(Debug, Clone)]
pub enum Location {
    /// A folder, a file, or a pattern.
    Here(String),
    /// The files of each split.
    PerSplit(FilesPerSplit),
}

/// The files of each split; each may be a pattern.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesPerSplit {
    /// Those of the train split: a file, a pattern, or a list of these.
    pub train: Files,
    /// Those of the test split: a file, a pattern, or a list of these.
    pub test: Files,
}

/// One file, or several.
#[derive(Debug, Clone)]
pub struct Files(pub Vec<String>);

/// A list of which images belong to the domain.
#[derive(Debug, Clone)]
pub enum Split {
    /// A file that holds both splits.
    One(SplitFile),
    /// A file for each split.
    PerSplit(FilePerSplit),
}

/// A list of both splits.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitFile {
    /// The file, relative to the scenario's.
    pub file: String,
    /// What becomes of the list's validation part: `unused` (default), or `train` to learn from it too.
    pub val: Option<ValidationPart>,
}

/// A file for each split.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePerSplit {
    /// That of the train split, relative to the scenario's file.
    pub train: String,
    /// That of the test split, relative to the scenario's file.
    pub test: String,
}

/// One file, or one for each split.
#[derive(Debug, Clone)]
pub enum OneOrPerSplit {
    /// One file.
    One(String),
    /// A file for each split.
    PerSplit(FilePerSplit),
}

/// The reference list of classes.
#[derive(Debug, Clone)]
pub enum Classes {
    /// A file that holds it.
    File(String),
    /// The list itself.
    Listed(Vec<ClassEntry>),
}

/// Deserializes from text, from a mapping, or from a list, whichever of these the type takes.
macro_rules! forms {
    ($type:ty, $expecting:literal $(, text: $text:expr)? $(, mapping: $mapping:expr)? $(, list: $list:expr)?) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Forms;

                impl<'de> Visitor<'de> for Forms {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    $(fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        Ok($text(text.to_owned()))
                    })?

                    $(fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                        Deserialize::deserialize(MapAccessDeserializer::new(map)).map($mapping)
                    })?

                    $(fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<$type, A::Error> {
                        Deserialize::deserialize(SeqAccessDeserializer::new(list)).map($list)
                    })?
                }

                deserializer.deserialize_any(Forms)
            }
        }
    };
}

forms!(
    Location, "a path, or `{train: …, test: …}`",
    text: Location::Here, mapping: Location::PerSplit
);
forms!(Files, "a path, or a list of paths", text: |text| Files(vec![text]), list: Files);
forms!(
    Split, "a file, `{file: …, val: train}`, or `{train: …, test: …}`",
    text: |file| Split::One(SplitFile { file, val: None }), mapping: SplitForms::split
);
forms!(
    OneOrPerSplit, "a file, or `{train: …, test: …}`",
    text: OneOrPerSplit::One, mapping: OneOrPerSplit::PerSplit
);
forms!(
    Classes, "a list of classes, or a file that holds it",
    text: Classes::File, list: Classes::Listed
);

/// The two mappings that a split may be. Which one it is shows when its keys are known.
enum SplitForms {
    One(SplitFile),
    PerSplit(FilePerSplit),
}

impl SplitForms {
    fn split(self) -> Split {
        match self {
            Self::One(file) => Split::One(file),
            Self::PerSplit(files) => Split::PerSplit(files),
        }
    }
}

impl<'de> Deserialize<'de> for SplitForms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Either {
            file: Option<String>,
            val: Option<ValidationPart>,
            train: Option<String>,
            test: Option<String>,
        }

        let either = Either::deserialize(deserializer)?;
        match either {
            Either {
                file: Some(file),
                val,
                train: None,
                test: None,
            } => Ok(Self::One(SplitFile { file, val })),
            Either {
                file: None,
                val: None,
                train: Some(train),
                test: Some(test),
            } => Ok(Self::PerSplit(FilePerSplit { train, test })),
            _ => Err(de::Error::custom(
                "a list is one file, `{file: split.json, val: unused}`, or one for each split, \
                 `{train: train.yaml, test: test.yaml}`",
            )),
        }
    }
}

/// The schema of a type that is a path or something longer.
fn path_or(
    generator: &mut SchemaGenerator,
    longer: &[fn(&mut SchemaGenerator) -> Schema],
) -> Schema {
    let mut forms = vec![json!({"type": "string", "minLength": 1})];
    forms.extend(longer.iter().map(|schema| schema(generator).to_value()));
    json_schema!({"oneOf": forms})
}

macro_rules! schema {
    ($type:ty, $name:literal, $($longer:ty),+) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                path_or(generator, &[$(|generator| generator.subschema_for::<$longer>()),+])
            }
        }
    };
}

schema!(Location, "Location", FilesPerSplit);
schema!(Files, "Files", Vec<String>);
schema!(Split, "Split", SplitFile, FilePerSplit);
schema!(OneOrPerSplit, "OneOrPerSplit", FilePerSplit);
schema!(Classes, "Classes", Vec<Class>);

/// The schema of a [`ClassEntry`].
struct Class;

impl JsonSchema for Class {
    fn schema_name() -> Cow<'static, str> {
        "Class".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A class: its name, or name and key.",
            "oneOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "minLength": 1, "description": "The class's name."},
                        "key": generator.subschema_for::<Key>(),
                    },
                    "required": ["name"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// The schema of a [`ClassKey`](crate::domain::ClassKey).
pub(super) struct Key;

impl JsonSchema for Key {
    fn schema_name() -> Cow<'static, str> {
        "ClassKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What the copy on disk calls a class: a folder's name, a label that is text, or a number.",
            "oneOf": [{"type": "string"}, {"type": "integer", "minimum": 0}],
        })
    }
}
