//! Food-101: `meta/train.json` and `meta/test.json` list the images of each class
//! (`{"apple_pie": ["apple_pie/1005649", …], …}`).

use super::super::images::SourceImages;
use super::dataset::{Dataset, spaced};
use super::listed::{ListedImages, bad_file};
use super::train_part::TrainPart;
use crate::domain::error::DomainError;
use crate::domain::file::read_text;
use crate::domain::sample::Split;
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) const DATASET: Dataset = Dataset {
    name: "food-101",
    title: "Food101",
    summary: "101 dishes; train and test parts",
    folder: "food-101",
    markers: &["meta"],
    has_validation: false,
    class_name: spaced,
    images,
};

fn images(root: &Path, _: TrainPart) -> Result<SourceImages, DomainError> {
    let mut images = ListedImages::below(root.join("images"));
    let mut classes = BTreeSet::new();
    for split in [Split::Train, Split::Test] {
        let path = root.join(format!("meta/{split}.json"));
        // torchvision keeps the order of the file.
        let listed: IndexMap<String, Vec<String>> =
            serde_json::from_str(&read_text(&path)?).map_err(|e| bad_file(&path, e.to_string()))?;
        for (class, names) in listed {
            for name in names {
                images.push(format!("{name}.jpg"), &class, Some(split));
            }
            classes.insert(class);
        }
    }
    Ok(images.finish(root, classes))
}
