//! Oxford's 102 flowers: `imagelabels.mat` has the class of each image, from 1, and `setid.mat` the
//! images of each part. `flowers_102/names.txt` has the names of the classes, which are not in
//! these files.

use super::super::images::SourceImages;
use super::super::mat::Mat;
use super::dataset::Dataset;
use super::listed::{ListedImages, bad_file};
use super::train_part::TrainPart;
use crate::domain::error::DomainError;
use crate::domain::file::read;
use crate::domain::sample::Split;
use std::path::Path;

pub(super) const DATASET: Dataset = Dataset {
    name: "flowers-102",
    title: "Flowers102",
    summary: "102 flowers; train, validation and test parts",
    folder: "flowers-102",
    markers: &["setid.mat"],
    has_validation: true,
    class_name: str::to_owned,
    images,
};

const NAMES: &str = include_str!("flowers_102/names.txt");

fn images(root: &Path, part: TrainPart) -> Result<SourceImages, DomainError> {
    let names: Vec<&str> = NAMES.lines().collect();
    let path = root.join("imagelabels.mat");
    let labels = numbers(&path, &load(&path)?, "labels")?;
    for (image, &label) in (1..).zip(&labels) {
        if !(1..=names.len()).contains(&label) {
            let problem = format!(
                "class {label} of image {image} is out of range (1 to {})",
                names.len()
            );
            return Err(bad_file(&path, problem));
        }
    }
    let path = root.join("setid.mat");
    let sets = load(&path)?;
    let val = (part == TrainPart::Trainval).then_some(("valid", Split::Train));
    let parts = [
        Some(("trnid", Split::Train)),
        val,
        Some(("tstid", Split::Test)),
    ];
    let mut images = ListedImages::below(root.join("jpg"));
    for (variable, split) in parts.into_iter().flatten() {
        for image in numbers(&path, &sets, variable)? {
            let Some(&label) = image.checked_sub(1).and_then(|at| labels.get(at)) else {
                let problem = format!("`{variable}` has image {image}, which has no label");
                return Err(bad_file(&path, problem));
            };
            images.push(
                format!("image_{image:05}.jpg"),
                names[label - 1],
                Some(split),
            );
        }
    }
    Ok(images.finish(root, names))
}

fn load(path: &Path) -> Result<Mat, DomainError> {
    Mat::parse(&read(path)?).map_err(|problem| bad_file(path, problem))
}

/// A variable of whole numbers.
fn numbers(path: &Path, mat: &Mat, variable: &str) -> Result<Vec<usize>, DomainError> {
    let numbers = mat.variable(variable).and_then(|value| value.numbers());
    let Some(numbers) = numbers else {
        return Err(bad_file(path, format!("array `{variable}` not found")));
    };
    let whole = |&number: &f64| {
        let is_whole = number >= 0.0 && number.fract() == 0.0;
        is_whole.then_some(number as usize)
    };
    let numbers: Option<Vec<usize>> = numbers.iter().map(whole).collect();
    let problem = || format!("`{variable}` has entries that are not whole numbers");
    numbers.ok_or_else(|| bad_file(path, problem()))
}
