//! Where a domain's images are, as the resolved scenario says it.

use super::classes::ClassEntry;
use super::error::DomainError;
use super::idx;
use super::layout::ImageCopy;
use harness_pictures::Style;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A domain's source. It travels to the process of a cell as JSON, so its paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DomainSource {
    /// The 1,797 handwritten digits that are part of this program.
    Digits,
    /// Procedural pictures of 32×32 pixels: held out combinations of shape, colour and fill.
    Pictures {
        /// How they look.
        style: Style,
    },
    /// A copy of published images, in one of several layouts, perhaps under a list.
    Copy(ImageCopy),
    /// Four files in the format of MNIST, plain or gzipped.
    Idx(IdxFiles),
}

/// The files of a domain in MNIST's format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdxFiles {
    /// Images of the train split.
    pub train_images: PathBuf,
    /// Labels of the train split.
    pub train_labels: PathBuf,
    /// Images of the test split.
    pub test_images: PathBuf,
    /// Labels of the test split.
    pub test_labels: PathBuf,
    /// The classes in the order of their labels; without them the numbers in the files are the names.
    pub classes: Option<Vec<ClassEntry>>,
}

impl IdxFiles {
    /// The four files of a folder under the names that MNIST gave them (`train-images-idx3-ubyte`,
    /// `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`), each as it is or, where that is
    /// missing, with `.gz` behind it.
    pub fn in_folder(folder: &Path, classes: Option<Vec<ClassEntry>>) -> Result<Self, DomainError> {
        if !folder.is_dir() {
            return Err(DomainError::NoFolder {
                path: folder.to_owned(),
            });
        }
        let [train_images, train_labels, test_images, test_labels] = idx::FILE_NAMES;
        Ok(Self {
            train_images: plain_or_gzipped(folder, train_images)?,
            train_labels: plain_or_gzipped(folder, train_labels)?,
            test_images: plain_or_gzipped(folder, test_images)?,
            test_labels: plain_or_gzipped(folder, test_labels)?,
            classes,
        })
    }
}

fn plain_or_gzipped(folder: &Path, name: &'static str) -> Result<PathBuf, DomainError> {
    [name.to_owned(), format!("{name}.gz")]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists())
        .ok_or_else(|| DomainError::IdxFileMissing {
            folder: folder.to_owned(),
            name,
        })
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Layout, SplitList, ValidationPart};
    use super::super::{ClassEntry, ClassKey};
    use super::*;

    #[test]
    fn travels_as_json() {
        let files = IdxFiles {
            train_images: "/d/a".into(),
            train_labels: "/d/b".into(),
            test_images: "/d/c".into(),
            test_labels: "/d/d".into(),
            classes: None,
        };
        for (source, json) in [
            (DomainSource::Digits, r#""digits""#),
            (
                DomainSource::Pictures {
                    style: Style::Sketch,
                },
                r#"{"pictures":{"style":"sketch"}}"#,
            ),
            (
                DomainSource::Copy(ImageCopy {
                    split: Some(SplitList::One {
                        file: "/d/s.json".into(),
                        val: ValidationPart::Unused,
                    }),
                    classes: Some(vec![
                        ClassEntry {
                            name: "ladybug".into(),
                            key: Some(ClassKey::Text("n02165456".into())),
                        },
                        ClassEntry {
                            name: "jeep".into(),
                            key: Some(ClassKey::Number(7)),
                        },
                        ClassEntry {
                            name: "kite".into(),
                            key: None,
                        },
                    ]),
                    ..ImageCopy::of(Layout::ImageFolder { path: "/d".into() })
                }),
                r#"{"copy":{"layout":{"image-folder":{"path":"/d"}},"split":{"one":{"file":"/d/s.json","val":"unused"}},"classes":[{"name":"ladybug","key":"n02165456"},{"name":"jeep","key":7},"kite"]}}"#,
            ),
            (
                DomainSource::Idx(files),
                r#"{"idx":{"train_images":"/d/a","train_labels":"/d/b","test_images":"/d/c","test_labels":"/d/d","classes":null}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&source).unwrap(), json);
            assert_eq!(serde_json::from_str::<DomainSource>(json).unwrap(), source);
        }
    }
}
