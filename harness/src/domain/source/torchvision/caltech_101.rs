//! Caltech 101: a folder per class. The background is no class.

use super::super::images::SourceImages;
use super::class_folders::class_folders;
use super::dataset::{Dataset, spaced};
use super::train_part::TrainPart;
use crate::domain::error::DomainError;
use std::path::Path;

pub(super) const DATASET: Dataset = Dataset {
    name: "caltech-101",
    title: "Caltech101",
    summary: "101 classes of objects, without the background; no splits, so add `split`",
    folder: "caltech101/101_ObjectCategories",
    markers: &["ant"],
    has_validation: false,
    class_name: spaced,
    images,
};

const BACKGROUND: &str = "BACKGROUND_Google";

fn images(root: &Path, _: TrainPart) -> Result<SourceImages, DomainError> {
    class_folders(root, |class| class != BACKGROUND)
}
