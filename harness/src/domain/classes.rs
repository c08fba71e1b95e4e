//! The classes of a domain: the scenario's own reference list, and how what a copy or a list calls a class is found in it.
//!
//! Label numbers decide which class comes when, so they must not depend on how a copy happens to be laid out. With a
//! reference list, a label is a class's place in that list; a copy's words (folder names, label texts) are looked up by
//! key or name, its bare numbers by place, unless the list gives numbers as keys. Without one, the copy's own order is all
//! there is.

mod entry;

use super::copy_error::CopyError;
use super::error::DomainError;
use super::natural_order;
use crate::id::Label;
use crate::suggest::{closest, hint};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

pub use entry::{ClassEntry, ClassKey, ClassesFrom, check};

/// A class as a copy or a list speaks of it: by its text, its number, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Tag {
    pub(super) text: Option<String>,
    pub(super) number: Option<u64>,
}

/// A list of classes in which tags are looked up.
pub(super) struct ClassList {
    names: Vec<String>,
    /// What copies call the classes.
    keys: Vec<String>,
    by_name: HashMap<String, Label>,
    by_text: HashMap<String, Label>,
    by_number: HashMap<u64, Label>,
    /// Whether bare numbers are places in the list.
    by_place: bool,
}

impl Tag {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            number: None,
        }
    }

    pub(super) fn number(number: u64) -> Self {
        Self {
            text: None,
            number: Some(number),
        }
    }

    pub(super) fn numbered(number: u64, text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            number: Some(number),
        }
    }

    /// What a text file says: a number if it is one.
    pub(super) fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Self::number(number),
            Err(_) => Self::text(text),
        }
    }

    /// Whether `key` means this class.
    pub(super) fn is(&self, key: &ClassKey) -> bool {
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

impl ClassList {
    /// A reference list, whose entries [`check`] has found to be in order.
    pub(super) fn new(entries: &[ClassEntry]) -> Self {
        let mut list = Self {
            names: entries.iter().map(|entry| entry.name.clone()).collect(),
            keys: entries.iter().map(ClassEntry::called).collect(),
            by_name: HashMap::new(),
            by_text: HashMap::new(),
            by_number: HashMap::new(),
            by_place: true,
        };
        for (label, entry) in (0..).map(Label).zip(entries) {
            list.by_name.insert(entry.name.clone(), label);
            match &entry.key {
                None => {}
                Some(ClassKey::Text(text)) => {
                    list.by_place &= text.parse::<u64>().is_err();
                    list.by_text.insert(text.clone(), label);
                }
                Some(ClassKey::Number(number)) => {
                    list.by_place = false;
                    list.by_number.insert(*number, label);
                }
            }
        }
        list
    }

    /// The list that a domain without a reference list has: by number where classes have numbers, else in natural order.
    ///
    /// `declared` are the classes that the copy says there are, `used` those of its samples.
    pub(super) fn derived(
        source: &Path,
        declared: Option<&[Tag]>,
        used: impl Iterator<Item = Tag>,
    ) -> Result<Self, DomainError> {
        let bad = |problem: String| DomainError::ClassNames {
            path: source.to_owned(),
            problem,
        };
        let mut tags: Vec<Tag> = match declared {
            Some(declared) => declared.to_vec(),
            None => used.collect(),
        };
        tags.sort_unstable_by(|a, b| {
            let texts = natural_order::compare(
                a.text.as_deref().unwrap_or(""),
                b.text.as_deref().unwrap_or(""),
            );
            a.number.cmp(&b.number).then(texts)
        });
        tags.dedup();
        let mut numbers: HashMap<&str, Option<u64>> = HashMap::new();
        for tag in &tags {
            if let Some(text) = &tag.text
                && let Some(other) = numbers.insert(text, tag.number)
            {
                let call = |number: Option<u64>| {
                    number.map_or("a class without number".to_owned(), |n| n.to_string())
                };
                let (one, other) = (call(other), call(tag.number));
                return Err(bad(format!("have `{text}` twice (for {one} and {other})")));
            }
        }
        for pair in tags.windows(2) {
            if pair[0].number.is_some() && pair[0].number == pair[1].number {
                let number = pair[0].number.unwrap_or_default();
                let (one, other) = (&pair[0], &pair[1]);
                return Err(bad(format!("call {number} both `{one}` and `{other}`")));
            }
        }
        let texts = tags.iter().filter(|tag| tag.text.is_some()).count();
        if texts == 0 {
            // Bare numbers count from 0, so one that is missing is a class without samples.
            let gap = (0..).zip(&tags).find(|(n, tag)| tag.number != Some(*n));
            if let Some((number, _)) = gap {
                return Err(DomainError::ClassWithoutSamples {
                    path: source.to_owned(),
                    class: number.to_string(),
                    split: super::Split::Train,
                });
            }
        } else if texts < tags.len() {
            let bare = tags.iter().find(|tag| tag.text.is_none());
            let bare = bare.map(Tag::to_string).unwrap_or_default();
            return Err(bad(format!("lack one for label {bare}")));
        }
        let entries: Vec<ClassEntry> = (tags.into_iter())
            .map(|tag| ClassEntry {
                name: tag.to_string(),
                key: None,
            })
            .collect();
        Ok(Self::new(&entries))
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether bare numbers are places in the list: no class has a number for a key.
    pub(super) fn by_place(&self) -> bool {
        self.by_place
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }

    /// The class that a tag means.
    pub(super) fn find(&self, tag: &Tag) -> Option<Label> {
        let by_number = |number: u64| self.by_number.get(&number).copied();
        match (&tag.text, tag.number) {
            // A key counts for more than a name; a folder called `7` has the key 7.
            (Some(text), number) => number
                .or_else(|| text.parse().ok())
                .filter(|_| !self.by_text.contains_key(text))
                .and_then(by_number)
                .or_else(|| self.find_text(text)),
            (None, Some(number)) if self.by_place => {
                let label = u32::try_from(number).ok()?;
                ((label as usize) < self.names.len()).then_some(Label(label))
            }
            (None, Some(number)) => {
                by_number(number).or_else(|| self.by_text.get(&number.to_string()).copied())
            }
            (None, None) => None,
        }
    }

    /// The class whose key or name is this text; [`check`] has seen to it that no name is another class's key.
    pub(super) fn find_text(&self, text: &str) -> Option<Label> {
        let found = self.by_text.get(text).or_else(|| self.by_name.get(text));
        found.copied()
    }

    /// All words that mean a class.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().chain(&self.names).map(String::as_str)
    }

    /// What to do about a tag that means none of the classes.
    pub(super) fn unknown(&self, place: String, tag: &Tag) -> DomainError {
        if tag.text.is_none() && self.by_place {
            let (label, classes) = (tag.to_string(), self.names.len());
            return CopyError::NumberOfNoClass {
                place,
                label,
                classes,
            }
            .into();
        }
        let class = tag.to_string();
        let hint = match closest(&class, self.words()) {
            Some(word) => format!("; did you mean `{word}`?"),
            // The whole list would be no help.
            None if self.keys.len() > 20 => String::new(),
            None => hint(&class, self.keys.iter().map(String::as_str)),
        };
        CopyError::UnknownClass { place, class, hint }.into()
    }
}

/// Tags as they occur, each once.
pub(super) fn distinct<'a>(tags: impl Iterator<Item = &'a Tag>) -> impl Iterator<Item = &'a Tag> {
    let mut seen = HashSet::new();
    tags.filter(move |&tag| seen.insert(tag))
}

#[cfg(test)]
mod tests;
