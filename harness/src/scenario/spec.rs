//! The scenario as written: the keys of the YAML file, one Rust field each.
//!
//! The doc comments here are the descriptions that editors show, by way of the JSON Schema. What a key defaults to is
//! decided when the spec is resolved; here it is merely absent. No type is flattened or untagged, since both would lose the path
//! to a mistake.

use super::copy::Key;
pub use super::copy::{
    Classes, FilePerSplit, Files, FilesPerSplit, Location, OneOrPerSplit, Split, SplitFile,
};
use super::error::Problem;
use crate::domain::{ClassKey, Columns};
use crate::stream::Augmentation;
use crate::suggest::closest;
use harness_pictures::Style;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fmt;

/// A comparison of continual-learning strategies: which strategies, on which domains, with which seeds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of this file's format; 1 is the only one, and the default.
    #[schemars(extend("const" = 1))]
    pub format: Option<u32>,
    /// The scenario's name, which names its results; default: the file's name without `.yaml`.
    #[schemars(regex(pattern = r"^[a-z0-9_-]+$"))]
    pub name: Option<String>,
    /// What the scenario is for.
    pub description: Option<String>,
    /// Every strategy runs once per domain and seed. A seed decides all of a run's random numbers, and the class order
    /// where that follows the seed.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub seeds: Vec<u64>,
    /// CPU threads that one run computes with; default 1. It can move the last digits of a result, so it is fixed here
    /// and not taken from the machine.
    #[schemars(range(min = 1))]
    pub threads: Option<u32>,
    /// Where to compute: `cpu` (default), `cuda`, or `cuda:N`.
    #[schemars(regex(pattern = r"^(cpu|cuda(:[0-9]+)?)$"))]
    pub device: Option<String>,
    /// How every domain is cut into tasks, unless it has a stream of its own.
    pub stream: Option<Stream>,
    /// The frozen pre-trained models that strategies build on, by a name of your choice.
    pub backbones: Option<IndexMap<String, Option<Backbone>>>,
    /// The labelled image collections, by a name of your choice.
    #[schemars(extend("minProperties" = 1))]
    pub domains: IndexMap<String, Domain>,
    /// The strategies to compare, by a name of your choice.
    #[schemars(extend("minProperties" = 1))]
    pub strategies: IndexMap<String, Option<Strategy>>,
    /// The metrics to report, by name; default: all that the plugins offer.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub metrics: Option<Vec<String>>,
    /// The metric that strategies are ranked by; default: `faa`, final average accuracy, if it is among the metrics.
    pub rank_by: Option<String>,
    /// The metrics that tables show, in this order; CSV files have them all. Default: `faa`, `average-incremental-accuracy`,
    /// `ci-transfer`, `forgetting-seen` and `forgetting-all`, as far as they are among the metrics.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub columns: Option<Vec<String>>,
}

/// How a domain is cut into tasks: give either `tasks` or `task_sizes`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["tasks"]}, {"required": ["task_sizes"]}]))]
pub struct Stream {
    /// The number of tasks; the classes are dealt out evenly.
    #[schemars(range(min = 1))]
    pub tasks: Option<u32>,
    /// The number of classes of each task.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub task_sizes: Option<Vec<u32>>,
    /// The order in which the classes arrive; default `listed`.
    pub class_order: Option<ClassOrder>,
    /// What becomes of images that are trained on; default `none`. It is for strategies that encode images while they train;
    /// cached features are always those of the plain image.
    pub augmentation: Option<Augmentation>,
}

/// The order in which a domain's classes arrive.
#[derive(Debug, Clone)]
pub enum ClassOrder {
    /// As the domain lists them.
    Listed,
    /// A permutation from a random generator.
    Generated(GeneratedOrder),
}

/// A class order from a random generator: give either `numpy` or `python`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["numpy"]}, {"required": ["python"]}]))]
pub struct GeneratedOrder {
    /// As `numpy.random.seed(SEED); numpy.random.permutation(N)` gives it.
    pub numpy: Option<OrderSeed>,
    /// As `random.seed(SEED); random.shuffle(order)` gives it.
    pub python: Option<OrderSeed>,
    /// What the permutation means; default: `old-to-new` for numpy, `new-to-old` for python.
    pub convention: Option<Convention>,
}

/// The seed of a class order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderSeed {
    /// `seed`: each run's own.
    OfRun,
    /// The same for every run.
    Fixed(u64),
}

/// What a permutation of the classes means.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// Class `c` gets position `permutation[c]`.
    OldToNew,
    /// Position `p` is taken by class `permutation[p]`.
    NewToOld,
}

/// A frozen pre-trained model that a plugin offers.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backbone {
    /// The name under which a plugin offers it; default: the name it has here.
    #[serde(rename = "use")]
    pub use_: Option<String>,
    /// The plugin's file, relative to the scenario's; default: whichever installed plugin offers the name.
    pub plugin: Option<String>,
    /// The backbone's parameters; the plugin says which there are.
    pub parameters: Option<Map<String, Value>>,
}

/// A labelled image collection with a train and a test split.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("allOf" = keys_by_source()))]
pub struct Domain {
    /// Where the images come from.
    pub source: Source,
    /// Where the images are, relative to the scenario's file; `~` is your home. The folder; for `parquet` and `webdataset` also
    /// a file, a pattern such as `data/*.parquet`, or the files of each split, as in `{train: data/train-*.parquet, test:
    /// data/test-*.parquet}`. Not for `digits` and `pictures`.
    pub path: Option<Location>,
    /// A list of which images belong to the domain, with which class, in which split, laid over the copy by file name, so
    /// that one published split serves every copy: CoOp's `split_zhou_*.json`; a CSV table with the columns `file`, `class`
    /// (a name or a number; optional) and `split`; or a file for each split, `{train: a.yaml, test: b.yaml}`, with `data:` and
    /// `targets:` as CODA-Prompt's for ImageNet-R. Without it the copy itself says so. `file-list` needs one; `digits`,
    /// `pictures` and `idx` take none.
    pub split: Option<Split>,
    /// The reference list of classes, in the order of their labels: label numbers and class names come from it alone. Either
    /// the list itself, or a file that holds it (YAML, JSON, or text with a name a line). An entry is a name, or `{name: ladybug, key:
    /// n02165456}` where the copy calls the class something else. Numbers that have no names are places in the list, from 0, unless
    /// keys are numbers. Every class of the domain must be in the list, and every class of the list in the domain. Default:
    /// as the copy or the split list numbers its classes, else in natural order. Not for `digits` and `pictures`.
    pub classes: Option<Classes>,
    /// Classes, as the copy or the split list calls them, whose images are no part of the domain, as in `[NV]`. What is not
    /// in `classes` must be named here; nothing is left out silently. For copies of images.
    #[schemars(length(min = 1), extend("uniqueItems" = true), with = "Option<Vec<Key>>")]
    pub leave_out: Option<Vec<ClassKey>>,
    /// What columns are called. For `parquet`, and `label` for `webdataset`.
    pub columns: Option<Columns>,
    /// The tables of labels, relative to the scenario's file: one, as HAM10000's metadata, or `{train: …, test: …}` as ISIC-2018's ground truth; default:
    /// those below `path` under their published names. For `isic` only.
    pub labels: Option<OneOrPerSplit>,
    /// How the pictures look. For `pictures` only.
    #[schemars(with = "Option<Styles>")]
    pub style: Option<Style>,
    /// Sentences that turn a class name into text, with `{}` in the name's place; default `a photo of a {}`.
    #[schemars(length(min = 1), inner(regex(pattern = r"\{\}")))]
    pub templates: Option<Vec<String>>,
    /// How this domain is cut into tasks, in place of the scenario's stream.
    pub stream: Option<Stream>,
    /// What the domain must be. A run on anything else is refused; `clbench data verify` looks closer, and prints what stands here.
    pub expect: Option<Expect>,
}

/// What a domain must be; whatever is left out is not checked. With `--limit` or `--validation` nothing is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Samples to learn from.
    pub train: Option<u64>,
    /// Samples to be measured on.
    pub test: Option<u64>,
    /// The hash of the ordered list of (file name, class, train or test), or at least its first twelve digits.
    #[schemars(regex(pattern = r"^[0-9a-f]{12,64}$"))]
    pub split: Option<String>,
    /// The digest of each seed's class order, in the order of `seeds`, or at least its first twelve digits.
    #[schemars(inner(regex(pattern = r"^[0-9a-f]{12,64}$")))]
    pub class_orders: Option<Vec<String>>,
    /// Images of the test split that the train split has too, pixel for pixel; default 0. Only `clbench data verify` looks for them.
    pub shared: Option<u64>,
}

/// Where a domain's images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The 1,797 handwritten digits that ship with the program.
    Digits,
    /// Procedural pictures of 32×32 pixels in one of several styles, with 40 classes each, such as `red striped star`.
    Pictures,
    /// A folder `train/<class>/*.png|jpg` and `test/<class>/*.png|jpg`; with a `split`, images in any folders, each called as its
    /// class.
    ImageFolder,
    /// The four files of an IDX data set such as MNIST, plain or gzipped.
    Idx,
    /// PNG and JPEG files in any folders, of which `split` says all.
    FileList,
    /// Parquet files as Hugging Face writes them: a struct column `image` with `bytes` and `path`, a column `label` of
    /// numbers or text; class names from the file's metadata. Files are train or test by name (`train-00000-of-00002.parquet`).
    Parquet,
    /// Tar files as webdataset writes them: `KEY.jpg` with `KEY.cls`, `KEY.json` (its field `label`) or `KEY.txt`. Files are
    /// train or test by name (`train-000000.tar`, `train/0.tar`). Not gzipped.
    Webdataset,
    /// The folder of CUB-200-2011 as published, with `images.txt` and the other text files.
    Cub,
    /// The folder of Stanford Cars as published, with `cars_train`, `cars_test`, and the `.mat` files of `devkit`.
    Cars,
    /// A folder of ISIC-2018 (task 3) or HAM10000 images, and the CSV tables of their labels.
    Isic,
}

/// A continual-learning method that a plugin offers.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// The name under which a plugin offers it; default: the name it has here.
    #[serde(rename = "use")]
    pub use_: Option<String>,
    /// The plugin's file, relative to the scenario's; default: whichever installed plugin offers the name.
    pub plugin: Option<String>,
    /// The backbone that the strategy builds on; default: the scenario's, if it has one only.
    pub backbone: Option<String>,
    /// Several backbones, in the strategy's order; `[]` for none.
    #[schemars(extend("uniqueItems" = true))]
    pub backbones: Option<Vec<String>>,
    /// Whether the strategy learns task by task; default `sequential`.
    pub regime: Option<Regime>,
    /// The strategy's parameters; the plugin says which there are.
    pub parameters: Option<Map<String, Value>>,
    /// Parameters to vary: each key is a parameter (`optimizer.lr` for a nested one) with the list of its values, and every
    /// combination becomes a row of the leaderboard.
    #[schemars(extend("minProperties" = 1, "additionalProperties" = {"type": "array", "minItems": 1}))]
    pub grid: Option<IndexMap<String, Vec<Value>>>,
    /// Where the parameters come from.
    pub provenance: Option<Provenance>,
    /// How many runs the tuning took; only with `provenance: tuned`.
    #[schemars(range(min = 1))]
    pub trials: Option<u32>,
}

/// Whether a strategy learns task by task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// One task after the other, as continual learning is meant.
    Sequential,
    /// Once, on all classes together: an upper bound, which is not ranked.
    Joint,
}

/// Where a strategy's parameters come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// From the paper that describes the strategy.
    Published,
    /// From a search of our own.
    Tuned,
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sequential => "sequential",
            Self::Joint => "joint",
        })
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Published => "published",
            Self::Tuned => "tuned",
        })
    }
}

impl<'de> Deserialize<'de> for ClassOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrderVisitor;

        impl<'de> Visitor<'de> for OrderVisitor {
            type Value = ClassOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`listed` or a generator such as `{numpy: seed}`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ClassOrder, E> {
                match text {
                    "listed" => Ok(ClassOrder::Listed),
                    // The right word in the wrong form.
                    "numpy" | "python" => Err(E::custom(Problem::ClassOrderGenerator)),
                    _ if closest(text, ["listed"]).is_some() => {
                        Err(E::unknown_variant(text, &["listed"]))
                    }
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClassOrder, A::Error> {
                GeneratedOrder::deserialize(MapAccessDeserializer::new(map))
                    .map(ClassOrder::Generated)
            }
        }

        deserializer.deserialize_any(OrderVisitor)
    }
}

impl JsonSchema for ClassOrder {
    fn schema_name() -> Cow<'static, str> {
        "ClassOrder".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The order in which a domain's classes arrive.",
            "oneOf": [
                {"const": "listed", "description": "As the domain lists them."},
                generator.subschema_for::<GeneratedOrder>(),
            ],
        })
    }
}

impl<'de> Deserialize<'de> for OrderSeed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SeedVisitor;

        impl Visitor<'_> for SeedVisitor {
            type Value = OrderSeed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`seed` (each run's own) or a whole number")
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
                {"const": "seed", "description": "Each run's own seed."},
                {"type": "integer", "minimum": 0, "description": "The same seed for every run."},
            ],
        })
    }
}

/// The schema of a [`Style`], whose crate knows none.
struct Styles;

impl JsonSchema for Styles {
    fn schema_name() -> Cow<'static, str> {
        "Style".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let styles = Style::ALL
            .map(|style| json!({"const": style.name(), "description": style.description()}));
        json_schema!({
            "description": "How procedural pictures look, from near to far from what the small CLIP was trained on.",
            "oneOf": styles,
        })
    }
}

/// Which keys a domain takes, by its source.
fn keys_by_source() -> Value {
    let not_for = |key: &str, sources: &[Source]| {
        let words: Vec<&str> = sources.iter().map(|source| source.word()).collect();
        json!({"if": {"required": ["source"], "properties": {"source": {"enum": words}}}, "then": {"properties": {key: false}}})
    };
    let needs = |key: &str, sources: &[Source]| {
        let words: Vec<&str> = sources.iter().map(|source| source.word()).collect();
        json!({"if": {"required": ["source"], "properties": {"source": {"enum": words}}}, "then": {"required": [key]}})
    };
    let all = Source::ALL;
    let mut rules: Vec<Value> = DOMAIN_KEYS
        .iter()
        .map(|&(key, takes)| {
            let others: Vec<Source> = all.into_iter().filter(|&source| !takes(source)).collect();
            not_for(key, &others)
        })
        .collect();
    let with_path: Vec<Source> = all.into_iter().filter(|source| source.has_path()).collect();
    rules.push(needs("style", &[Source::Pictures]));
    rules.push(needs("path", &with_path));
    rules.push(needs("split", &[Source::FileList]));
    Value::Array(rules)
}

/// A key of a domain, and whether a source takes it.
type DomainKey = (&'static str, fn(Source) -> bool);

/// The keys that not every source takes.
pub const DOMAIN_KEYS: [DomainKey; 7] = [
    ("path", Source::has_path),
    ("split", Source::is_copy),
    ("classes", Source::has_path),
    ("leave_out", Source::is_copy),
    ("columns", Source::has_columns),
    ("labels", |source| matches!(source, Source::Isic)),
    ("style", |source| matches!(source, Source::Pictures)),
];

impl Source {
    /// All of them.
    pub const ALL: [Source; 10] = [
        Self::Digits,
        Self::Pictures,
        Self::ImageFolder,
        Self::Idx,
        Self::FileList,
        Self::Parquet,
        Self::Webdataset,
        Self::Cub,
        Self::Cars,
        Self::Isic,
    ];

    /// As the scenario writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Pictures => "pictures",
            Self::ImageFolder => "image-folder",
            Self::Idx => "idx",
            Self::FileList => "file-list",
            Self::Parquet => "parquet",
            Self::Webdataset => "webdataset",
            Self::Cub => "cub",
            Self::Cars => "cars",
            Self::Isic => "isic",
        }
    }

    /// Whether it is read from files.
    fn has_path(self) -> bool {
        !matches!(self, Self::Digits | Self::Pictures)
    }

    /// Whether it is a copy of images over which a list may be laid.
    fn is_copy(self) -> bool {
        self.has_path() && self != Self::Idx
    }

    /// Whether its files are tables or archives, with names for what they hold.
    fn has_columns(self) -> bool {
        matches!(self, Self::Parquet | Self::Webdataset)
    }
}
