//! The key `split`, as a scenario writes it.

use super::random::RandomSplit;
use crate::domain::sample::Split;
use crate::domain::written::{FilePerSplit, KeyError, KeyValue, forms, path_or};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;

/// A list of the images that belong to the domain, or a draw from all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SplitList {
    /// A single file: CoOp's JSON, or a CSV table with a column `split`.
    One(SplitFile),
    /// One file per split: `data` and `targets` in YAML or JSON, a CSV table, or text.
    PerSplit(FilePerSplit),
    /// A random part of all images.
    Random(RandomSplit),
}

/// A list with both splits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitFile {
    /// The file, relative to the scenario file.
    pub file: PathBuf,
    /// What to do with the list's validation part: `unused` (default), or `train` to add it to the
    /// train split.
    pub val: Option<ValidationPart>,
}

/// What to do with the validation part of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationPart {
    /// Do not use it.
    #[default]
    Unused,
    /// Append it to the train split.
    Train,
}

impl ValidationPart {
    /// The split that it belongs to, if it is used.
    pub(crate) fn split(self) -> Option<Split> {
        match self {
            Self::Unused => None,
            Self::Train => Some(Split::Train),
        }
    }
}

impl SplitList {
    /// The random draw, if it is one.
    pub(crate) fn random(&self) -> Option<&RandomSplit> {
        match self {
            Self::Random(random) => Some(random),
            Self::One(_) | Self::PerSplit(_) => None,
        }
    }
}

impl KeyValue for SplitList {
    fn check(&self) -> Result<(), KeyError> {
        self.random().map_or(Ok(()), RandomSplit::check)
    }

    fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match self {
            Self::One(list) => vec![("", &mut list.file)],
            Self::PerSplit(files) => files.paths(),
            Self::Random(_) => Vec::new(),
        }
    }
}

forms!(
    SplitList, "a file, `{file: …, val: train}`, `{train: …, test: …}`, or `{random: 0.8, torch: 42}`",
    text: |file| SplitList::One(SplitFile { file, val: None }), mapping: Mapping::list
);

/// One of the mappings that a split may be; its keys tell which.
struct Mapping(SplitList);

impl Mapping {
    fn list(self) -> SplitList {
        self.0
    }
}

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Keys {
            file: Option<PathBuf>,
            val: Option<ValidationPart>,
            train: Option<PathBuf>,
            test: Option<PathBuf>,
            random: Option<f64>,
            torch: Option<u64>,
        }

        let keys = Keys::deserialize(deserializer)?;
        let Keys { file, val, .. } = keys;
        match (file, val, keys.train, keys.test, keys.random, keys.torch) {
            (Some(file), val, None, None, None, None) => {
                Ok(Self(SplitList::One(SplitFile { file, val })))
            }
            (None, None, Some(train), Some(test), None, None) => {
                Ok(Self(SplitList::PerSplit(FilePerSplit { train, test })))
            }
            (None, None, None, None, Some(random), Some(torch)) => {
                Ok(Self(SplitList::Random(RandomSplit { random, torch })))
            }
            (None, None, None, None, Some(_), None) => Err(de::Error::custom(
                "a random split needs the seed of torch's generator, as in `{random: 0.8, torch: \
                 42}`",
            )),
            (None, None, None, None, None, Some(_)) => Err(de::Error::custom(
                "a random split needs the part of the images that is the train split, as in \
                 `{random: 0.8, torch: 42}`",
            )),
            _ => Err(de::Error::custom(
                "a split is one file, `{file: split.json, val: unused}`, one file per split, \
                 `{train: train.yaml, test: test.yaml}`, or a random draw, `{random: 0.8, torch: \
                 42}`",
            )),
        }
    }
}

impl JsonSchema for SplitList {
    fn schema_name() -> Cow<'static, str> {
        "SplitList".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        path_or(
            "A list of the images that belong to the domain, with their class and split. Images \
             are found by file name, so one published split works for every layout of the same \
             images. Formats: CoOp's `split_zhou_*.json`; a CSV table with the columns `file`, \
             `class` (a name or a number; optional) and `split`; or one file per split, `{train: \
             a.yaml, test: b.yaml}`, with `data:` and `targets:` as in CODA-Prompt's lists for \
             ImageNet-R, or a .txt file with a line per image, with its class after a space or \
             without. Or a random draw from all images, `{random: 0.8, torch: 42}`. Default: the source itself says which images are train and which are test.",
            vec![
                generator.subschema_for::<SplitFile>(),
                generator.subschema_for::<FilePerSplit>(),
                generator.subschema_for::<RandomSplit>(),
            ],
        )
    }
}
