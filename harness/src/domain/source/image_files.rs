//! Images in separate files, in any folders below a root folder.

use super::images::{SourceImage, SourceImages, SourceStore};
use crate::domain::classes::tag::Tag;
use crate::domain::contents::ImageStore;
use crate::domain::error::DomainError;
use crate::domain::file::unreadable;
use crate::domain::image::decode;
use crate::domain::natural_order;
use crate::regular_file;
use image::RgbImage;
use std::borrow::Cow;
use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

/// Decodes image files, by number.
pub(crate) struct ImageFiles {
    pub(crate) paths: Vec<PathBuf>,
}

/// Every PNG, JPEG and WebP file below `root`, in natural order; with `in_classes`, each folder is
/// named after its class. Other files are ignored, since a list says which files count.
pub(crate) fn open(root: &Path, in_classes: bool) -> Result<SourceImages, DomainError> {
    let names = below(root, &has_image_ending)?;
    Ok(named(root, &names, in_classes))
}

/// The same with class folders, in the order of torchvision's `ImageFolder`: by class folder, by
/// folder, by file name, all of them as texts (`_1`, `_10`, `_2`).
pub(crate) fn open_as_torchvision(root: &Path) -> Result<SourceImages, DomainError> {
    Ok(named(root, &below_as_torchvision(root)?, true))
}

/// The paths of these images below `root`.
pub(crate) fn below_as_torchvision(root: &Path) -> Result<Vec<String>, DomainError> {
    let mut names = below(root, &has_image_ending)?;
    names.sort_by(|a, b| torchvision_key(a).cmp(&torchvision_key(b)));
    Ok(names)
}

/// Class folder, folder and file name of a path. A path as a whole would sort otherwise: `/` comes
/// after a space.
fn torchvision_key(name: &str) -> [&str; 3] {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let class = folder.split('/').next().unwrap_or(folder);
    [class, folder, file]
}

fn named(root: &Path, names: &[String], in_classes: bool) -> SourceImages {
    let images = (names.iter())
        .map(|name| {
            let folder = name.rsplit('/').nth(1);
            SourceImage {
                name: name.clone(),
                tag: folder.filter(|_| in_classes).map(Tag::text),
                split: None,
            }
        })
        .collect();
    let paths = names.iter().map(|name| root.join(name)).collect();
    SourceImages {
        path: root.to_owned(),
        images,
        declared: None,
        store: Box::new(ImageFiles { paths }),
    }
}

impl ImageStore for ImageFiles {
    fn encoded(&self, number: usize) -> Result<Cow<'_, [u8]>, DomainError> {
        let path = &self.paths[number];
        let bytes = regular_file::read(path, decode::LARGEST_FILE);
        bytes.map(Cow::Owned).map_err(unreadable(path))
    }

    fn decode(&self, number: usize, encoded: &[u8]) -> Result<RgbImage, DomainError> {
        decode::decode(&self.paths[number], encoded)
    }

    fn file(&self, number: usize) -> Option<(&Path, u32)> {
        Some((&self.paths[number], 0))
    }
}

impl SourceStore for ImageFiles {
    fn place(&self, number: usize) -> String {
        self.paths[number].display().to_string()
    }

    fn check(&self, number: usize) -> Result<(), DomainError> {
        decode::check_header(&self.paths[number])
    }
}

/// The wanted files below a folder as paths relative to it, with `/` on every system, in natural
/// order.
pub(crate) fn below(
    root: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>, DomainError> {
    fn collect(
        folder: &Path,
        prefix: &str,
        around: &mut Vec<PathBuf>,
        wanted: &dyn Fn(&str) -> bool,
        found: &mut Vec<String>,
    ) -> Result<(), DomainError> {
        // Two links to a folder around them would be followed for ever.
        let real = folder.canonicalize().map_err(unreadable(folder))?;
        if around.contains(&real) {
            return Err(DomainError::Stray {
                path: folder.to_owned(),
                found: "a link to a folder that contains it",
                wanted: "images and folders of images",
            });
        }
        around.push(real);
        for (name, kind) in entries(folder)? {
            let relative = format!("{prefix}{name}");
            if kind.is_dir() {
                let prefix = format!("{relative}/");
                collect(&folder.join(name), &prefix, around, wanted, found)?;
            } else if wanted(&name) {
                found.push(relative);
            }
        }
        around.pop();
        Ok(())
    }
    if !root.is_dir() {
        return Err(DomainError::NoFolder {
            path: root.to_owned(),
        });
    }
    let mut found = Vec::new();
    collect(root, "", &mut Vec::new(), wanted, &mut found)?;
    Ok(found)
}

/// The entries of a folder, in natural order, without the files that file managers create. Links
/// count as their targets.
pub(crate) fn entries(folder: &Path) -> Result<Vec<(String, FileType)>, DomainError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.map(String::from) else {
            return Err(DomainError::NameNotUnicode { path });
        };
        if name.starts_with('.') || name == "Thumbs.db" {
            continue;
        }
        let kind = fs::metadata(&path).map_err(unreadable(&path))?.file_type();
        entries.push((name, kind));
    }
    entries.sort_unstable_by(|(a, _), (b, _)| natural_order::compare(a, b));
    Ok(entries)
}

/// The extensions of images that are read.
const READ: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// The extensions of images that are not read, so that no such file is ignored silently.
const NOT_READ: [&str; 13] = [
    "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2", "ppm", "pgm", "pbm", "pnm",
];

/// Whether a file has the extension of an image that is read.
pub(crate) fn has_image_ending(name: &str) -> bool {
    without_image_ending(name).is_some()
}

/// A file's name without `.png`, `.jpg`, `.jpeg` or `.webp`, if it has one of these.
pub(crate) fn without_image_ending(name: &str) -> Option<&str> {
    let (stem, ending) = name.rsplit_once('.')?;
    (READ.iter())
        .any(|known| ending.eq_ignore_ascii_case(known))
        .then_some(stem)
}

/// A file's extension in lower case, if it is that of an image that is not read.
pub(crate) fn unread_ending(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    let mut known = NOT_READ.iter().copied();
    known.find(|known| ending.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_a_circle_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        for name in ["one", "two"] {
            std::os::unix::fs::symlink(folder.path(), inner.join(name)).unwrap();
        }
        let error = below(folder.path(), &|_| true).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "a/b/one: found a link to a folder that contains it where only images and folders \
                 of images are expected; move it elsewhere"
            ),
            "{error}"
        );
        // Two links to the same folder are no circle.
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("x.png"), "").unwrap();
        for name in ["one", "two"] {
            fs::remove_file(inner.join(name)).unwrap();
            std::os::unix::fs::symlink(other.path(), inner.join(name)).unwrap();
        }
        let found = below(folder.path(), &|_| true).unwrap();
        assert_eq!(found, ["a/b/one/x.png", "a/b/two/x.png"]);
    }
}
