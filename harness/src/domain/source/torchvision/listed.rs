//! Images that a data set's own files list, collected one after the other.

use super::super::image_files::ImageFiles;
use super::super::images::{SourceImage, SourceImages};
use crate::domain::classes::tag::Tag;
use crate::domain::error::DomainError;
use crate::domain::file::read_text;
use crate::domain::sample::Split;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Images in files below one folder.
pub(super) struct ListedImages {
    folder: PathBuf,
    images: Vec<SourceImage>,
    paths: Vec<PathBuf>,
}

impl ListedImages {
    /// No images yet; names will be relative to `folder`.
    pub(super) fn below(folder: PathBuf) -> Self {
        Self {
            folder,
            images: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// Adds an image of a class, as torchvision calls it.
    pub(super) fn push(&mut self, name: String, class: &str, split: Option<Split>) {
        self.paths.push(self.folder.join(&name));
        self.images.push(SourceImage {
            name,
            tag: Some(Tag::text(class)),
            split,
        });
    }

    /// All of them. `classes` are in the order of their labels; a class is known by its name and by
    /// its label, from 0.
    pub(super) fn finish(
        mut self,
        root: &Path,
        classes: impl IntoIterator<Item = impl Into<String>>,
    ) -> SourceImages {
        let tag = |(label, class): (u64, _)| Tag::numbered(label, class);
        let declared: Vec<Tag> = (0..).zip(classes).map(tag).collect();
        let by_name: HashMap<&Option<String>, &Tag> =
            declared.iter().map(|tag| (&tag.text, tag)).collect();
        for tag in self.images.iter_mut().flat_map(|image| &mut image.tag) {
            if let Some(&known) = by_name.get(&tag.text) {
                tag.clone_from(known);
            }
        }
        SourceImages {
            path: root.to_owned(),
            images: self.images,
            declared: Some(declared),
            store: Box::new(ImageFiles { paths: self.paths }),
        }
    }
}

/// The lines of a text, with their numbers from 1, without empty ones.
pub(super) fn lines(path: &Path) -> Result<Vec<(usize, String)>, DomainError> {
    let text = read_text(path)?;
    let lines = (1..).zip(text.lines().map(str::trim));
    let kept = lines.filter(|(_, line)| !line.is_empty());
    Ok(kept
        .map(|(number, line)| (number, line.to_owned()))
        .collect())
}

/// The error about a line of a data set's own file.
pub(super) fn bad_line(path: &Path, number: usize, problem: String) -> DomainError {
    DomainError::Format {
        place: format!("{}: line {number}", path.display()),
        problem,
        fix: "copy the file again".to_owned(),
    }
}

/// The error about a data set's own file.
pub(super) fn bad_file(path: &Path, problem: impl Into<String>) -> DomainError {
    DomainError::Format {
        place: path.display().to_string(),
        problem: problem.into(),
        fix: "copy the file again".to_owned(),
    }
}
