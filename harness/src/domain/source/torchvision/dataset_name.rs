//! The list of all data sets, and the key `dataset` that chooses one.

use super::dataset::Dataset;
use super::{
    caltech_101, cifar_100, dtd, eurosat, fgvc_aircraft, flowers_102, food_101, mnist,
    oxford_iiit_pet, stanford_cars, sun_397,
};
use crate::domain::written::KeyValue;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

/// Every message and list names the data sets in this order.
const ALL: [&Dataset; 11] = [
    &fgvc_aircraft::DATASET,
    &caltech_101::DATASET,
    &cifar_100::DATASET,
    &dtd::DATASET,
    &eurosat::DATASET,
    &flowers_102::DATASET,
    &food_101::DATASET,
    &mnist::DATASET,
    &oxford_iiit_pet::DATASET,
    &stanford_cars::DATASET,
    &sun_397::DATASET,
];

/// The value of the key `dataset`.
#[derive(Clone, Copy)]
pub struct DatasetName(&'static Dataset);

impl DatasetName {
    pub(super) fn get(self) -> &'static Dataset {
        self.0
    }
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
