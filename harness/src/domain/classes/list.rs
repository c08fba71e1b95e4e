//! The classes of a domain by label, and the look-up of tags among them.

use super::entry::{ClassEntry, ClassKey};
use super::numbered;
use super::tag::{Tag, number};
use crate::domain::error::DomainError;
use crate::domain::match_error::MatchError;
use crate::domain::natural_order;
use crate::domain::sample::Split;
use crate::id::Label;
use crate::suggest::{closest, hint};
use std::collections::HashMap;
use std::path::Path;

/// A list of classes in which tags are looked up.
pub(crate) struct ClassList {
    names: Vec<String>,
    /// What sources call the classes.
    keys: Vec<String>,
    by_name: HashMap<String, Label>,
    by_text: HashMap<String, Label>,
    by_number: HashMap<u64, Label>,
    /// Whether bare numbers are indices into the list.
    by_place: bool,
}

impl ClassList {
    /// A reference list whose entries passed [`check`](super::entry::check).
    pub(crate) fn new(entries: &[ClassEntry]) -> Self {
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

    /// The list of a domain without a reference list: by number if classes have numbers, else in
    /// natural order.
    ///
    /// `declared` are the classes that the source declares, `used` those of its samples.
    pub(crate) fn derived(
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
        // With `007` among them, they are names: `7` and `07` may be two classes.
        let padded = tags.iter().any(Tag::is_padded);
        if padded {
            let is_name = |tag: &Tag| tag.text.is_none() || tag.number.is_none();
            tags = (tags.into_iter())
                .map(|tag| if is_name(&tag) { tag.into_text() } else { tag })
                .collect();
        }
        for tag in &mut tags {
            tag.written = None;
        }
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
                    number.map_or("a class without a number".to_owned(), |n| n.to_string())
                };
                let (one, other) = (call(other), call(tag.number));
                return Err(bad(format!(
                    "class name `{text}` is used twice (for {one} and {other})"
                )));
            }
        }
        for pair in tags.windows(2) {
            if pair[0].number.is_some() && pair[0].number == pair[1].number {
                let number = pair[0].number.unwrap_or_default();
                let (one, other) = (&pair[0], &pair[1]);
                return Err(bad(format!(
                    "class {number} has two names, `{one}` and `{other}`"
                )));
            }
        }
        let texts = tags.iter().filter(|tag| tag.text.is_some()).count();
        if texts == 0 {
            // Bare numbers count from 0, so a gap is a class without samples.
            let gap = (0..).zip(&tags).find(|(n, tag)| tag.number != Some(*n));
            if let Some((number, _)) = gap {
                return Err(DomainError::ClassWithoutSamples {
                    path: source.to_owned(),
                    class: number.to_string(),
                    split: Split::Train,
                });
            }
        } else if texts < tags.len() {
            let bare = tags.iter().find(|tag| tag.text.is_none());
            let bare = bare.map(Tag::to_string).unwrap_or_default();
            return Err(bad(format!("label {bare} has no class name")));
        }
        let called: Vec<String> = tags.iter().map(Tag::to_string).collect();
        let entries: Vec<ClassEntry> = match numbered::names(&called) {
            Some(names) => (names.into_iter().zip(called))
                .map(|(name, called)| ClassEntry {
                    name,
                    key: Some(ClassKey::Text(called)),
                })
                .collect(),
            // As a key, a number is text, not a place in the list.
            None => (called.into_iter())
                .map(|name| ClassEntry {
                    key: padded.then(|| ClassKey::Text(name.clone())),
                    name,
                })
                .collect(),
        };
        Ok(Self::new(&entries))
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether bare numbers are indices into the list: no class has a number as its key.
    pub(crate) fn by_place(&self) -> bool {
        self.by_place
    }

    pub(crate) fn into_names(self) -> Vec<String> {
        self.names
    }

    /// The class that a tag refers to.
    pub(crate) fn find(&self, tag: &Tag) -> Option<Label> {
        let by_number = |number: u64| self.by_number.get(&number).copied();
        if let Some(label) = tag
            .written
            .as_ref()
            .and_then(|text| self.find_written(text))
        {
            return Some(label);
        }
        match (&tag.text, tag.number) {
            // A key takes precedence over a name, also the key of the number that a source gives.
            (Some(text), Some(number)) if !self.by_text.contains_key(text) => {
                by_number(number).or_else(|| self.find_text(text))
            }
            (Some(text), _) => self.find_written(text),
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

    /// The class that a text refers to, as written: `007` is 7 only if nothing is called `007`.
    fn find_written(&self, text: &str) -> Option<Label> {
        let by_number = |number: u64| self.by_number.get(&number).copied();
        // Keys take precedence over names; a folder called `7` has the key 7.
        (self.by_text.get(text).copied())
            .or_else(|| number(text).and_then(by_number))
            .or_else(|| self.by_name.get(text).copied())
            .or_else(|| text.parse().ok().and_then(by_number))
    }

    /// The class whose key or name is this text. [`check`](super::entry::check) ensures that no
    /// name is another class's key.
    pub(crate) fn find_text(&self, text: &str) -> Option<Label> {
        let found = self.by_text.get(text).or_else(|| self.by_name.get(text));
        found.copied()
    }

    /// All keys and names.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().chain(&self.names).map(String::as_str)
    }

    /// The error about a tag that matches no class.
    pub(crate) fn unknown(&self, place: String, tag: &Tag) -> DomainError {
        if tag.text.is_none() && self.by_place {
            let (label, classes) = (tag.to_string(), self.names.len());
            return MatchError::NumberOfNoClass {
                place,
                label,
                classes,
            }
            .into();
        }
        let class = tag.to_string();
        let hint = match closest(&class, self.words()) {
            Some(word) => format!("; did you mean `{word}`?"),
            // Printing a long list would not help.
            None if self.keys.len() > 20 => String::new(),
            None => hint(&class, self.keys.iter().map(String::as_str)),
        };
        MatchError::UnknownClass { place, class, hint }.into()
    }
}

#[cfg(test)]
mod tests;
