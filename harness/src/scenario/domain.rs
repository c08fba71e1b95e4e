//! A domain as written: `source`, the keys of that source, and the keys of every domain.
//!
//! Which keys a domain takes depends on its source. So `source` is read first, even if it is not
//! the first key in the file, and the source's own struct reads the keys that belong to it. The
//! sources, with their keys and descriptions, are in [`domain::source`](crate::domain::source).

use super::error::Problem;
use super::spec::Stream;
use crate::domain::content::Trust;
use crate::domain::source::SourceInfo;
use crate::domain::{Draw, Source};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fmt;
use std::iter;
use std::sync::LazyLock;

/// A labelled image collection with a train and a test split.
#[derive(Debug, Clone)]
pub struct Domain {
    /// Where the images come from, with the keys of that source.
    pub source: Source,
    /// The other keys.
    pub keys: DomainKeys,
}

/// The keys of a domain that do not depend on its source.
#[derive(Debug, Clone, Default, JsonSchema)]
pub struct DomainKeys {
    /// Sentences that turn a class name into text; `{}` stands for the name. Default: `a photo of a
    /// {}`.
    #[schemars(length(min = 1), inner(regex(pattern = r"\{\}")))]
    pub templates: Option<Vec<String>>,
    /// How many training images of each class are used. Default: all. The test split stays whole.
    #[schemars(range(min = 1))]
    pub shots: Option<u32>,
    /// How the `shots` are drawn.
    pub draw: Option<Draw>,
    /// How this domain is cut into tasks, instead of the scenario's `stream`.
    pub stream: Option<Stream>,
    /// What the domain must contain. A run on other data is refused. `clbench data verify` checks
    /// the data more thoroughly and prints the values to put here.
    pub expect: Option<Expect>,
    /// When a file that was read before counts as unchanged, so that it is not read again. With
    /// `inode`, the default, its size, times and inode must be the same. With `stat`, only its size
    /// and modification time: for file systems whose inodes change, and for copies on the disks of
    /// several machines. Records say if it was `stat`.
    pub trust: Option<Trust>,
}

/// What a domain must contain. Omitted keys are not checked, and nothing is checked with `--limit`
/// or `--validation`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Number of training samples.
    pub train: Option<u64>,
    /// Number of test samples.
    pub test: Option<u64>,
    /// The split hash, or at least its first twelve digits: the hash of the ordered list of (file
    /// name, class, train or test).
    #[schemars(regex(pattern = r"^[0-9a-f]{12,64}$"))]
    pub split: Option<String>,
    /// The digest of the images, or at least its first twelve digits. With it, `clbench run` reads
    /// every image before the first cell, unless the image files are unchanged since they were last
    /// read.
    #[schemars(regex(pattern = r"^[0-9a-f]{12,64}$"))]
    pub content: Option<String>,
    /// The digests of the class orders, one per seed in the order of `seeds`; at least the first
    /// twelve digits of each.
    #[schemars(inner(regex(pattern = r"^[0-9a-f]{12,64}$")))]
    pub class_orders: Option<Vec<String>>,
    /// Number of test images that are also in the train split, pixel for pixel; default 0. Only
    /// `clbench data verify` checks it.
    pub shared: Option<u64>,
}

/// The key that decides which other keys a domain takes.
const SOURCE: &str = "source";

impl DomainKeys {
    const NAMES: [&str; 6] = ["templates", "shots", "draw", "stream", "expect", "trust"];

    /// Reads the value of one of [`NAMES`](Self::NAMES).
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "templates" => self.templates = map.next_value()?,
            "shots" => self.shots = map.next_value()?,
            "draw" => self.draw = map.next_value()?,
            "stream" => self.stream = map.next_value()?,
            "expect" => self.expect = map.next_value()?,
            "trust" => self.trust = map.next_value()?,
            _ => unreachable!("`{name}` is not a key of every domain"),
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DomainVisitor;

        impl<'de> Visitor<'de> for DomainVisitor {
            type Value = Domain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Domain, A::Error> {
                match map.next_key::<Cow<'_, str>>()?.as_deref() {
                    Some(SOURCE) => {}
                    _ => return Err(A::Error::missing_field(SOURCE)),
                }
                let source = map.next_value_seed(SourceName)?;
                let mut keys = DomainKeys::default();
                let own = OwnKeys {
                    source,
                    map,
                    keys: &mut keys,
                };
                let source = Source::read(source.name, MapAccessDeserializer::new(own))?;
                Ok(Domain { source, keys })
            }
        }

        // The deserializer hands over the first of these keys first, wherever it is written.
        deserializer.deserialize_struct("Domain", &[SOURCE], DomainVisitor)
    }
}

/// Reads the name of a source.
struct SourceName;

impl<'de> DeserializeSeed<'de> for SourceName {
    type Value = &'static SourceInfo;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<&'static SourceInfo, D::Error> {
        let name = Cow::<'_, str>::deserialize(name)?;
        let mut sources = Source::all().iter();
        let known = sources.find(|source| source.name == name);
        known.ok_or_else(|| D::Error::unknown_variant(&name, Source::NAMES))
    }
}

/// The keys of a domain that belong to its source. The keys of every domain are read in passing.
struct OwnKeys<'a, A> {
    source: &'static SourceInfo,
    map: A,
    keys: &'a mut DomainKeys,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for OwnKeys<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key_seed(KnownKey(self.source))? {
            if DomainKeys::NAMES.contains(&key) {
                self.keys.read(key, &mut self.map)?;
            } else {
                return seed.deserialize(StrDeserializer::new(key)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// Reads a key that a domain of this source takes.
struct KnownKey(&'static SourceInfo);

impl<'de> DeserializeSeed<'de> for KnownKey {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<&'static str, D::Error> {
        let key = Cow::<'_, str>::deserialize(key)?;
        let known = known_keys(self.0);
        if let Some(known) = known.iter().find(|known| **known == key) {
            return Ok(known);
        }
        let mut others = Source::all().iter().flat_map(|source| source.keys);
        Err(match others.find(|other| **other == key) {
            Some(key) => D::Error::custom(Problem::NotForSource {
                domain_source: self.0.name,
                key,
            }),
            None => D::Error::unknown_field(&key, known),
        })
    }
}

/// The keys that a domain of this source takes.
fn known_keys(source: &SourceInfo) -> &'static [&'static str] {
    static KNOWN: LazyLock<Vec<(&str, Vec<&str>)>> = LazyLock::new(|| {
        let keys = |source: &SourceInfo| {
            let own = source.keys.iter().copied();
            iter::once(SOURCE)
                .chain(own)
                .chain(DomainKeys::NAMES)
                .collect()
        };
        Source::all()
            .iter()
            .map(|source| (source.name, keys(source)))
            .collect()
    });
    let mut known = KNOWN.iter();
    known
        .find(|(name, _)| *name == source.name)
        .map_or(&[], |(_, keys)| keys)
}

impl JsonSchema for Domain {
    fn schema_name() -> Cow<'static, str> {
        "Domain".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let sources = Source::all();
        let mut keys: Vec<&str> = Vec::new();
        for key in sources.iter().flat_map(|source| source.keys) {
            if !keys.contains(key) {
                keys.push(key);
            }
        }
        let mut properties = Map::new();
        for key in &keys {
            let takes = sources.iter().filter(|source| source.keys.contains(key));
            let names = crate::suggest::list(takes.map(|source| source.name));
            let description = format!("A key of {names}.");
            properties.insert((*key).to_owned(), json!({"description": description}));
        }
        let (mut names, mut rules) = (Vec::new(), Vec::new());
        for source in sources {
            let mut schema = (source.schema)(generator).to_value();
            names.push(json!({"const": source.name, "description": schema["description"]}));
            let mut own = match schema["properties"].take() {
                Value::Object(own) => own,
                _ => Map::new(),
            };
            for key in &keys {
                // Not a key of this source.
                own.entry(*key).or_insert(Value::Bool(false));
            }
            let mut then = json!({"properties": own});
            if let required @ Value::Array(_) = schema["required"].take() {
                then["required"] = required;
            }
            let is = json!({"required": [SOURCE], "properties": {SOURCE: {"const": source.name}}});
            rules.push(json!({"if": is, "then": then}));
        }
        properties.insert(
            SOURCE.to_owned(),
            json!({"description": "Where the images come from.", "oneOf": names}),
        );
        let mut every = DomainKeys::json_schema(generator).to_value();
        if let Value::Object(every) = every["properties"].take() {
            properties.extend(every);
        }
        json_schema!({
            "description": "A labelled image collection with a train and a test split.",
            "type": "object",
            "properties": properties,
            "required": [SOURCE],
            "additionalProperties": false,
            "allOf": rules,
        })
    }
}
