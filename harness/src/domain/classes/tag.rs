//! A class as a source or a split list refers to it, before it is looked up.

use super::entry::ClassKey;
use std::collections::HashSet;
use std::fmt;

/// A class as a source or a split list refers to it: by text, by number, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Tag {
    pub(crate) text: Option<String>,
    pub(crate) number: Option<u64>,
    /// The number as a text file writes it, such as `007`. There, only the look-up tells a number
    /// from a name that consists of digits.
    pub(crate) written: Option<String>,
}

impl Tag {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    pub(crate) fn number(number: u64) -> Self {
        Self {
            number: Some(number),
            ..Self::default()
        }
    }

    pub(crate) fn numbered(number: u64, text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            number: Some(number),
            written: None,
        }
    }

    /// A tag from a text file: a number if it parses as one.
    pub(crate) fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Self {
                number: Some(number),
                written: Some(text.to_owned()),
                text: None,
            },
            Err(_) => Self::text(text),
        }
    }

    /// Whether it is a number that is not written as numbers usually are, such as `007`.
    pub(crate) fn is_padded(&self) -> bool {
        let text = self.text.as_ref().filter(|_| self.number.is_none());
        let text = text.or(self.written.as_ref());
        text.is_some_and(|text| number(text).is_none() && text.parse::<u64>().is_ok())
    }

    /// The same class by text alone.
    pub(crate) fn into_text(self) -> Self {
        Self::text(self.to_string())
    }

    /// Whether `key` refers to this class.
    pub(crate) fn is(&self, key: &ClassKey) -> bool {
        if let Some(written) = &self.written {
            return *written == key.to_string();
        }
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
        match (self.text.as_ref().or(self.written.as_ref()), self.number) {
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

/// The number that a text is, if it is written in the usual way: `7`, but not `007` or `+7`.
pub(crate) fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The distinct tags, in order of first occurrence.
pub(crate) fn distinct<'a>(tags: impl Iterator<Item = &'a Tag>) -> impl Iterator<Item = &'a Tag> {
    let mut seen = HashSet::new();
    tags.filter(move |&tag| seen.insert(tag))
}
