//! What a data set is.

use super::super::images::SourceImages;
use super::train_part::TrainPart;
use crate::domain::error::DomainError;
use std::path::{Path, PathBuf};

/// A data set of torchvision.
pub(super) struct Dataset {
    /// Its name in a scenario.
    pub(super) name: &'static str,
    /// The name of torchvision's class.
    pub(super) title: &'static str,
    /// A one-line description of its splits.
    pub(super) summary: &'static str,
    /// The folder of its files below torchvision's `root`.
    pub(super) folder: &'static str,
    /// Files or folders in that folder, of which one must be there: other data sets beside it are
    /// folders of images too.
    pub(super) markers: &'static [&'static str],
    /// Whether it has a validation part.
    pub(super) has_validation: bool,
    /// The name that a class has by default, given torchvision's.
    pub(super) class_name: fn(&str) -> String,
    /// Its images, in torchvision's order, and its classes in the order of their labels. Gets the
    /// folder of its files.
    pub(super) images: fn(&Path, TrainPart) -> Result<SourceImages, DomainError>,
}

impl Dataset {
    /// Opens it in torchvision's `root`, or in its own folder.
    pub(super) fn open(&self, path: &Path, part: TrainPart) -> Result<SourceImages, DomainError> {
        if !path.is_dir() {
            return Err(DomainError::NoFolder {
                path: path.to_owned(),
            });
        }
        match self.found(path) {
            Some(folder) => (self.images)(&folder, part),
            None => Err(DomainError::Format {
                place: path.display().to_string(),
                problem: format!(
                    "torchvision's {} is not here: there is no {}/{}",
                    self.title, self.folder, self.markers[0]
                ),
                fix: "set `path` to the folder that torchvision calls `root`".to_owned(),
            }),
        }
    }

    /// The folder of the files: `a/b` below `path`, or `b`, or `path` itself.
    fn found(&self, path: &Path) -> Option<PathBuf> {
        let parts: Vec<&str> = self.folder.split('/').collect();
        let mut candidates = (0..=parts.len()).map(|skipped| {
            let below: PathBuf = parts[skipped..].iter().collect();
            path.join(below)
        });
        let is_it = |folder: &PathBuf| self.markers.iter().any(|file| folder.join(file).exists());
        candidates.find(is_it)
    }
}

/// A class name without underscores.
pub(super) fn spaced(class: &str) -> String {
    class.replace('_', " ")
}
