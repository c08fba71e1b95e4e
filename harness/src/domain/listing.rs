//! A list of which images belong to a domain, with which class, in which split: as published, in one of three forms.
//!
//! - JSON as CoOp's `split_zhou_*.json`: `{"train": [[file, label, class name], …], "val": […], "test": […]}`.
//! - YAML (or JSON) as CODA-Prompt's lists for ImageNet-R, a file for each split: `data:` with the files and `targets:` with
//!   their classes.
//! - CSV with the columns `file`, `class` and `split`: a class is a name or a number; without the column `class` the copy's own
//!   labels hold. In a file for each split the column `split` is left out.
//!
//! A list knows nothing of where the images are. Names are made portable on reading: `/` between folders, no `./`.

use super::bank::{note, table::Table, unreadable};
use super::classes::{ClassKey, Tag};
use super::collection::Split;
use super::error::DomainError;
use super::hash::StampBuilder;
use super::layout::{SplitList, ValidationPart};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// A list as read, in its order: the train split (and behind it the validation part, if it is used), then the test split.
pub(super) struct Listing {
    files: Vec<PathBuf>,
    pub(super) entries: Vec<Entry>,
}

/// An image of a list.
pub(super) struct Entry {
    /// As written, but portable.
    pub(super) name: String,
    /// Its class, where the list says so.
    pub(super) tag: Option<Tag>,
    pub(super) split: Split,
    file: u32,
    at: At,
}

/// Where in its file an entry stands.
enum At {
    /// Index into a part of CoOp's JSON.
    Part(&'static str, usize),
    /// Index into `data`.
    Data(usize),
    /// Line of a table.
    Line(u64),
}

/// CoOp's form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Zhou {
    train: Vec<(String, u64, String)>,
    #[serde(default)]
    val: Vec<(String, u64, String)>,
    test: Vec<(String, u64, String)>,
}

/// CODA-Prompt's form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataTargets {
    data: Vec<String>,
    targets: Vec<ClassKey>,
}

impl Listing {
    pub(super) fn read(list: &SplitList, stamp: &mut StampBuilder) -> Result<Self, DomainError> {
        let mut listing = Self {
            files: Vec::new(),
            entries: Vec::new(),
        };
        match list {
            SplitList::One { file, val } => listing.read_one(file, *val, stamp)?,
            SplitList::PerSplit { train, test } => {
                listing.read_split(train, Split::Train, stamp)?;
                listing.read_split(test, Split::Test, stamp)?;
            }
        }
        for entry in &mut listing.entries {
            entry.name = portable(&entry.name);
        }
        if let Some(entry) = listing.entries.iter().find(|entry| entry.name.is_empty()) {
            return Err(DomainError::Format {
                place: listing.place(entry),
                problem: "this names no file".to_owned(),
                mend: "write the image's file name".to_owned(),
            });
        }
        Ok(listing)
    }

    /// The file that messages about the list as a whole name.
    pub(super) fn file(&self) -> &Path {
        &self.files[0]
    }

    /// Where an entry stands, for a message.
    pub(super) fn place(&self, entry: &Entry) -> String {
        let file = self.files[entry.file as usize].display();
        match entry.at {
            At::Part(part, index) => format!("{file}: {part}[{index}]"),
            At::Data(index) => format!("{file}: data[{index}]"),
            At::Line(line) => format!("{file}: line {line}"),
        }
    }

    fn read_one(
        &mut self,
        file: &Path,
        val: ValidationPart,
        stamp: &mut StampBuilder,
    ) -> Result<(), DomainError> {
        let number = self.add(file);
        match ending(file).as_str() {
            "json" => {
                let bytes = read(file, stamp)?;
                let zhou: Zhou = serde_json::from_slice(&bytes).map_err(|error| {
                    let form = r#"{"train": [[file, label, class name], …], "test": […]}"#;
                    bad(
                        file,
                        error.to_string(),
                        &format!("give a list of the form {form}"),
                    )
                })?;
                let val_split = match val {
                    ValidationPart::Unused => None,
                    ValidationPart::Train => Some(Split::Train),
                };
                let parts = [
                    ("train", zhou.train, Some(Split::Train)),
                    ("val", zhou.val, val_split),
                    ("test", zhou.test, Some(Split::Test)),
                ];
                for (part, images, split) in parts {
                    let Some(split) = split else { continue };
                    for (index, (name, label, class)) in images.into_iter().enumerate() {
                        self.entries.push(Entry {
                            name,
                            tag: Some(Tag::numbered(label, class)),
                            split,
                            file: number,
                            at: At::Part(part, index),
                        });
                    }
                }
                Ok(())
            }
            "csv" => {
                let table = Table::read(file, stamp)?;
                let split = table.wanted("split")?;
                self.read_table(number, &table, |row| match row.field(split) {
                    "train" => Ok(Some(Split::Train)),
                    "test" => Ok(Some(Split::Test)),
                    "val" | "valid" | "validation" => Ok(match val {
                        ValidationPart::Unused => None,
                        ValidationPart::Train => Some(Split::Train),
                    }),
                    other => {
                        let problem = format!("the split is `{other}`");
                        Err(table.bad(row, problem, "write `train`, `val` or `test`"))
                    }
                })?;
                // Train before test, as the samples of a domain stand.
                self.entries.sort_by_key(|entry| entry.split == Split::Test);
                Ok(())
            }
            "yaml" | "yml" => Err(bad(
                file,
                "a YAML list holds one split".to_owned(),
                "write `split: {train: …, test: …}` with a file for each",
            )),
            _ => Err(unknown(file)),
        }
    }

    fn read_split(
        &mut self,
        file: &Path,
        split: Split,
        stamp: &mut StampBuilder,
    ) -> Result<(), DomainError> {
        let number = self.add(file);
        let form = "give `data:` (the files) and `targets:` (their classes)";
        let DataTargets { data, targets } = match ending(file).as_str() {
            "yaml" | "yml" => serde_yaml::from_slice(&read(file, stamp)?)
                .map_err(|error| bad(file, error.to_string(), form))?,
            "json" => serde_json::from_slice(&read(file, stamp)?)
                .map_err(|error| bad(file, error.to_string(), form))?,
            "csv" => {
                let table = Table::read(file, stamp)?;
                return self.read_table(number, &table, |_| Ok(Some(split)));
            }
            _ => return Err(unknown(file)),
        };
        if data.len() != targets.len() {
            let problem = format!(
                "{} files in `data`, {} classes in `targets`",
                data.len(),
                targets.len()
            );
            return Err(bad(file, problem, "copy the list again"));
        }
        for (index, (name, class)) in data.into_iter().zip(targets).enumerate() {
            self.entries.push(Entry {
                name,
                tag: Some(class.into()),
                split,
                file: number,
                at: At::Data(index),
            });
        }
        Ok(())
    }

    fn read_table(
        &mut self,
        number: u32,
        table: &Table,
        split: impl Fn(&super::bank::table::Row) -> Result<Option<Split>, DomainError>,
    ) -> Result<(), DomainError> {
        let file = table.wanted("file")?;
        let class = table.column("class");
        for row in &table.rows {
            let Some(split) = split(row)? else { continue };
            let tag = class.map(|class| row.field(class));
            if tag == Some("") {
                let problem = format!("`{}` has no class", row.field(file));
                return Err(table.bad(row, problem, "write one, or remove the column `class`"));
            }
            self.entries.push(Entry {
                name: row.field(file).to_owned(),
                tag: tag.map(Tag::parse),
                split,
                file: number,
                at: At::Line(row.line),
            });
        }
        Ok(())
    }

    fn add(&mut self, file: &Path) -> u32 {
        self.files.push(file.to_owned());
        self.files.len() as u32 - 1
    }
}

fn bad(file: &Path, problem: String, mend: &str) -> DomainError {
    DomainError::Format {
        place: file.display().to_string(),
        problem,
        mend: mend.to_owned(),
    }
}

fn unknown(file: &Path) -> DomainError {
    let problem = "the form of this list is unknown".to_owned();
    bad(file, problem, "give .json, .yaml or .csv")
}

fn ending(file: &Path) -> String {
    let ending = file.extension().unwrap_or_default();
    ending.to_string_lossy().to_lowercase()
}

fn read(file: &Path, stamp: &mut StampBuilder) -> Result<Vec<u8>, DomainError> {
    note(file, stamp)?;
    fs::read(file).map_err(unreadable(file))
}

/// A name as every system writes it.
pub(super) fn portable(name: &str) -> String {
    let parts = name.split(['/', '\\']);
    let parts: Vec<&str> = parts
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    parts.join("/")
}
