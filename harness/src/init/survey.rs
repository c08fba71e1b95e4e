//! What a folder of images holds: its classes, and which images are for training and testing.

use super::error::InitError;
use super::split;
use crate::domain::Split;
use crate::domain::natural_order;
use crate::domain::source::image_files::{below, entries, has_image_ending, unread_ending};
use crate::template::one_line;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The classes of a folder, and where its split comes from.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The folder of the classes, or of the splits: the one named, or the only one in it.
    pub(crate) root: PathBuf,
    /// In natural order, each with training and test images.
    pub(crate) classes: Vec<Class>,
    pub(crate) origin: Origin,
    /// Whether some images are in folders within their class's.
    pub(crate) nested: bool,
    pub(crate) left_out: LeftOut,
}

/// A class and its images, as paths below the survey's root.
#[derive(Debug, Default)]
pub(crate) struct Class {
    pub(crate) name: String,
    pub(crate) train: Vec<String>,
    pub(crate) test: Vec<String>,
}

/// Where the split comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The folders `train` and `test`, as the source `image-folder` reads them.
    AsItIs,
    /// Two folders, but not as `image-folder` reads them.
    Folders { train: String, test: String },
    /// A random draw.
    Drawn,
}

/// What is in the folder and not in the domain.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    /// Files that are not PNG or JPEG.
    pub(crate) files: Vec<String>,
    /// Images outside all class folders.
    loose: Vec<String>,
    /// Class folders without images.
    empty: Vec<String>,
    /// Folders beside those of the splits.
    pub(crate) folders: Vec<String>,
}

impl Survey {
    pub(crate) fn of(dir: &Path) -> Result<Survey, InitError> {
        let root = lone(dir)?;
        let folders = folders(&root)?;
        let survey = match split_folders(&root, &folders)? {
            (Some(train), Some(test)) => of_splits(&root, &folders, train, test)?,
            // Without a test folder, `train` is a folder of classes like any other, unless it is a
            // class among others.
            (Some(train), None) if others_have_no_images(&root, &folders, train)? => {
                of_classes(&root.join(train))?
            }
            _ => of_classes(&root)?,
        };
        match &survey.classes[..] {
            [] => Err(nothing(dir)?),
            [only] => Err(InitError::OneClass {
                dir: survey.root,
                class: only.name.clone(),
            }),
            _ => split::drawn(survey),
        }
    }

    /// How many images are for training and for testing.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let count = |images: fn(&Class) -> &Vec<String>| {
            self.classes.iter().map(|class| images(class).len()).sum()
        };
        (count(|class| &class.train), count(|class| &class.test))
    }

    /// The first classes' names, on one line.
    pub(crate) fn names(&self, shown: usize) -> String {
        let names = self.classes.iter().map(|class| class.name.as_str());
        let mut text = names.take(shown).collect::<Vec<_>>().join(", ");
        if self.classes.len() > shown {
            text += &format!(", … and {} more", self.classes.len() - shown);
        }
        one_line(&text)
    }
}

impl LeftOut {
    /// A line for each kind.
    pub(crate) fn lines(&self) -> Vec<String> {
        let kinds = [
            (
                &self.files,
                "file that is not PNG, JPEG or WebP",
                "files that are not PNG, JPEG or WebP",
            ),
            (
                &self.loose,
                "image outside the class folders",
                "images outside the class folders",
            ),
            (
                &self.empty,
                "class folder without images",
                "class folders without images",
            ),
            (&self.folders, "other folder", "other folders"),
        ];
        let kinds = kinds
            .iter()
            .filter_map(|(names, one, many)| match &names[..] {
                [] => None,
                [only] => Some(format!("left out: 1 {one}, {only}")),
                [first, ..] => Some(format!("left out: {} {many}, such as {first}", names.len())),
            });
        kinds.collect()
    }
}

/// Down through folders that hold one folder and nothing to look at, as archives unpack to.
fn lone(dir: &Path) -> Result<PathBuf, InitError> {
    let mut dir = dir.to_owned();
    loop {
        match &folders(&dir)?[..] {
            [only] if images_in(&dir)?.is_empty() && !folders(&dir.join(only))?.is_empty() => {
                dir.push(only);
            }
            _ => return Ok(dir),
        }
    }
}

/// The folders of the splits, under the names that people give them. A split's folder holds
/// folders; one that does not is a class's: of trains, say.
fn split_folders<'a>(
    root: &Path,
    folders: &'a [String],
) -> Result<(Option<&'a str>, Option<&'a str>), InitError> {
    let find = |names: &[&str]| -> Result<Option<&'a str>, InitError> {
        for name in names {
            let Some(folder) = folders
                .iter()
                .find(|folder| folder.eq_ignore_ascii_case(name))
            else {
                continue;
            };
            if !self::folders(&root.join(folder))?.is_empty() {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    };
    Ok((
        find(&["train", "training"])?,
        find(&["test", "testing", "val", "valid", "validation"])?,
    ))
}

fn others_have_no_images(root: &Path, folders: &[String], train: &str) -> Result<bool, InitError> {
    for other in folders.iter().filter(|folder| *folder != train) {
        if !below(&root.join(other), &has_image_ending)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The classes of a folder with a folder for each split.
fn of_splits(
    root: &Path,
    folders: &[String],
    train: &str,
    test: &str,
) -> Result<Survey, InitError> {
    let mut left_out = LeftOut::default();
    let mut found: Vec<Class> = Vec::new();
    let mut nested = false;
    for (split, folder) in [(Split::Train, train), (Split::Test, test)] {
        for class in classes(root, &format!("{folder}/"), &mut left_out, &mut nested)? {
            let known = found.iter().position(|known| known.name == class.name);
            let at = known.unwrap_or_else(|| {
                found.push(Class {
                    name: class.name.clone(),
                    ..Class::default()
                });
                found.len() - 1
            });
            match split {
                Split::Train => found[at].train = class.train,
                Split::Test => found[at].test = class.train,
            }
        }
    }
    found.sort_by(|a, b| natural_order::compare(&a.name, &b.name));
    for (missing, lacks, has) in [(Split::Test, test, train), (Split::Train, train, test)] {
        let images = |class: &Class| match missing {
            Split::Train => class.train.len(),
            Split::Test => class.test.len(),
        };
        let classes: Vec<_> = found.iter().filter(|class| images(class) == 0).collect();
        if !classes.is_empty() {
            return Err(InitError::OneSplit {
                classes: classes.iter().map(|class| class.name.clone()).collect(),
                has: root.join(has),
                lacks: root.join(lacks),
            });
        }
    }
    let as_it_is = (train, test) == ("train", "test") && !nested && left_out.lines().is_empty();
    let others = folders
        .iter()
        .filter(|folder| *folder != train && *folder != test);
    left_out.folders = others.cloned().collect();
    let origin = match as_it_is {
        true => Origin::AsItIs,
        false => Origin::Folders {
            train: train.to_owned(),
            test: test.to_owned(),
        },
    };
    Ok(Survey {
        root: root.to_owned(),
        classes: found,
        origin,
        nested,
        left_out,
    })
}

/// The classes of a folder with a folder for each; their images are yet to be split.
fn of_classes(root: &Path) -> Result<Survey, InitError> {
    let mut left_out = LeftOut::default();
    let mut nested = false;
    Ok(Survey {
        root: root.to_owned(),
        classes: classes(root, "", &mut left_out, &mut nested)?,
        origin: Origin::Drawn,
        nested,
        left_out,
    })
}

/// The class folders in `root/prefix`, all images as training images.
fn classes(
    root: &Path,
    prefix: &str,
    left_out: &mut LeftOut,
    nested: &mut bool,
) -> Result<Vec<Class>, InitError> {
    let folder = root.join(prefix);
    let mut found = Vec::new();
    for (name, kind) in entries(&folder)? {
        let path = format!("{prefix}{name}");
        if !kind.is_dir() {
            match has_image_ending(&name) {
                true => left_out.loose.push(path),
                // What lies beside the class folders is no matter, except within `train`.
                false if !prefix.is_empty() => left_out.files.push(path),
                false => {}
            }
            continue;
        }
        let inside = |wanted: &dyn Fn(&str) -> bool| -> Result<Vec<String>, InitError> {
            let files = below(&folder.join(&name), wanted)?;
            Ok(files.iter().map(|file| format!("{path}/{file}")).collect())
        };
        let images = inside(&has_image_ending)?;
        left_out
            .files
            .extend(inside(&|file| !has_image_ending(file))?);
        *nested |= images
            .iter()
            .any(|image| image[path.len() + 1..].contains('/'));
        match images.is_empty() {
            true => left_out.empty.push(path),
            false => found.push(Class {
                name,
                train: images,
                test: Vec::new(),
            }),
        }
    }
    Ok(found)
}

/// The error about a folder without classes.
fn nothing(dir: &Path) -> Result<InitError, InitError> {
    let images = images_in(dir)?.len();
    if images > 0 {
        let dir = dir.to_owned();
        return Ok(InitError::NoClasses { dir, images });
    }
    let mut endings: HashMap<&str, usize> = HashMap::new();
    for file in below(dir, &|_| true)? {
        if let Some(ending) = unread_ending(&file) {
            *endings.entry(ending).or_default() += 1;
        }
    }
    let dir = dir.to_owned();
    let others_found = endings
        .into_iter()
        .min_by_key(|&(ending, n)| (Reverse(n), ending));
    Ok(InitError::NoImages { dir, others_found })
}

fn folders(folder: &Path) -> Result<Vec<String>, InitError> {
    let entries = entries(folder)?.into_iter();
    let folders = entries.filter(|(_, kind)| kind.is_dir());
    Ok(folders.map(|(name, _)| name).collect())
}

fn images_in(folder: &Path) -> Result<Vec<String>, InitError> {
    let entries = entries(folder)?.into_iter();
    let images = entries.filter(|(name, kind)| !kind.is_dir() && has_image_ending(name));
    Ok(images.map(|(name, _)| name).collect())
}
