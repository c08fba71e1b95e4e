//! A copy of a domain's images: how it lies on disk, and which list says what it is.
//!
//! The two are kept apart. A [`Layout`] says where images are; a [`SplitList`] says which of them belong to the domain,
//! with which class, in which split; and the reference list of classes ([`ClassEntry`]) says what the classes are called
//! and in which order. So one published split serves every copy of the images.

use super::classes::{ClassEntry, ClassKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A copy of a domain's images, and what is to be made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageCopy {
    /// How the copy lies on disk.
    pub layout: Layout,
    /// Which images belong to the domain; without it the copy itself says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitList>,
    /// The classes in the order of their labels; without it they are taken from the copy or from the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<ClassEntry>>,
    /// Classes, as the copy or the list calls them, whose images are no part of the domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave_out: Vec<ClassKey>,
}

/// The ways in which copies lie on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Layout {
    /// `train/<class>/` and `test/<class>/`, each full of images; under a list, images in any folders.
    ImageFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Images in any folders, of which a list says all.
    FileList {
        /// The folder that file names start from.
        path: PathBuf,
    },
    /// Parquet files as Hugging Face writes them.
    Parquet {
        /// The files.
        shards: Shards,
        /// What their columns are called.
        columns: Columns,
    },
    /// Tar files as webdataset writes them.
    Webdataset {
        /// The files.
        shards: Shards,
        /// What their columns are called.
        columns: Columns,
    },
    /// CUB-200-2011 as published.
    Cub {
        /// The folder of `images.txt`.
        path: PathBuf,
    },
    /// Stanford Cars as published.
    Cars {
        /// The folder of `cars_train`, `cars_test` and `devkit`.
        path: PathBuf,
    },
    /// ISIC-2018 task 3, or HAM10000.
    Isic {
        /// The folder of the images.
        path: PathBuf,
        /// The tables of the labels; without them those that lie in the folder under their published names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        labels: Option<LabelTables>,
    },
}

impl ImageCopy {
    /// A copy that says all of itself.
    pub fn plain(layout: Layout) -> ImageCopy {
        ImageCopy {
            layout,
            split: None,
            classes: None,
            leave_out: Vec::new(),
        }
    }
}

impl Layout {
    /// Where the copy lies: its folder, or that of its first files as far as it is no pattern.
    pub fn root(&self) -> &Path {
        let path = match self {
            Layout::ImageFolder { path }
            | Layout::FileList { path }
            | Layout::Cub { path }
            | Layout::Cars { path }
            | Layout::Isic { path, .. } => return path,
            Layout::Parquet { shards, .. } | Layout::Webdataset { shards, .. } => match shards {
                Shards::Under(path) => path,
                Shards::PerSplit { train, .. } => match train.first() {
                    Some(path) => path,
                    None => return Path::new("."),
                },
            },
        };
        let plain = |path: &&Path| !path.to_string_lossy().contains(['*', '?', '[']);
        path.ancestors().find(plain).unwrap_or(path)
    }
}

/// The files of a copy that is cut into shards. Each path may be a pattern with `*`, `?` and `[…]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shards {
    /// A folder, a file or a pattern; the files' names tell the splits.
    Under(PathBuf),
    /// Each split's own.
    PerSplit {
        /// Those of the train split.
        train: Vec<PathBuf>,
        /// Those of the test split.
        test: Vec<PathBuf>,
    },
}

/// What the columns of a parquet file are called; of webdataset, the field of the `.json` members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// The column of the images; default `image`. For `parquet` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The column of the labels, or the field of webdataset's `.json` members; default `label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The tables of ISIC labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LabelTables {
    /// One table; a list says which images are train and which test.
    One(PathBuf),
    /// Each split's own.
    PerSplit {
        /// That of the train split.
        train: PathBuf,
        /// That of the test split.
        test: PathBuf,
    },
}

/// A list of which images belong to a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitList {
    /// A single file: CoOp's JSON, or a CSV table with a column `split`.
    One {
        /// The file.
        file: PathBuf,
        /// What becomes of its validation part.
        val: ValidationPart,
    },
    /// A file for each split: `data` and `targets` in YAML or JSON, or a CSV table.
    PerSplit {
        /// That of the train split.
        train: PathBuf,
        /// That of the test split.
        test: PathBuf,
    },
}

/// What becomes of the validation part of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationPart {
    /// It is not used.
    #[default]
    Unused,
    /// It is added to the train split, behind it.
    Train,
}

impl ImageCopy {
    /// A copy as it is, with nothing said about it.
    pub fn of(layout: Layout) -> Self {
        Self {
            layout,
            split: None,
            classes: None,
            leave_out: Vec::new(),
        }
    }

    /// Makes every path what `change` makes of it.
    pub fn change_paths(&mut self, change: impl Fn(&Path) -> PathBuf) {
        let each = |path: &mut PathBuf| *path = change(path);
        match &mut self.layout {
            Layout::ImageFolder { path }
            | Layout::FileList { path }
            | Layout::Cub { path }
            | Layout::Cars { path } => each(path),
            Layout::Isic { path, labels } => {
                each(path);
                match labels {
                    None => {}
                    Some(LabelTables::One(table)) => each(table),
                    Some(LabelTables::PerSplit { train, test }) => {
                        each(train);
                        each(test);
                    }
                }
            }
            Layout::Parquet { shards, .. } | Layout::Webdataset { shards, .. } => match shards {
                Shards::Under(path) => each(path),
                Shards::PerSplit { train, test } => train.iter_mut().chain(test).for_each(each),
            },
        }
        match &mut self.split {
            None => {}
            Some(SplitList::One { file, .. }) => each(file),
            Some(SplitList::PerSplit { train, test }) => {
                each(train);
                each(test);
            }
        }
    }
}
