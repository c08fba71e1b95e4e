//! A node as a serde deserializer, with errors in the terms of YAML rather than of Rust.
//!
//! The deserializer of a YAML library reports "invalid type: string, expected u32" as one string.
//! This one reports a [`Problem`] that keeps its values, so that a message can say "expected a
//! whole number, found the text `five`" and an unknown key can be compared with the known ones.

use super::tree::{Node, Value};
use crate::scenario::error::{Problem, in_words};
use serde::de::value::{BorrowedStrDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{self, IntoDeserializer, Unexpected, Visitor};

impl Value {
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => Unexpected::Unsigned(value),
                (_, Some(value), _) => Unexpected::Signed(value),
                (_, _, Some(value)) => Unexpected::Float(value),
                _ => Unexpected::Other("a number"),
            },
            Value::Text(text) => Unexpected::Str(text),
            Value::List(_) => Unexpected::Seq,
            Value::Mapping(_) => Unexpected::Map,
            Value::Tagged(_) => Unexpected::Other("a tagged value"),
        }
    }

    /// The kind of value, as messages call it.
    pub fn in_words(&self) -> String {
        in_words(self.unexpected())
    }

    /// The problem with this value as a key. Only text can be one.
    pub(super) fn not_a_key(&self) -> Problem {
        let found = match self {
            Value::Tagged(tag) => {
                let tag = tag.as_ref().to_owned();
                return Problem::Tag { tag };
            }
            Value::Number(number) => format!("the number {number}"),
            other => other.in_words(),
        };
        Problem::KeyNotText { found }
    }
}

impl Node {
    /// The kind of value, as messages call it.
    pub fn in_words(&self) -> String {
        self.value.in_words()
    }

    fn wrong_type(&self, expected: &str) -> Problem {
        match &self.value {
            Value::Tagged(tag) => Problem::Tag {
                tag: tag.as_ref().to_owned(),
            },
            _ => Problem::WrongType {
                expected: expected.to_owned(),
                found: self.in_words(),
            },
        }
    }

    fn whole_number(&self, most: u64) -> Result<u64, Problem> {
        let Value::Number(number) = &self.value else {
            return Err(self.wrong_type("a whole number"));
        };
        match (number.as_u64(), number.as_i64()) {
            (Some(found), _) if found > most => Err(Problem::TooLarge { found, most }),
            (Some(found), _) => Ok(found),
            (None, Some(found)) => Err(Problem::Negative { found }),
            (None, None) => Err(self.wrong_type("a whole number")),
        }
    }

    fn text(&self) -> Result<&str, Problem> {
        match &self.value {
            Value::Text(text) => Ok(text),
            // `name: 2024` looks like text to whoever writes it.
            Value::Bool(_) | Value::Number(_) => Err(Problem::NotQuoted {
                found: self.in_words(),
            }),
            _ => Err(self.wrong_type("text")),
        }
    }

    /// The entries in the order of the file, except that `first` comes before all others.
    fn entries<'de, V: Visitor<'de>>(
        &'de self,
        first: Option<&str>,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let Value::Mapping(mapping) = &self.value else {
            return Err(self.wrong_type("a mapping"));
        };
        let first = first.and_then(|key| mapping.get_full(key));
        let first_index = first.map(|(index, ..)| index);
        let others = mapping.iter().enumerate();
        let others = others.filter(|(index, _)| Some(*index) != first_index);
        let entries = first
            .map(|(_, key, value)| (key, value))
            .into_iter()
            .chain(others.map(|(_, entry)| entry))
            .map(|(key, value)| (BorrowedStrDeserializer::new(key), value));
        visitor.visit_map(MapDeserializer::new(entries))
    }
}

impl<'de> IntoDeserializer<'de, Problem> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, Some(value)) if value.is_finite() => visitor.visit_f64(value),
                // Parameters are passed as JSON, in which infinity would become null.
                _ => Err(Problem::NotFinite {
                    found: number.to_string(),
                }),
            },
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Mapping(_) => self.entries(None, visitor),
            Value::Tagged(_) => Err(self.wrong_type("")),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_u64(self.whole_number(u32::MAX.into())?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_u64(self.whole_number(u64::MAX)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.value {
            Value::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            _ => Err(self.wrong_type("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.entries(None, visitor)
    }

    /// A struct's first key is read first, wherever it is written, since it may decide what the
    /// others mean.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.entries(keys.first().copied(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        // In quotes it would be no better.
        if let Value::Bool(_) | Value::Number(_) = &self.value {
            return Err(Problem::UnknownValue {
                value: self.in_flow(),
                known: variants.iter().map(|&known| known.to_owned()).collect(),
            });
        }
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct ignored_any
    }
}
