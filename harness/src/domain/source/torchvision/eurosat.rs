//! EuroSAT (RGB): a folder per class.

use super::class_folders::class_folders;
use super::dataset::{Dataset, spaced};

pub(super) const DATASET: Dataset = Dataset {
    name: "eurosat",
    title: "EuroSAT",
    summary: "10 kinds of land use from above; no splits, so add `split`",
    folder: "eurosat/2750",
    markers: &["AnnualCrop"],
    has_validation: false,
    class_name: spaced,
    images: |root, _| class_folders(root, |_| true),
};
