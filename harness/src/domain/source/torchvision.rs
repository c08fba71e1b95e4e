//! Data sets in the folders that torchvision downloads them to.
//!
//! `path` is the folder that torchvision calls `root`, or the data set's own folder below it. Each
//! data set has a file here, which says where its images are and which class and split each has.
//! To add one, write `torchvision/NAME.rs` with a `Dataset` and add it to the list in
//! `dataset_name::ALL`.
//!
//! Images are in the order of torchvision's data set, since published draws are numbers of places
//! in it. Sample names are paths below the folder of the images, so the split hash is the one that
//! `image-folder` or a list gives for the same files.

mod dataset;
mod dataset_name;
mod train_part;

mod caltech_101;
mod cifar_100;
mod class_folders;
mod dtd;
mod eurosat;
mod fgvc_aircraft;
mod flowers_102;
mod food_101;
mod listed;
mod mnist;
mod oxford_iiit_pet;
mod stanford_cars;
mod sun_397;

use super::images::SourceImages;
use super::kind::{SourceKind, values};
use crate::domain::classes::tag::Tag;
use crate::domain::classes::{ClassEntry, ClassKey, Classes, LeaveOut};
use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::split_list::SplitList;
use crate::domain::split_list::matching::contents;
use crate::domain::written::{Folder, KeyValue};
use dataset::Dataset;
use dataset_name::DatasetName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use train_part::TrainPart;

/// A data set in the folder that torchvision downloads it to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Torchvision {
    /// The folder that torchvision calls `root`, or the data set's own folder below it; relative to
    /// the scenario file. `~` is your home directory.
    pub(crate) path: Folder,
    pub(crate) dataset: DatasetName,
    pub(crate) train: Option<TrainPart>,
    pub(crate) split: Option<SplitList>,
    pub(crate) classes: Option<Classes>,
    pub(crate) leave_out: Option<LeaveOut>,
}

impl SourceKind for Torchvision {
    const NAME: &'static str = "torchvision";
    const SUMMARY: &'static str =
        "a data set as torchvision downloads it; `path`, `dataset`, `train`";
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("dataset", "the name of the data set, as in `dataset: dtd`")];

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: path, dataset, train, split, classes, leave_out)
    }

    fn root(&self) -> Option<&Path> {
        Some(self.path.path())
    }

    fn open(&self) -> Result<Contents, DomainError> {
        let dataset = self.dataset.get();
        if self.train.is_some() && !dataset.has_validation {
            return Err(DomainError::Format {
                place: self.path.path().display().to_string(),
                problem: format!(
                    "`train` chooses between two parts, but torchvision's {} has only one",
                    dataset.title
                ),
                fix: "remove `train`".to_owned(),
            });
        }
        let images = dataset.open(self.path.path(), self.train.unwrap_or_default())?;
        // A list has names of its own for the classes.
        let own = match self.split {
            None | Some(SplitList::Random(_)) if self.classes.is_none() => {
                Some(self.own_classes(dataset, &images))
            }
            _ => None,
        };
        contents(
            images,
            self.split.as_ref(),
            own.as_ref().or(self.classes.as_ref()),
            self.leave_out.as_ref(),
        )
    }
}

impl Torchvision {
    /// The data set's own list of classes, with names that read as words.
    fn own_classes(&self, dataset: &Dataset, images: &SourceImages) -> Classes {
        let left_out = self.leave_out.as_ref().map_or(&[][..], |keys| &keys.0);
        let tags = images.declared.iter().flatten();
        let kept = tags.filter(|tag| !left_out.iter().any(|key| tag.is(key)));
        Classes::Listed(kept.map(|tag| entry(dataset, tag)).collect())
    }
}

fn entry(dataset: &Dataset, tag: &Tag) -> ClassEntry {
    let called = tag.to_string();
    let name = (dataset.class_name)(&called);
    ClassEntry {
        key: (name != called).then_some(ClassKey::Text(called)),
        name,
    }
}

#[cfg(test)]
mod tests;
