//! Image folders: `train/<class>/*.png|jpg|jpeg` and `test/<class>/…`, the layout that every framework reads.
//!
//! Classes and files stand in natural order (`2` before `100`), and both splits have the same classes. Whatever lies in
//! `train` and `test` has to be part of the domain; only names that begin with a dot and `Thumbs.db`, which file
//! managers leave behind, are passed over. What lies beside `train` and `test` is no part of the domain.
//!
//! On opening, each file's header is checked; the rest of it when its image is decoded.

use super::collection::{Contents, ImageStore, Sample, Split};
use super::error::DomainError;
use super::hash::StampBuilder;
use super::image_file;
use super::natural_order;
use crate::id::Label;
use image::RgbImage;
use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

struct ImageFiles {
    paths: Vec<PathBuf>,
}

pub(super) fn open(root: &Path) -> Result<Contents, DomainError> {
    let mut files = Files {
        paths: Vec::new(),
        stamp: StampBuilder::new(),
    };
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
    let train = files.of_split(root, Split::Train, &classes)?;
    let test = files.of_split(root, Split::Test, &classes)?;
    Ok(Contents {
        classes,
        train,
        test,
        images: Box::new(ImageFiles { paths: files.paths }),
        stamp: files.stamp.finish(),
    })
}

impl ImageStore for ImageFiles {
    fn image(&self, number: usize) -> Result<RgbImage, DomainError> {
        image_file::decode(&self.paths[number])
    }
}

/// The files gone through so far.
struct Files {
    paths: Vec<PathBuf>,
    stamp: StampBuilder,
}

impl Files {
    fn of_split(
        &mut self,
        root: &Path,
        split: Split,
        classes: &[String],
    ) -> Result<Vec<Sample>, DomainError> {
        let mut samples = Vec::new();
        for (label, class) in classes.iter().enumerate() {
            let folder = root.join(split.name()).join(class);
            let files = image_files(&folder)?;
            if files.is_empty() {
                let class = class.clone();
                return Err(DomainError::ClassWithoutSamples {
                    path: folder,
                    class,
                    split,
                });
            }
            for file in files {
                let name = format!("{split}/{class}/{file}");
                let path = folder.join(file);
                let metadata = image_file::check_header(&path)?;
                self.stamp.file(&name, &metadata);
                samples.push(Sample {
                    name,
                    label: Label(label as u32),
                    image: self.paths.len(),
                });
                self.paths.push(path);
            }
        }
        Ok(samples)
    }
}

/// The class folders of a split, in natural order.
fn class_folders(folder: &Path) -> Result<Vec<String>, DomainError> {
    let mut classes = Vec::new();
    for (name, kind) in entries(folder)? {
        if !kind.is_dir() {
            return Err(DomainError::Stray {
                path: folder.join(name),
                found: "a file",
                wanted: "the folders of the classes",
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
fn image_files(folder: &Path) -> Result<Vec<String>, DomainError> {
    let mut files = Vec::new();
    for (name, kind) in entries(folder)? {
        let extension = Path::new(&name)
            .extension()
            .and_then(|extension| extension.to_str());
        let is_image = extension.is_some_and(|extension| {
            ["png", "jpg", "jpeg"]
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        });
        if kind.is_dir() || !is_image {
            return Err(DomainError::Stray {
                path: folder.join(name),
                found: if kind.is_dir() {
                    "a folder"
                } else {
                    "neither .png nor .jpg"
                },
                wanted: "the images of a class",
            });
        }
        files.push(name);
    }
    Ok(files)
}

/// What lies in a folder, in natural order, less what file managers leave behind. Links count as what they lead to.
fn entries(folder: &Path) -> Result<Vec<(String, FileType)>, DomainError> {
    if !folder.is_dir() {
        return Err(DomainError::NotAFolder {
            path: folder.to_owned(),
        });
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(|cause| unreadable(folder, cause))? {
        let path = entry.map_err(|cause| unreadable(folder, cause))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.map(String::from) else {
            return Err(DomainError::NameNotUnicode { path });
        };
        if name.starts_with('.') || name == "Thumbs.db" {
            continue;
        }
        let kind = fs::metadata(&path)
            .map_err(|cause| unreadable(&path, cause))?
            .file_type();
        entries.push((name, kind));
    }
    entries.sort_unstable_by(|(a, _), (b, _)| natural_order::compare(a, b));
    Ok(entries)
}

fn unreadable(path: &Path, cause: std::io::Error) -> DomainError {
    DomainError::Unreadable {
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests;
