//! The classes of a domain: the scenario's own reference list, and how what a copy or a list calls a class is found in it.
//!
//! Label numbers decide which class comes when, so they must not depend on how a copy happens to be laid out. With a
//! reference list, a label is a class's place in that list; a copy's words (folder names, label texts) are looked up by
//! key or name, its bare numbers by place, unless the list gives numbers as keys. Without one, the copy's own order is all
//! there is.

use super::error::DomainError;
use super::natural_order;
use crate::id::Label;
use crate::suggest::hint;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// An entry of a reference list of classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassEntry {
    /// The class's name.
    pub name: String,
    /// What the copy on disk calls it, where that is not its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<ClassKey>,
}

/// What a copy on disk calls a class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClassKey {
    /// A folder's name, or a label that is text.
    Text(String),
    /// A label that is a number.
    Number(u64),
}

/// A class as a copy or a list speaks of it: by its text, its number, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Tag {
    pub(super) text: Option<String>,
    pub(super) number: Option<u64>,
}

/// A list of classes in which tags are looked up.
pub(super) struct ClassList {
    names: Vec<String>,
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

impl fmt::Display for ClassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl ClassList {
    /// A reference list, whose entries [`check`] has found to be in order.
    pub(super) fn new(entries: &[ClassEntry]) -> Self {
        let mut list = Self {
            names: entries.iter().map(|entry| entry.name.clone()).collect(),
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

    /// What to do about a tag that means none of the classes.
    pub(super) fn unknown(&self, place: String, tag: &Tag) -> DomainError {
        if tag.text.is_none() && self.by_place {
            let (label, classes) = (tag.to_string(), self.names.len());
            return DomainError::NumberOfNoClass {
                place,
                label,
                classes,
            };
        }
        let class = tag.to_string();
        let keys = self.by_name.keys().chain(self.by_text.keys());
        let mut keys: Vec<&str> = keys.map(String::as_str).collect();
        keys.sort_unstable();
        // The whole list would be no help.
        let hint = if keys.len() <= 20 || crate::suggest::closest(&class, keys.clone()).is_some() {
            hint(&class, keys)
        } else {
            String::new()
        };
        DomainError::UnknownClass { place, class, hint }
    }
}

/// Checks that every class has a name of its own and, if any, a key of its own; else what is wrong, and with which entry.
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
                format!("two classes are called `{name}`, the {first}. and the {second}."),
            ));
        }
        if let Some(key) = entry.key.as_ref().map(ClassKey::to_string)
            && let Some(first) = keys.insert(key.clone(), at)
        {
            let (first, name) = (&entries[first].name, &entry.name);
            return Err((
                at,
                format!("the classes `{first}` and `{name}` have one key, `{key}`"),
            ));
        }
    }
    // A copy or a list may use either, so they must not be taken for each other.
    for (at, entry) in entries.iter().enumerate() {
        let other = keys.get(&entry.name).filter(|&&other| other != at);
        if let Some(other) = other.map(|&other| &entries[other])
            && matches!(other.key, Some(ClassKey::Text(_)))
        {
            let (name, other) = (&entry.name, &other.name);
            return Err((
                at,
                format!("`{name}` is a class's name, and the key of the class `{other}`"),
            ));
        }
    }
    Ok(())
}

/// Reads a reference list from a file: YAML or JSON, a list of names or of `{name, key}`; or text, one name a line.
pub fn read(path: &Path) -> Result<Vec<ClassEntry>, DomainError> {
    let bad = |problem: String| DomainError::Format {
        place: path.display().to_string(),
        problem,
        mend: "give a list of class names, or of `{name: …, key: …}`".to_owned(),
    };
    let text = fs::read_to_string(path).map_err(|cause| DomainError::Unreadable {
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
                "neither .yaml, .json nor .txt, so its form is unknown".to_owned()
            ));
        }
    };
    if entries.is_empty() {
        return Err(bad("the list of classes is empty".to_owned()));
    }
    check(&entries).map_err(|(_, problem)| DomainError::Format {
        place: path.display().to_string(),
        problem,
        mend: "give each class a name and a key of its own".to_owned(),
    })?;
    Ok(entries)
}

/// Where the reference list of a scenario stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassesFrom {
    /// In the scenario itself.
    Scenario(Vec<ClassEntry>),
    /// In a file of its own.
    File(PathBuf),
}

impl ClassesFrom {
    /// The list; a relative path starts in the current folder.
    pub fn entries(&self) -> Result<Vec<ClassEntry>, DomainError> {
        match self {
            Self::Scenario(entries) => Ok(entries.clone()),
            Self::File(path) => read(&std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        }
    }
}

/// Tags as they occur, each once.
pub(super) fn distinct<'a>(tags: impl Iterator<Item = &'a Tag>) -> impl Iterator<Item = &'a Tag> {
    let mut seen = HashSet::new();
    tags.filter(move |&tag| seen.insert(tag))
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
                f.write_str(
                    "a class name (text; numbers and `yes` in quotes) or `{name: …, key: …}`",
                )
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
                f.write_str("what the copy calls the class: text or a whole number")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, key: impl Into<Option<ClassKey>>) -> ClassEntry {
        ClassEntry {
            name: name.to_owned(),
            key: key.into(),
        }
    }

    fn text(key: &str) -> ClassKey {
        ClassKey::Text(key.to_owned())
    }

    fn found(entries: &[ClassEntry], tag: &Tag) -> Option<u32> {
        ClassList::new(entries).find(tag).map(|label| label.0)
    }

    #[test]
    fn words_are_looked_up_and_bare_numbers_are_places() {
        let list = [
            entry("ladybug", text("n02165456")),
            entry("jeep", None),
            entry("7", None),
        ];
        assert_eq!(found(&list, &Tag::text("n02165456")), Some(0));
        // Published lists use names where copies use keys.
        assert_eq!(found(&list, &Tag::text("ladybug")), Some(0));
        assert_eq!(found(&list, &Tag::text("jeep")), Some(1));
        assert_eq!(found(&list, &Tag::number(1)), Some(1));
        assert_eq!(found(&list, &Tag::number(3)), None);
        // A word counts for more than the number that the copy gives it.
        assert_eq!(found(&list, &Tag::numbered(0, "jeep")), Some(1));
        assert_eq!(found(&list, &Tag::numbered(0, "car")), None);
    }

    #[test]
    fn number_keys_replace_places() {
        let list = [
            entry("ladybug", ClassKey::Number(1)),
            entry("jeep", ClassKey::Number(0)),
            entry("kite", text("2")),
        ];
        for tag in [Tag::number(1), Tag::text("1"), Tag::numbered(1, "beetle")] {
            assert_eq!(found(&list, &tag), Some(0));
        }
        assert_eq!(found(&list, &Tag::number(2)), Some(2));
        assert_eq!(found(&list[..2], &Tag::number(2)), None);
    }

    #[test]
    fn without_a_list_numbers_order_names() {
        let derived = |tags: &[Tag]| {
            ClassList::derived(Path::new("COPY"), None, tags.iter().cloned())
                .map(ClassList::into_names)
                .map_err(|error| error.to_string())
        };
        let names = |names: &[&str]| Ok(names.iter().copied().map(String::from).collect());
        let tag = Tag::numbered;
        assert_eq!(
            derived(&[tag(2, "b"), tag(0, "c"), tag(1, "a")]),
            names(&["c", "a", "b"])
        );
        assert_eq!(
            derived(&["100", "9", "b"].map(Tag::text)),
            names(&["9", "100", "b"])
        );
        assert_eq!(derived(&[1, 0].map(Tag::number)), names(&["0", "1"]));
        for (tags, message) in [
            (
                vec![tag(3, "crane"), tag(7, "crane")],
                "COPY: class names have `crane` twice (for 3 and 7); give one name per class, each of its own",
            ),
            (
                vec![tag(3, "crane"), tag(3, "kite")],
                "COPY: class names call 3 both `crane` and `kite`; give one name per class, each of its own",
            ),
            (
                [0, 2].map(Tag::number).to_vec(),
                "COPY: class `1` has no train samples; add some, or remove the class",
            ),
            (
                vec![Tag::number(0), Tag::text("a")],
                "COPY: class names lack one for label 0; give one name per class, each of its own",
            ),
        ] {
            assert_eq!(derived(&tags), Err(message.to_owned()));
        }
    }

    #[test]
    fn two_classes_of_one_name_or_key_are_refused() {
        let message = |entries: &[ClassEntry]| check(entries).unwrap_err();
        assert_eq!(
            message(&[
                entry("crane", text("bird")),
                entry("crane", text("machine"))
            ]),
            (
                1,
                "two classes are called `crane`, the 1. and the 2.".to_owned()
            )
        );
        assert_eq!(
            message(&[entry("crane", None), entry("bird", text("crane"))]),
            (
                0,
                "`crane` is a class's name, and the key of the class `bird`".to_owned()
            )
        );
        assert_eq!(
            message(&[entry("crane", text("c")), entry("bird", text("c"))]),
            (
                1,
                "the classes `crane` and `bird` have one key, `c`".to_owned()
            )
        );
    }
}
