//! `published.yaml` as written: one Rust type for each of its mappings.

use super::order::ClassOrder;
use crate::scenario::Regime;
use harness_abi::Matrix;
use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The version of the format: 1.
    pub(super) format: u32,
    pub(super) datasets: IndexMap<String, Dataset>,
    pub(super) weights: IndexMap<String, Weights>,
    pub(super) entries: Vec<Entry>,
}

/// A data set, under the id that entries use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Its name in tables.
    pub name: String,
    /// Names that a scenario's domain may have, beside the id. Case and punctuation do not matter.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Its published splits.
    #[serde(default)]
    pub splits: IndexMap<String, Split>,
}

/// A split of a data set into training and test images.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Where it comes from.
    pub what: Option<String>,
    /// Number of training images.
    pub train: Option<u64>,
    /// Number of test images.
    pub test: Option<u64>,
    /// Split hashes, as `clbench data verify` prints them, or their first twelve digits or more. A
    /// split has several if its images are published under several names.
    #[serde(default)]
    pub hashes: Vec<String>,
    /// Whether a domain with as many training and test images has this split even if its hash is
    /// none of these, as for an official split whose files differ in their names.
    #[serde(default)]
    pub by_counts: bool,
    /// Whether nobody can have this split again, so that every other differs from it.
    #[serde(default)]
    pub lost: bool,
}

/// The weights of a frozen model, under the id that entries use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Their name in tables.
    pub name: String,
    /// The backbone that reads them here: `clip`, `vit`.
    #[serde(rename = "use")]
    pub use_: Option<String>,
    /// Names on the Hugging Face hub.
    #[serde(default)]
    pub models: Vec<String>,
    /// Fingerprints in clbench's records.
    #[serde(default)]
    pub fingerprints: Vec<String>,
    /// Whether the embedding is the class token, since the model has no projection.
    #[serde(default)]
    pub one_output: bool,
}

/// What one table or log reports under one protocol. What is absent is unknown, but for `shots`,
/// `candidates` and `mean`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Where the figures stand.
    pub source: Source,
    /// The ids of the data sets, in the order in which they are learned.
    pub datasets: Vec<String>,
    /// The name of the split, which each data set must have.
    pub split: Option<String>,
    /// How the classes are cut into tasks. With several data sets, each is a task.
    pub tasks: Option<Tasks>,
    /// The class order, with several data sets that within each.
    pub class_order: Option<ClassOrder>,
    /// The digests of runs with this class order, these tasks, and the entry's templates; without
    /// templates, with the default `a photo of a {}`.
    #[serde(default)]
    pub class_order_digests: Vec<String>,
    /// Training images per class; default all.
    #[serde(default)]
    pub shots: Shots,
    /// The templates of the class names.
    pub templates: Option<Templates>,
    /// The augmentation of training images: `none`, `random-resized-crop-and-flip`, or others.
    pub augmentation: Option<String>,
    /// Whether predictions depend on the batch; default no.
    #[serde(default)]
    pub batch_dependent: bool,
    /// The id of the weights.
    pub weights: Option<String>,
    /// How images are prepared.
    pub preprocessing: Option<Preprocessing>,
    /// The output of the backbone that is a feature, as strategies name it.
    pub output: Option<String>,
    /// The candidates; default those of the metric.
    pub candidates: Option<Candidates>,
    /// What counts the same in a mean; default as in the metric.
    pub mean: Option<Mean>,
    /// The seeds of the runs.
    #[serde(default)]
    pub seeds: Vec<u64>,
    /// The number of runs, if the seeds are unknown.
    pub runs: Option<u32>,
    /// What else a reader must know.
    pub note: Option<String>,
    /// The figures.
    pub figures: Vec<Figure>,
}

/// Where figures stand.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The paper's number on arXiv.
    pub arxiv: Option<String>,
    /// The table, log or file.
    #[serde(rename = "in")]
    pub in_: String,
}

/// The figures of one method.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Its name in tables.
    pub method: String,
    /// The strategy that is this method here.
    pub strategy: Option<String>,
    /// Parameters that a row of this strategy must set to be this method.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// How it learns; default sequential.
    pub regime: Option<Regime>,
    /// The values by clbench's name of the metric, as printed.
    #[serde(default)]
    pub values: IndexMap<String, Printed>,
    /// Values in metrics that clbench does not have, by the paper's name of the metric.
    #[serde(default)]
    pub other_values: IndexMap<String, Printed>,
}

/// A value as printed: `85.0`, or `85.0 ± 0.3`.
#[derive(Debug, Clone, PartialEq)]
pub struct Printed {
    /// With all digits, and with the spread.
    pub text: String,
    /// The value.
    pub mean: f64,
    /// The spread over runs, if printed.
    pub std: Option<f64>,
}

/// How the classes are cut into tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tasks {
    /// So many tasks of equal size.
    Count(u32),
    /// Tasks of these sizes.
    Sizes(Vec<u32>),
}

/// Training images per class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shots {
    /// All.
    #[default]
    All,
    /// At most so many.
    Most(u64),
}

/// The templates of the class names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Templates {
    /// None: the method reads no texts, or learns its prompts.
    None,
    /// Several, averaged.
    Listed(Vec<String>),
}

/// How images are prepared.
#[derive(Debug, Clone, PartialEq)]
pub enum Preprocessing {
    /// As the model's own configuration says.
    Own,
    /// With these values of a backbone's `preprocessing`.
    Set(Map<String, Value>),
}

/// The classes among which an answer is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Candidates {
    /// Those of the tasks learned so far.
    Seen,
    /// All classes of the stream.
    All,
    /// Those of the image's task.
    Task,
    /// Different ones for learned and for future tasks, or any others.
    Mixed,
}

/// What counts the same in a mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mean {
    /// Each task.
    Tasks,
    /// Each image.
    Images,
}

impl Candidates {
    /// Whether they are those of this matrix.
    pub(super) fn are(self, matrix: Matrix) -> bool {
        matches!(
            (self, matrix),
            (Self::Seen, Matrix::Seen) | (Self::All, Matrix::All) | (Self::Task, Matrix::Task)
        )
    }
}

impl<'de> Deserialize<'de> for Printed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PrintedVisitor;

        impl Visitor<'_> for PrintedVisitor {
            type Value = Printed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number in quotes, such as \"85.0\" or \"85.0 ± 0.3\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Printed, E> {
                let number = |digits: &str| digits.trim().parse::<f64>().ok();
                let (mean, std) = match text.split_once('±') {
                    Some((mean, std)) => (number(mean), Some(number(std))),
                    None => (number(text), None),
                };
                match (mean, std) {
                    (Some(mean), None | Some(Some(_))) if mean.is_finite() => Ok(Printed {
                        text: text.trim().to_owned(),
                        mean,
                        std: std.flatten(),
                    }),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }

        // A number would lose its last zeros.
        deserializer.deserialize_any(PrintedVisitor)
    }
}

impl<'de> Deserialize<'de> for Tasks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TasksVisitor;

        impl<'de> Visitor<'de> for TasksVisitor {
            type Value = Tasks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of equal tasks, or a list of their sizes")
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Tasks, E> {
                u32::try_from(count)
                    .ok()
                    .filter(|&count| count > 0)
                    .map(Tasks::Count)
                    .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(count), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Tasks, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Tasks::Sizes)
            }
        }

        deserializer.deserialize_any(TasksVisitor)
    }
}

impl<'de> Deserialize<'de> for Shots {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShotsVisitor;

        impl Visitor<'_> for ShotsVisitor {
            type Value = Shots;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`all` or a number of images per class")
            }

            fn visit_u64<E: Error>(self, shots: u64) -> Result<Shots, E> {
                Ok(Shots::Most(shots))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Shots, E> {
                match text {
                    "all" => Ok(Shots::All),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(ShotsVisitor)
    }
}

impl<'de> Deserialize<'de> for Templates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TemplatesVisitor;

        impl<'de> Visitor<'de> for TemplatesVisitor {
            type Value = Templates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`none` or a list of templates")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Templates, E> {
                match text {
                    "none" => Ok(Templates::None),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Templates, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Templates::Listed)
            }
        }

        deserializer.deserialize_any(TemplatesVisitor)
    }
}

impl<'de> Deserialize<'de> for Preprocessing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PreprocessingVisitor;

        impl<'de> Visitor<'de> for PreprocessingVisitor {
            type Value = Preprocessing;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`own` or values of a backbone's `preprocessing`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Preprocessing, E> {
                match text {
                    "own" => Ok(Preprocessing::Own),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Preprocessing, A::Error> {
                Map::deserialize(MapAccessDeserializer::new(map)).map(Preprocessing::Set)
            }
        }

        deserializer.deserialize_any(PreprocessingVisitor)
    }
}
