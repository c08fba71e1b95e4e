//! A class as a source or a split list refers to it, before it is looked up.

use super::entry::ClassKey;
use std::collections::HashSet;
use std::fmt;

/// A class as a source or a split list refers to it: by text, by number, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Tag {
    pub(crate) text: Option<String>,
    pub(crate) number: Option<u64>,
}

impl Tag {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            number: None,
        }
    }

    pub(crate) fn number(number: u64) -> Self {
        Self {
            text: None,
            number: Some(number),
        }
    }

    pub(crate) fn numbered(number: u64, text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            number: Some(number),
        }
    }

    /// A tag from a text file: a number if it parses as one.
    pub(crate) fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Self::number(number),
            Err(_) => Self::text(text),
        }
    }

    /// Whether `key` refers to this class.
    pub(crate) fn is(&self, key: &ClassKey) -> bool {
        match (key, &self.text, self.number) {
            (ClassKey::Text(key), Some(text), _) => key == text,
            (ClassKey::Text(key), None, Some(number)) => *key == number.to_string(),
            (ClassKey::Number(key), _, Some(number)) => *key == number,
            (ClassKey::Number(key), Some(text), None) => *text == key.to_string(),
            (_, None, None) => false,
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.text, self.number) {
            (Some(text), _) => f.write_str(text),
            (None, Some(number)) => number.fmt(f),
            (None, None) => f.write_str("?"),
        }
    }
}

impl From<ClassKey> for Tag {
    fn from(key: ClassKey) -> Self {
        match key {
            ClassKey::Text(text) => Self::text(text),
            ClassKey::Number(number) => Self::number(number),
        }
    }
}

/// The distinct tags, in order of first occurrence.
pub(crate) fn distinct<'a>(tags: impl Iterator<Item = &'a Tag>) -> impl Iterator<Item = &'a Tag> {
    let mut seen = HashSet::new();
    tags.filter(move |&tag| seen.insert(tag))
}
