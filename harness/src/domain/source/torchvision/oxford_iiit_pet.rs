//! The Oxford-IIIT Pet Dataset: `annotations/trainval.txt` and `test.txt` list the images with the
//! number of their breed, from 1 (`Abyssinian_100 1 1 1`).

use super::super::images::SourceImages;
use super::dataset::Dataset;
use super::listed::{ListedImages, bad_line, lines};
use super::train_part::TrainPart;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) const DATASET: Dataset = Dataset {
    name: "oxford-iiit-pet",
    title: "OxfordIIITPet",
    summary: "37 breeds of cats and dogs; train (`trainval`) and test parts",
    folder: "oxford-iiit-pet",
    markers: &["annotations"],
    has_validation: false,
    class_name: str::to_owned,
    images,
};

fn images(root: &Path, _: TrainPart) -> Result<SourceImages, DomainError> {
    let mut images = ListedImages::below(root.join("images"));
    let mut classes: BTreeMap<u32, String> = BTreeMap::new();
    for (list, split) in [("trainval", Split::Train), ("test", Split::Test)] {
        let path = root.join(format!("annotations/{list}.txt"));
        for (number, line) in lines(&path)? {
            let mut fields = line.split_whitespace();
            let (name, label) = (fields.next(), fields.next());
            let label = label.and_then(|label| label.parse().ok());
            let (Some((name, breed)), Some(label)) = (name.and_then(breed), label) else {
                let problem =
                    format!("`{line}` is not an image followed by the number of its breed");
                return Err(bad_line(&path, number, problem));
            };
            let known = classes.entry(label).or_insert_with(|| breed.clone());
            if *known != breed {
                let problem = format!("breed {label} is both `{known}` and `{breed}`");
                return Err(bad_line(&path, number, problem));
            }
            images.push(format!("{name}.jpg"), &breed, Some(split));
        }
    }
    Ok(images.finish(root, classes.into_values()))
}

/// An image's name, and the breed that it begins with, as torchvision writes it: `American Bulldog`
/// for `american_bulldog_100`.
fn breed(image: &str) -> Option<(&str, String)> {
    let (breed, _) = image.rsplit_once('_')?;
    let title = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let rest = letters.map(|letter| letter.to_ascii_lowercase());
        first.into_iter().chain(rest).collect::<String>()
    };
    let words: Vec<String> = breed.split('_').map(title).collect();
    Some((image, words.join(" ")))
}
