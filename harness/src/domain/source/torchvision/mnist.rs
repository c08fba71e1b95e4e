//! MNIST: four IDX files, plain or gzipped.

use super::super::idx;
use super::dataset::Dataset;

pub(super) const DATASET: Dataset = Dataset {
    name: "mnist",
    title: "MNIST",
    summary: "10 digits; train and test parts",
    folder: "MNIST/raw",
    markers: &["train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"],
    has_validation: false,
    class_name: str::to_owned,
    images: |root, _| idx::images(root),
};
