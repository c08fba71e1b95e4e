//! A YAML value as a serde deserializer that speaks the user's language.
//!
//! The deserializer that comes with the YAML library reports "invalid type: string, expected u32" as one string. This one
//! reports a [`Problem`] that carries its values, so that a message can say "expected a whole number, found the text
//! `five`" and an unknown key can be compared with the known ones.

use super::error::{Problem, in_words};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, IntoDeserializer, Unexpected, Visitor};
use serde_yaml::Value;

/// One value of the YAML tree.
#[derive(Clone, Copy)]
pub struct Node<'de>(pub &'de Value);

impl<'de> Node<'de> {
    fn unexpected(self) -> Unexpected<'de> {
        match self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => Unexpected::Unsigned(value),
                (_, Some(value), _) => Unexpected::Signed(value),
                (_, _, Some(value)) => Unexpected::Float(value),
                _ => Unexpected::Other("a number"),
            },
            Value::String(text) => Unexpected::Str(text),
            Value::Sequence(_) => Unexpected::Seq,
            Value::Mapping(_) => Unexpected::Map,
            Value::Tagged(_) => Unexpected::Other("a tagged value"),
        }
    }

    /// What kind of value this is, as messages say it.
    pub fn in_words(self) -> String {
        in_words(self.unexpected())
    }

    fn wrong_type(self, expected: &str) -> Problem {
        match self.0 {
            Value::Tagged(tagged) => Problem::Tag {
                tag: tagged.tag.to_string(),
            },
            _ => Problem::WrongType {
                expected: expected.to_owned(),
                found: self.in_words(),
            },
        }
    }

    fn whole_number(self, most: u64) -> Result<u64, Problem> {
        let Value::Number(number) = self.0 else {
            return Err(self.wrong_type("a whole number"));
        };
        match (number.as_u64(), number.as_i64()) {
            (Some(found), _) if found > most => Err(Problem::TooLarge { found, most }),
            (Some(found), _) => Ok(found),
            (None, Some(found)) => Err(Problem::Negative { found }),
            (None, None) => Err(self.wrong_type("a whole number")),
        }
    }

    fn text(self) -> Result<&'de str, Problem> {
        match self.0 {
            Value::String(text) => Ok(text),
            // `name: 2024` and `classes: [yes, no]` look like text to whoever writes them.
            Value::Bool(_) | Value::Number(_) => Err(Problem::NotQuoted {
                found: self.in_words(),
            }),
            _ => Err(self.wrong_type("text")),
        }
    }

    fn entries<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Value::Mapping(mapping) => {
                let entries = mapping.iter().map(|(key, value)| (Node(key), Node(value)));
                visitor.visit_map(MapDeserializer::new(entries))
            }
            _ => Err(self.wrong_type("a mapping")),
        }
    }
}

impl<'de> IntoDeserializer<'de, Problem> for Node<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for Node<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, Some(value)) if value.is_finite() => visitor.visit_f64(value),
                // JSON, in which parameters travel, has no infinity; it would turn into null.
                _ => Err(Problem::NotFinite {
                    found: number.to_string(),
                }),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Sequence(_) => self.deserialize_seq(visitor),
            Value::Mapping(_) => self.entries(visitor),
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
        match self.0 {
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
        match self.0 {
            Value::Sequence(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(Node)))
            }
            _ => Err(self.wrong_type("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.entries(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let Value::Mapping(mapping) = self.0 else {
            return Err(self.wrong_type("a mapping"));
        };
        let mut entries: Vec<_> = mapping.iter().map(|(k, v)| (Node(k), Node(v))).collect();
        // What a domain's other keys mean depends on `source`, so a struct's first key comes first.
        entries.sort_by_key(|(key, _)| key.0.as_str() != keys.first().copied());
        visitor.visit_map(MapDeserializer::new(entries.into_iter()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct ignored_any
    }
}
