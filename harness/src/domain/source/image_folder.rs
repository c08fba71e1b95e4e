//! Image folders: `train/<class>/*.png|jpg|jpeg|webp` and `test/<class>/…`, the layout that every
//! framework reads.
//!
//! Classes and files are in natural order (`2` before `100`), and both splits have the same
//! classes. Everything in `train` and `test` must be part of the domain, except `Thumbs.db` and
//! names that begin with a dot, which file managers create. Anything next to `train` and `test` is
//! ignored.
//!
//! Opening checks each file's header; decoding checks the rest.

use super::image_files::{self, ImageFiles, below, entries, has_image_ending, unread_ending};
use super::images::{SourceImage, SourceImages};
use super::kind::{SourceKind, values};
use crate::domain::classes::tag::Tag;
use crate::domain::classes::{Classes, LeaveOut};
use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use crate::domain::split_list::SplitList;
use crate::domain::split_list::matching::contents;
use crate::domain::written::{Folder, KeyValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::FileType;
use std::path::{Path, PathBuf};

/// A folder with `train/<class>/*.png|jpg|webp` and `test/<class>/*.png|jpg|webp`; with a `split`,
/// images in any folders that are named after their classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFolder {
    /// The folder with `train` and `test`, relative to the scenario file; `~` is your home
    /// directory.
    pub(crate) path: Folder,
    pub(crate) split: Option<SplitList>,
    pub(crate) classes: Option<Classes>,
    pub(crate) leave_out: Option<LeaveOut>,
}

impl ImageFolder {
    /// The image folder at this path, with no other keys.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: Folder(path.into()),
            split: None,
            classes: None,
            leave_out: None,
        }
    }
}

impl SourceKind for ImageFolder {
    const NAME: &'static str = "image-folder";
    const SUMMARY: &'static str = "train/<class>/*.png|jpg|webp and test/<class>/*.png|jpg|webp, or <class>/*.png|jpg|webp with a `split`; `path`";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "path",
        "the folder of the images, as in `path: data/flowers`",
    )];

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: path, split, classes, leave_out)
    }

    fn root(&self) -> Option<&Path> {
        Some(self.path.path())
    }

    fn open(&self) -> Result<Contents, DomainError> {
        let images = match &self.split {
            None => images(self.path.path())?,
            Some(SplitList::Random(_)) => image_files::open_as_torchvision(self.path.path())?,
            Some(_) => image_files::open(self.path.path(), true)?,
        };
        contents(
            images,
            self.split.as_ref(),
            self.classes.as_ref(),
            self.leave_out.as_ref(),
        )
    }
}

fn images(root: &Path) -> Result<SourceImages, DomainError> {
    let folder = |split: Split| root.join(split.name());
    let classes = class_folders(&folder(Split::Train))?;
    let test_classes = class_folders(&folder(Split::Test))?;
    for (missing, classes, others) in [
        (Split::Test, &classes, &test_classes),
        (Split::Train, &test_classes, &classes),
    ] {
        if let Some(class) = classes.iter().find(|class| !others.contains(class)) {
            let path = folder(missing).join(class);
            return Err(DomainError::ClassInOneSplit {
                path,
                class: class.clone(),
                missing,
            });
        }
    }
    let mut images = Vec::new();
    let mut paths = Vec::new();
    for split in [Split::Train, Split::Test] {
        for class in &classes {
            images_of(root, split, class, &mut images, &mut paths)?;
        }
    }
    Ok(SourceImages {
        path: root.to_owned(),
        images,
        declared: Some(classes.into_iter().map(Tag::text).collect()),
        store: Box::new(ImageFiles { paths }),
    })
}

fn images_of(
    root: &Path,
    split: Split,
    class: &str,
    images: &mut Vec<SourceImage>,
    paths: &mut Vec<PathBuf>,
) -> Result<(), DomainError> {
    let folder = root.join(split.name()).join(class);
    let files = image_files(root, &folder)?;
    if files.is_empty() {
        return Err(DomainError::ClassWithoutSamples {
            path: folder,
            class: class.to_owned(),
            split,
        });
    }
    for file in files {
        images.push(SourceImage {
            name: format!("{split}/{class}/{file}"),
            tag: Some(Tag::text(class)),
            split: Some(split),
        });
        paths.push(folder.join(file));
    }
    Ok(())
}

/// The class folders of a split, in natural order.
fn class_folders(folder: &Path) -> Result<Vec<String>, DomainError> {
    let mut classes = Vec::new();
    for (name, kind) in listed(folder)? {
        if !kind.is_dir() {
            return Err(DomainError::Stray {
                path: folder.join(name),
                found: "a file",
                wanted: "class folders",
            });
        }
        classes.push(name);
    }
    if classes.is_empty() {
        return Err(DomainError::NoClasses {
            path: folder.to_owned(),
        });
    }
    Ok(classes)
}

/// The images of a class, in natural order.
fn image_files(root: &Path, folder: &Path) -> Result<Vec<String>, DomainError> {
    let mut files = Vec::new();
    for (name, kind) in listed(folder)? {
        if let Some(ending) = unread_ending(&name).filter(|_| !kind.is_dir()) {
            return Err(DomainError::UnsupportedImages {
                path: folder.join(name),
                ending,
                count: below(root, &|name| unread_ending(name).is_some())?.len(),
                folder: root.to_owned(),
            });
        }
        if kind.is_dir() || !has_image_ending(&name) {
            return Err(DomainError::Stray {
                path: folder.join(name),
                found: if kind.is_dir() {
                    "a folder"
                } else {
                    "a file that is not .png, .jpg or .webp"
                },
                wanted: "a class's images",
            });
        }
        files.push(name);
    }
    Ok(files)
}

/// The entries of a folder that must exist.
fn listed(folder: &Path) -> Result<Vec<(String, FileType)>, DomainError> {
    if folder.is_dir() {
        return entries(folder);
    }
    Err(DomainError::NotAFolder {
        path: folder.to_owned(),
    })
}

#[cfg(test)]
mod tests;
