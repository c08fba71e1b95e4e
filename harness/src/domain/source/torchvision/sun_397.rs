//! SUN397: folders by first letter, class and often a subclass (`a/airplane_cabin`,
//! `c/church/indoor`). `ClassName.txt` lists them.
//!
//! torchvision takes the images in the order in which the file system lists them, so a split that
//! was drawn from them cannot be had again. Here they are sorted by path, part by part.

use super::super::image_files::{below, has_image_ending};
use super::super::images::SourceImages;
use super::dataset::Dataset;
use super::listed::{ListedImages, bad_line, lines};
use super::train_part::TrainPart;
use crate::domain::error::DomainError;
use std::path::Path;

pub(super) const DATASET: Dataset = Dataset {
    name: "sun-397",
    title: "SUN397",
    summary: "397 scenes; no splits, so add `split`",
    folder: "SUN397",
    markers: &["ClassName.txt"],
    has_validation: false,
    class_name: |class| class.replace(['/', '_'], " "),
    images,
};

fn images(root: &Path, _: TrainPart) -> Result<SourceImages, DomainError> {
    let path = root.join("ClassName.txt");
    let mut classes = Vec::new();
    for (number, line) in lines(&path)? {
        match class_of(line.trim_start_matches('/')) {
            Some(class) => classes.push(class.to_owned()),
            None => {
                let problem = format!("`{line}` is not a letter and a class, as in `/a/abbey`");
                return Err(bad_line(&path, number, problem));
            }
        }
    }
    let is_image = |name: &str| name.starts_with("sun_") && has_image_ending(name);
    let mut names = below(root, &is_image)?;
    names.sort_by(|a, b| a.split('/').cmp(b.split('/')));
    let mut images = ListedImages::below(root.to_owned());
    for name in names {
        let folder = name.rsplit_once('/').map(|(folder, _)| folder);
        if let Some(class) = folder.and_then(class_of).map(String::from) {
            images.push(name, &class, None);
        }
    }
    Ok(images.finish(root, classes))
}

/// A folder's path without the letter.
fn class_of(folder: &str) -> Option<&str> {
    folder.split_once('/').map(|(_, class)| class)
}
