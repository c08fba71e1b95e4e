//! Stanford Cars, in the layout in which it was published.

use super::super::cars;
use super::dataset::Dataset;

pub(super) const DATASET: Dataset = Dataset {
    name: "stanford-cars",
    title: "StanfordCars",
    summary: "196 models of cars; train and test parts",
    folder: "stanford_cars",
    marker: "devkit",
    has_validation: false,
    class_name: str::to_owned,
    images: |root, _| cars::images(root),
};
