//! Stanford Cars, in the layout in which it was published.

use super::super::cars;
use super::super::images::SourceImages;
use super::dataset::Dataset;
use super::train_part::TrainPart;
use crate::domain::classes::tag::Tag;
use crate::domain::error::DomainError;
use std::path::Path;

pub(super) const DATASET: Dataset = Dataset {
    name: "stanford-cars",
    title: "StanfordCars",
    summary: "196 models of cars; train and test parts",
    folder: "stanford_cars",
    markers: &["devkit"],
    has_validation: false,
    class_name: str::to_owned,
    images,
};

/// Classes are counted from 1 in the files, and from 0 by torchvision.
fn images(root: &Path, _: TrainPart) -> Result<SourceImages, DomainError> {
    let mut images = cars::images(root)?;
    let from_zero = |tag: &mut Tag| tag.number = tag.number.map(|number| number - 1);
    let declared = images.declared.iter_mut().flatten();
    declared.for_each(from_zero);
    let of_images = images.images.iter_mut().flat_map(|image| &mut image.tag);
    of_images.for_each(from_zero);
    Ok(images)
}
