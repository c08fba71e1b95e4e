//! A stream as written: how domains are cut into tasks.

use super::error::Problem;
use crate::stream::{Augmentation, PublishedOrder};
use crate::suggest::{closest, list};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::json;
use std::borrow::Cow;
use std::fmt;
use std::iter;

/// How a domain is cut into tasks. Give either `tasks` or `task_sizes`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["tasks"]}, {"required": ["task_sizes"]}]))]
pub struct Stream {
    /// The number of tasks, or the sizes of the first task and of the others.
    pub tasks: Option<Tasks>,
    /// The number of classes of each task.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub task_sizes: Option<Vec<u32>>,
    /// The order in which classes arrive; default `listed`.
    pub class_order: Option<ClassOrder>,
    /// Augmentation of training images; default `none`. Only strategies that encode images while
    /// they train use it; cached features are always those of the plain image.
    pub augmentation: Option<Augmentation>,
}

impl Stream {
    /// The length of its lists as JSON, about.
    pub(super) fn length(&self) -> u128 {
        length(&self.class_order, &self.task_sizes)
    }
}

/// The length of the lists that cut a domain, as JSON, about.
pub(super) fn length(order: &Option<ClassOrder>, sizes: &Option<Vec<u32>>) -> u128 {
    let order = match order {
        Some(ClassOrder::Written(classes)) => classes.len(),
        _ => 0,
    };
    let sizes = sizes.as_ref().map_or(0, Vec::len);
    4 * (order + sizes) as u128
}

/// How many tasks there are, or how many classes the tasks have.
#[derive(Debug, Clone)]
pub enum Tasks {
    /// This many tasks of equal size.
    Count(u32),
    /// A first task, then tasks of equal size.
    Increments(Increments),
}

/// The sizes of the first task and of the others. Classes that are left over are a smaller last
/// task: `{base: 20, increment: 20}` cuts 196 classes into nine tasks of 20 and one of 16. These
/// are the tasks that papers call B50 Inc10, with `{base: 50, increment: 10}`, or B0 Inc10, with
/// `{increment: 10}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Increments {
    /// The number of classes of the first task. Default, and with 0: as many as `increment`.
    pub base: Option<u32>,
    /// The number of classes of every other task.
    #[schemars(range(min = 1))]
    pub increment: u32,
}

/// The order in which a domain's classes arrive.
#[derive(Debug, Clone)]
pub enum ClassOrder {
    /// As the domain lists them.
    Listed,
    /// One that published code uses, by name.
    Published(&'static PublishedOrder),
    /// A permutation from a random generator.
    Generated(GeneratedOrder),
    /// Written out: the classes' numbers.
    Written(Vec<u32>),
}

/// A class order from a random generator. Give either `numpy` or `python`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["numpy"]}, {"required": ["python"]}]))]
pub struct GeneratedOrder {
    /// The order of `numpy.random.seed(SEED); numpy.random.permutation(N)`.
    pub numpy: Option<OrderSeed>,
    /// The order of Python's `random.seed(SEED); random.shuffle(order)`.
    pub python: Option<OrderSeed>,
    /// How to read the permutation. Default: `old-to-new` for numpy, `new-to-old` for python.
    pub convention: Option<Convention>,
}

/// The seed of a class order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderSeed {
    /// `seed`: the seed of each run.
    OfRun,
    /// The same for every run.
    Fixed(u64),
}

/// How to read a permutation of the classes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// Class `c` moves to position `permutation[c]`.
    OldToNew,
    /// Position `p` holds class `permutation[p]`.
    NewToOld,
}

impl<'de> Deserialize<'de> for Tasks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TasksVisitor;

        impl<'de> Visitor<'de> for TasksVisitor {
            type Value = Tasks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or sizes such as `{base: 50, increment: 10}`")
            }

            fn visit_u64<E: serde::de::Error>(self, found: u64) -> Result<Tasks, E> {
                let most = u32::MAX.into();
                let count = u32::try_from(found);
                count
                    .map(Tasks::Count)
                    .map_err(|_| E::custom(Problem::TooLarge { found, most }))
            }

            fn visit_i64<E: serde::de::Error>(self, found: i64) -> Result<Tasks, E> {
                Err(E::custom(Problem::Negative { found }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Tasks, A::Error> {
                Increments::deserialize(MapAccessDeserializer::new(map)).map(Tasks::Increments)
            }
        }

        deserializer.deserialize_any(TasksVisitor)
    }
}

impl JsonSchema for Tasks {
    fn schema_name() -> Cow<'static, str> {
        "Tasks".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The number of tasks, or the sizes of the first task and of the others. \
                            A number divides the classes evenly; if classes are left over, the \
                            first tasks get one more each.",
            "oneOf": [
                {"type": "integer", "minimum": 1, "description": "The number of tasks."},
                generator.subschema_for::<Increments>(),
            ],
        })
    }
}

impl<'de> Deserialize<'de> for ClassOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrderVisitor;

        impl<'de> Visitor<'de> for OrderVisitor {
            type Value = ClassOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a name such as `listed` or `pilot`, a generator such as `{numpy: seed}`, or a \
                     list of class numbers",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ClassOrder, E> {
                match text {
                    "listed" => Ok(ClassOrder::Listed),
                    // The right word, but without a seed.
                    "numpy" | "python" => Err(E::custom(Problem::ClassOrderGenerator)),
                    _ => match PublishedOrder::named(text) {
                        Some(order) => Ok(ClassOrder::Published(order)),
                        None => Err(E::custom(unknown_order(text))),
                    },
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClassOrder, A::Error> {
                GeneratedOrder::deserialize(MapAccessDeserializer::new(map))
                    .map(ClassOrder::Generated)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ClassOrder, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(ClassOrder::Written)
            }
        }

        deserializer.deserialize_any(OrderVisitor)
    }
}

/// What is wrong with the name of a class order, and what else there is.
fn unknown_order(name: &str) -> String {
    let published = PublishedOrder::all().iter().map(|order| order.name);
    let names = || iter::once("listed").chain(published.clone());
    match closest(name, names()) {
        Some(meant) => format!("unknown class order `{name}`; did you mean `{meant}`?"),
        None => format!(
            "unknown class order `{name}`; write one of {}, a generator such as `{{numpy: seed}}`, \
             or a list of class numbers",
            list(names())
        ),
    }
}

impl JsonSchema for ClassOrder {
    fn schema_name() -> Cow<'static, str> {
        "ClassOrder".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The order in which a domain's classes arrive. A class's number is its \
                            place in the domain's list of classes, from 0. A written-out order \
                            lists every number once: `[3, 0, 2, 1]` begins with the fourth class.",
            "oneOf": [
                {"const": "listed", "description": "As the domain lists them."},
                generator.subschema_for::<PublishedOrder>(),
                generator.subschema_for::<GeneratedOrder>(),
                {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0},
                    "minItems": 1,
                    "uniqueItems": true,
                    "description": "Every class number once, in the order in which they arrive.",
                },
            ],
        })
    }
}

impl JsonSchema for PublishedOrder {
    fn schema_name() -> Cow<'static, str> {
        "PublishedOrder".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let order =
            |order: &PublishedOrder| json!({"const": order.name, "description": order.meaning});
        json_schema!({
            "description": "A class order that published code uses.",
            "oneOf": PublishedOrder::all().iter().map(order).collect::<Vec<_>>(),
        })
    }
}

impl<'de> Deserialize<'de> for OrderSeed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SeedVisitor;

        impl Visitor<'_> for SeedVisitor {
            type Value = OrderSeed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`seed` (the seed of each run) or a whole number")
            }

            fn visit_u64<E: serde::de::Error>(self, seed: u64) -> Result<OrderSeed, E> {
                Ok(OrderSeed::Fixed(seed))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OrderSeed, E> {
                match text {
                    "seed" => Ok(OrderSeed::OfRun),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(SeedVisitor)
    }
}

impl JsonSchema for OrderSeed {
    fn schema_name() -> Cow<'static, str> {
        "OrderSeed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The seed of a class order.",
            "oneOf": [
                {"const": "seed", "description": "The seed of each run: an order per seed."},
                {"type": "integer", "minimum": 0, "description": "A fixed seed: the same order for every run."},
            ],
        })
    }
}
