//! The scenario's `checkpoint`: how often a cell's checkpoint is written.

use super::duration::{DurationError, WrittenDuration};
use crate::suggest::closest;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// How often a cell's checkpoint is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpointing {
    /// After every task.
    Always,
    /// After a task, if at least this much time has passed since the last one.
    Every(WrittenDuration),
    /// Never.
    Never,
}

impl Default for Checkpointing {
    fn default() -> Self {
        Checkpointing::Every(DEFAULT)
    }
}

impl Checkpointing {
    /// The time between two checkpoints; `None` if there are none.
    pub fn interval(self) -> Option<Duration> {
        match self {
            Checkpointing::Always => Some(Duration::ZERO),
            Checkpointing::Every(time) => Some(time.into()),
            Checkpointing::Never => None,
        }
    }
}

impl<'de> Deserialize<'de> for Checkpointing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CheckpointingVisitor;

        impl Visitor<'_> for CheckpointingVisitor {
            type Value = Checkpointing;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`always`, `never` or a time such as `30s`, `5m` or `1h`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Checkpointing, E> {
                match text {
                    "always" => Ok(Checkpointing::Always),
                    "never" => Ok(Checkpointing::Never),
                    _ => match text.parse() {
                        Ok(time) => Ok(Checkpointing::Every(time)),
                        Err(_) if closest(text, WORDS).is_some() => {
                            Err(E::unknown_variant(text, &WORDS))
                        }
                        Err(DurationError::Other(_)) => {
                            Err(E::invalid_value(Unexpected::Str(text), &self))
                        }
                        Err(error) => Err(E::custom(error)),
                    },
                }
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Checkpointing, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(CheckpointingVisitor)
    }
}

/// Learning for so long again annoys nobody.
const DEFAULT: WrittenDuration = WrittenDuration::seconds(30);

const WORDS: [&str; 2] = ["always", "never"];

impl fmt::Display for Checkpointing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Checkpointing::Always => f.write_str("always"),
            Checkpointing::Every(time) => time.fmt(f),
            Checkpointing::Never => f.write_str("never"),
        }
    }
}

impl Serialize for Checkpointing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Checkpointing {
    fn schema_name() -> Cow<'static, str> {
        "Checkpointing".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How often a run saves a checkpoint; a duration is the least time between two.",
            "oneOf": [
                {"const": "always", "description": "After every task."},
                {"const": "never", "description": "Never."},
                generator.subschema_for::<WrittenDuration>(),
            ],
        })
    }
}
