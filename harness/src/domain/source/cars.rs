//! Stanford Cars as published: the folders `cars_train` and `cars_test`, and MATLAB files with
//! their labels.
//!
//! `devkit/cars_meta.mat` names the classes. `devkit/cars_train_annos.mat` and
//! `cars_test_annos_withlabels.mat` (in `devkit` or next to it, as it was published separately)
//! give every file its class, counted from 1.

use super::image_files::ImageFiles;
use super::images::{SourceImage, SourceImages};
use super::kind::{SourceKind, values};
use super::mat::{Mat, Value};
use crate::domain::classes::tag::Tag;
use crate::domain::classes::{Classes, LeaveOut};
use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::file::read;
use crate::domain::sample::Split;
use crate::domain::split_list::SplitList;
use crate::domain::split_list::matching::contents;
use crate::domain::written::{Folder, KeyValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

const TEST_LABELS: &str = "cars_test_annos_withlabels.mat";

/// The folder of Stanford Cars as published, with `cars_train`, `cars_test`, and the `.mat` files
/// of `devkit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cars {
    /// The folder with `cars_train`, `cars_test` and `devkit`, relative to the scenario file; `~`
    /// is your home directory.
    pub(crate) path: Folder,
    pub(crate) split: Option<SplitList>,
    pub(crate) classes: Option<Classes>,
    pub(crate) leave_out: Option<LeaveOut>,
}

impl SourceKind for Cars {
    const NAME: &'static str = "cars";
    const SUMMARY: &'static str = "Stanford Cars (Cars-196) with its .mat annotations; `path`";

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: path, split, classes, leave_out)
    }

    fn root(&self) -> Option<&Path> {
        Some(self.path.path())
    }

    fn open(&self) -> Result<Contents, DomainError> {
        let images = images(self.path.path())?;
        contents(
            images,
            self.split.as_ref(),
            self.classes.as_ref(),
            self.leave_out.as_ref(),
        )
    }
}

/// The images of both splits. `root` is the folder with `devkit`.
pub(super) fn images(root: &Path) -> Result<SourceImages, DomainError> {
    if !root.is_dir() {
        return Err(DomainError::NoFolder {
            path: root.to_owned(),
        });
    }
    let devkit = root.join("devkit");
    let names = class_names(&devkit.join("cars_meta.mat"))?;
    let test = [devkit.join(TEST_LABELS), root.join(TEST_LABELS)];
    let Some(test) = test.into_iter().find(|path| path.exists()) else {
        return Err(DomainError::Format {
            place: devkit.join(TEST_LABELS).display().to_string(),
            problem:
                "file not found (cars_test_annos.mat, which comes with the images, has no labels)"
                    .to_owned(),
            fix: "download it and put it there".to_owned(),
        });
    };
    let annotations = [
        (
            Split::Train,
            devkit.join("cars_train_annos.mat"),
            "cars_train",
        ),
        (Split::Test, test, "cars_test"),
    ];
    let mut images = Vec::new();
    let mut paths = Vec::new();
    for (split, path, folder) in annotations {
        for (file, class) in annotated(&path, &names)? {
            let name = format!("{folder}/{file}");
            paths.push(root.join(&name));
            images.push(SourceImage {
                name,
                tag: Some(Tag::numbered(class as u64, &names[class - 1])),
                split: Some(split),
            });
        }
    }
    let declared = (1..).zip(&names).map(|(n, name)| Tag::numbered(n, name));
    Ok(SourceImages {
        path: root.to_owned(),
        images,
        declared: Some(declared.collect()),
        store: Box::new(ImageFiles { paths }),
    })
}

fn bad(path: &Path, problem: String) -> DomainError {
    DomainError::Format {
        place: path.display().to_string(),
        problem,
        fix: "copy the devkit again".to_owned(),
    }
}

fn load(path: &Path) -> Result<Mat, DomainError> {
    let bytes = read(path)?;
    Mat::parse(&bytes).map_err(|problem| bad(path, problem))
}

/// `class_names`, a cell array of texts.
fn class_names(path: &Path) -> Result<Vec<String>, DomainError> {
    let mat = load(path)?;
    let Some(Value::Cells(cells)) = mat.variable("class_names") else {
        return Err(bad(path, "cell array `class_names` not found".to_owned()));
    };
    let names = cells.iter().map(|cell| cell.text().map(String::from));
    let names: Option<Vec<String>> = names.collect();
    names.ok_or_else(|| {
        bad(
            path,
            "`class_names` has entries that are not text".to_owned(),
        )
    })
}

/// `annotations`, an array of structs with `fname` and `class`: file and class, from 1.
fn annotated(path: &Path, names: &[String]) -> Result<Vec<(String, usize)>, DomainError> {
    let mat = load(path)?;
    let Some(Value::Structs(annotations)) = mat.variable("annotations") else {
        return Err(bad(path, "struct array `annotations` not found".to_owned()));
    };
    let [file, class] = ["fname", "class"].map(|field| annotations.field(field));
    let (Some(file), Some(class)) = (file, class) else {
        let problem = "`annotations` lacks the field `fname` or `class`".to_owned();
        return Err(bad(path, problem));
    };
    let mut found = Vec::new();
    for (number, element) in (1..).zip(&annotations.elements) {
        let at = |problem: String| bad(path, format!("annotation {number}: {problem}"));
        let file = element[file]
            .text()
            .ok_or_else(|| at("`fname` is not text".to_owned()))?;
        let class = element[class]
            .number()
            .ok_or_else(|| at(format!("`class` of `{file}` is not a number")))?;
        if class.fract() != 0.0 || class < 1.0 || class > names.len() as f64 {
            let classes = names.len();
            return Err(at(format!(
                "class {class} of `{file}` is out of range (1 to {classes})"
            )));
        }
        found.push((file.to_owned(), class as usize));
    }
    Ok(found)
}
