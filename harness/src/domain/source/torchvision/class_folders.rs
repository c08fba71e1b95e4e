//! Data sets with a folder per class, in the order of torchvision's `ImageFolder`.

use super::super::image_files;
use super::super::images::SourceImages;
use super::listed::ListedImages;
use crate::domain::error::DomainError;
use std::path::Path;

/// The images of the class folders below `root`, in the order of torchvision's `ImageFolder`.
pub(super) fn class_folders(
    root: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<SourceImages, DomainError> {
    let mut images = ListedImages::below(root.to_owned());
    let mut classes: Vec<String> = Vec::new();
    for name in image_files::below_as_torchvision(root)? {
        let class = match name.split_once('/') {
            Some((class, _)) if wanted(class) => class.to_owned(),
            _ => continue,
        };
        images.push(name, &class, None);
        if classes.last() != Some(&class) {
            classes.push(class);
        }
    }
    if classes.is_empty() {
        return Err(DomainError::NoClasses {
            path: root.to_owned(),
        });
    }
    Ok(images.finish(root, classes))
}
