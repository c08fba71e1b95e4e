//! The Describable Textures Dataset, its first partition: `labels/train1.txt` and its siblings list
//! the images (`banded/banded_0002.jpg`).

use super::super::images::SourceImages;
use super::dataset::{Dataset, spaced};
use super::listed::{ListedImages, bad_line, lines};
use super::train_part::TrainPart;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) const DATASET: Dataset = Dataset {
    name: "dtd",
    title: "DTD",
    summary: "47 textures, the first of ten partitions; train, validation and test parts",
    folder: "dtd/dtd",
    markers: &["labels"],
    has_validation: true,
    class_name: spaced,
    images,
};

fn images(root: &Path, part: TrainPart) -> Result<SourceImages, DomainError> {
    let mut images = ListedImages::below(root.join("images"));
    let mut classes = BTreeSet::new();
    let val = (part == TrainPart::Trainval).then_some(("val", Split::Train));
    let lists = [
        Some(("train", Split::Train)),
        val,
        Some(("test", Split::Test)),
    ];
    for (list, split) in lists.into_iter().flatten() {
        let path = root.join(format!("labels/{list}1.txt"));
        for (number, line) in lines(&path)? {
            let Some((class, _)) = line.split_once('/') else {
                let problem = format!("`{line}` is not a class folder followed by an image");
                return Err(bad_line(&path, number, problem));
            };
            let class = class.to_owned();
            images.push(line, &class, Some(split));
            classes.insert(class);
        }
    }
    Ok(images.finish(root, classes))
}
