//! CUB-200-2011 as published: the folder `images`, and four text files that number, label and split
//! the images.
//!
//! `images.txt` (`1 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg`),
//! `image_class_labels.txt` (`1 1`), `train_test_split.txt` (`1 0`; 1 is train) and `classes.txt`
//! (`1 001.Black_footed_Albatross`).

use super::image_files::ImageFiles;
use super::images::{SourceImage, SourceImages};
use super::kind::{SourceKind, values};
use crate::domain::classes::tag::Tag;
use crate::domain::classes::{Classes, LeaveOut};
use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::file::read_text;
use crate::domain::sample::Split;
use crate::domain::split_list::SplitList;
use crate::domain::split_list::matching::contents;
use crate::domain::written::{Folder, KeyValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The folder of CUB-200-2011 as published, with `images.txt` and the other text files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cub {
    /// The folder with `images.txt`, relative to the scenario file; `~` is your home directory.
    pub(crate) path: Folder,
    pub(crate) split: Option<SplitList>,
    pub(crate) classes: Option<Classes>,
    pub(crate) leave_out: Option<LeaveOut>,
}

impl SourceKind for Cub {
    const NAME: &'static str = "cub";
    const SUMMARY: &'static str = "CUB-200-2011 as published; `path`";

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

fn images(root: &Path) -> Result<SourceImages, DomainError> {
    if !root.is_dir() {
        return Err(DomainError::NoFolder {
            path: root.to_owned(),
        });
    }
    let images = Numbered::read(root.join("images.txt"))?;
    let classes = Numbered::read(root.join("classes.txt"))?;
    let labels = Numbered::read(root.join("image_class_labels.txt"))?;
    let splits = Numbered::read(root.join("train_test_split.txt"))?;
    for other in [&labels, &splits] {
        if let Some((line, id, _)) =
            (other.lines.iter()).find(|(_, id, _)| !images.by_id.contains_key(id))
        {
            let problem = format!("image {id} is not in {}", images.path.display());
            return Err(other.bad(*line, problem));
        }
    }
    let folder = root.join("images");
    let mut found = Vec::new();
    let mut paths = Vec::new();
    for (line, id, name) in &images.lines {
        let (label_line, class) = labels.of(id, &images, *line)?;
        let (_, name_of_class) = classes.of(class, &labels, label_line)?;
        let (split_line, split) = splits.of(id, &images, *line)?;
        let split = match split {
            "1" => Split::Train,
            "0" => Split::Test,
            other => {
                let problem = format!("invalid split `{other}`: must be 1 (train) or 0 (test)");
                return Err(splits.bad(split_line, problem));
            }
        };
        found.push(SourceImage {
            name: name.clone(),
            tag: Some(tag(class, name_of_class)),
            split: Some(split),
        });
        paths.push(folder.join(name));
    }
    let declared = classes.lines.iter().map(|(_, id, name)| tag(id, name));
    Ok(SourceImages {
        path: root.to_owned(),
        images: found,
        declared: Some(declared.collect()),
        store: Box::new(ImageFiles { paths }),
    })
}

/// A class is identified by its name; its number, from 1, orders the classes.
fn tag(number: &str, name: &str) -> Tag {
    Tag {
        text: Some(name.to_owned()),
        number: number.parse().ok(),
        written: None,
    }
}

/// A text file of lines `<number> <value>`.
struct Numbered {
    path: PathBuf,
    /// Line, number, value.
    lines: Vec<(usize, String, String)>,
    /// Index into `lines`, by number.
    by_id: HashMap<String, usize>,
}

impl Numbered {
    fn read(path: PathBuf) -> Result<Self, DomainError> {
        let text = read_text(&path)?;
        let mut file = Self {
            path,
            lines: Vec::new(),
            by_id: HashMap::new(),
        };
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let Some((id, said)) = line.split_once(' ') else {
                let problem = format!("`{line}` is not a number followed by a value");
                return Err(file.bad(number, problem));
            };
            if id.parse::<u32>().is_err() {
                return Err(file.bad(number, format!("`{id}` is not a number")));
            }
            if file.by_id.insert(id.to_owned(), file.lines.len()).is_some() {
                return Err(file.bad(number, format!("number {id} is listed twice")));
            }
            file.lines
                .push((number, id.to_owned(), said.trim().to_owned()));
        }
        Ok(file)
    }

    /// The value of a number, and its line; `asked` and `line` are the file and the line that
    /// refer to the number.
    fn of(&self, id: &str, asked: &Numbered, line: usize) -> Result<(usize, &str), DomainError> {
        match self.by_id.get(id) {
            Some(&at) => {
                let (line, _, said) = &self.lines[at];
                Ok((*line, said))
            }
            None => {
                let problem = format!("{} has no entry {id}", self.path.display());
                Err(asked.bad(line, problem))
            }
        }
    }

    fn bad(&self, line: usize, problem: String) -> DomainError {
        DomainError::Format {
            place: format!("{}: line {line}", self.path.display()),
            problem,
            fix: "copy the text files again".to_owned(),
        }
    }
}
