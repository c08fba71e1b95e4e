//! What a data set is, and the list of all of them.

use super::super::images::SourceImages;
use super::TrainPart;
use crate::domain::error::DomainError;
use crate::domain::written::KeyValue;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A data set of torchvision.
pub(super) struct Dataset {
    /// Its name in a scenario.
    pub(super) name: &'static str,
    /// The name of torchvision's class.
    pub(super) title: &'static str,
    /// A one-line description of its splits.
    pub(super) summary: &'static str,
    /// The folder of its files below torchvision's `root`.
    pub(super) folder: &'static str,
    /// A file or folder that must be in that folder; empty if any folder will do.
    pub(super) marker: &'static str,
    /// Whether it has a validation part.
    pub(super) has_validation: bool,
    /// The name that a class has by default, given torchvision's.
    pub(super) class_name: fn(&str) -> String,
    /// Its images, in torchvision's order, and its classes in the order of their labels. Gets the
    /// folder of its files.
    pub(super) images: fn(&Path, TrainPart) -> Result<SourceImages, DomainError>,
}

/// Every message and list names the data sets in this order.
const ALL: [&Dataset; 11] = [
    &super::fgvc_aircraft::DATASET,
    &super::caltech_101::DATASET,
    &super::cifar_100::DATASET,
    &super::dtd::DATASET,
    &super::eurosat::DATASET,
    &super::flowers_102::DATASET,
    &super::food_101::DATASET,
    &super::mnist::DATASET,
    &super::oxford_iiit_pet::DATASET,
    &super::stanford_cars::DATASET,
    &super::sun_397::DATASET,
];

/// The value of the key `dataset`.
#[derive(Clone, Copy)]
pub struct DatasetName(&'static Dataset);

impl Dataset {
    /// Opens it in torchvision's `root`, or in its own folder.
    pub(super) fn open(&self, path: &Path, part: TrainPart) -> Result<SourceImages, DomainError> {
        if !path.is_dir() {
            return Err(DomainError::NoFolder {
                path: path.to_owned(),
            });
        }
        match self.found(path) {
            Some(folder) => (self.images)(&folder, part),
            None => Err(DomainError::Format {
                place: path.display().to_string(),
                problem: format!(
                    "torchvision's {} is not here: there is no {}/{}",
                    self.title, self.folder, self.marker
                ),
                fix: "set `path` to the folder that torchvision calls `root`".to_owned(),
            }),
        }
    }

    /// The folder of the files: `a/b` below `path`, or `b`, or `path` itself.
    fn found(&self, path: &Path) -> Option<PathBuf> {
        let parts: Vec<&str> = self.folder.split('/').collect();
        let mut candidates = (0..=parts.len()).map(|skipped| {
            let below: PathBuf = parts[skipped..].iter().collect();
            path.join(below)
        });
        candidates.find(|folder| folder.is_dir() && folder.join(self.marker).exists())
    }
}

impl DatasetName {
    pub(super) fn get(self) -> &'static Dataset {
        self.0
    }
}

/// A class name without underscores.
pub(super) fn spaced(class: &str) -> String {
    class.replace('_', " ")
}

impl KeyValue for DatasetName {}

impl PartialEq for DatasetName {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for DatasetName {}

impl fmt::Debug for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl Serialize for DatasetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for DatasetName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        static NAMES: LazyLock<Vec<&str>> =
            LazyLock::new(|| ALL.iter().map(|dataset| dataset.name).collect());
        let name = String::deserialize(deserializer)?;
        let found = ALL.into_iter().find(|dataset| dataset.name == name);
        (found.map(Self)).ok_or_else(|| D::Error::unknown_variant(&name, &NAMES))
    }
}

impl JsonSchema for DatasetName {
    fn schema_name() -> Cow<'static, str> {
        "Dataset".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = ALL.map(|dataset| {
            let description = format!("{}: {}", dataset.title, dataset.summary);
            json!({"const": dataset.name, "description": description})
        });
        json_schema!({"description": "Which data set it is.", "oneOf": names})
    }
}
