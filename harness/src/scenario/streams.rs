//! The key `streams`, as a scenario writes it: named streams over one domain or several.

use super::spec::{ClassOrder, Tasks};
use super::stream::length;
use crate::stream::{Augmentation, ClassIdentity};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A stream over domains, which arrive one after the other.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedStream {
    /// The domains in the order in which they arrive. Each is one task, unless it is cut further, as
    /// in `{domain: NAME, tasks: 5}`.
    #[schemars(length(min = 1))]
    pub domains: Vec<StreamPart>,
    /// What makes classes of two domains one class. With `by-domain`, the default, nothing does: a
    /// class is a name in a domain, as in MTIL and X-TAIL. With `by-name`, a class that another
    /// domain has too comes back with it, as in domain-incremental learning.
    pub classes: Option<ClassIdentity>,
    /// Sentences that turn a class name into text, for all domains of the stream. Default: those of
    /// each domain.
    #[schemars(length(min = 1), inner(regex(pattern = r"\{\}")))]
    pub templates: Option<Vec<String>>,
    /// Augmentation of training images; default `none`. Only strategies that encode images while
    /// they train use it; cached features are always those of the plain image.
    pub augmentation: Option<Augmentation>,
    /// What the stream must look like.
    pub expect: Option<ExpectStream>,
}

/// What a stream must look like. Not checked with `--limit` or `--validation`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectStream {
    /// The digests of the class orders, one per seed in the order of `seeds`; at least the first
    /// twelve digits of each. `clbench data verify` prints them.
    #[schemars(inner(regex(pattern = r"^[0-9a-f]{12,64}$")))]
    pub class_orders: Option<Vec<String>>,
}

/// A domain of a stream.
#[derive(Debug, Clone)]
pub enum StreamPart {
    /// The whole domain as one task.
    Whole(String),
    /// A domain that is cut further.
    Cut(CutDomain),
}

/// A domain of a stream, cut into tasks. Without `tasks` and `task_sizes`, it is one task.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CutDomain {
    /// The domain's name in this scenario.
    pub domain: String,
    /// The number of tasks, or the sizes of the first task and of the others.
    pub tasks: Option<Tasks>,
    /// The number of classes of each task.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub task_sizes: Option<Vec<u32>>,
    /// The order in which the domain's classes arrive; default `listed`.
    pub class_order: Option<ClassOrder>,
}

impl NamedStream {
    /// Whether the domain with this name is listed.
    pub(super) fn has(&self, domain: &str) -> bool {
        self.domains.iter().any(|part| match part {
            StreamPart::Whole(name) => name == domain,
            StreamPart::Cut(cut) => cut.domain == domain,
        })
    }

    /// The length of its lists as JSON, about.
    pub(super) fn length(&self) -> u128 {
        let of = |part: &StreamPart| match part {
            StreamPart::Whole(_) => 0,
            StreamPart::Cut(cut) => length(&cut.class_order, &cut.task_sizes),
        };
        self.domains.iter().map(of).sum()
    }
}

impl<'de> Deserialize<'de> for StreamPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor;

        impl<'de> Visitor<'de> for PartVisitor {
            type Value = StreamPart;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a domain's name, or `{domain: NAME, tasks: 5}`")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<StreamPart, E> {
                Ok(StreamPart::Whole(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StreamPart, A::Error> {
                CutDomain::deserialize(MapAccessDeserializer::new(map)).map(StreamPart::Cut)
            }
        }

        deserializer.deserialize_any(PartVisitor)
    }
}

impl JsonSchema for StreamPart {
    fn schema_name() -> Cow<'static, str> {
        "StreamPart".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A domain of a stream.",
            "oneOf": [
                {"type": "string", "description": "A domain's name: the whole domain as one task."},
                generator.subschema_for::<CutDomain>(),
            ],
        })
    }
}
