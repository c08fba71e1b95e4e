//! FGVC-Aircraft by variant: `variants.txt` names the classes, `images_variant_train.txt` and its
//! siblings (`0034309 707-320`) the images.

use super::super::images::SourceImages;
use super::dataset::Dataset;
use super::listed::{ListedImages, bad_line, lines};
use super::train_part::TrainPart;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use std::path::Path;

pub(super) const DATASET: Dataset = Dataset {
    name: "fgvc-aircraft",
    title: "FGVCAircraft",
    summary: "100 variants of aircraft; train, validation and test parts",
    folder: "fgvc-aircraft-2013b/data",
    markers: &["variants.txt"],
    has_validation: true,
    class_name: str::to_owned,
    images,
};

fn images(root: &Path, part: TrainPart) -> Result<SourceImages, DomainError> {
    let classes = lines(&root.join("variants.txt"))?
        .into_iter()
        .map(|(_, class)| class);
    let mut images = ListedImages::below(root.join("images"));
    // The file of both parts mixes them, and so does torchvision's `trainval`.
    let train = match part {
        TrainPart::Train => "train",
        TrainPart::Trainval => "trainval",
    };
    for (list, split) in [(train, Split::Train), ("test", Split::Test)] {
        let path = root.join(format!("images_variant_{list}.txt"));
        for (number, line) in lines(&path)? {
            let Some((name, class)) = line.split_once(' ') else {
                let problem = format!("`{line}` is not an image followed by its variant");
                return Err(bad_line(&path, number, problem));
            };
            images.push(format!("{name}.jpg"), class.trim(), Some(split));
        }
    }
    Ok(images.finish(root, classes))
}
