//! ISIC-2018 task 3 and HAM10000: a folder of images, and tables that label them by image id, which
//! is the file name without its extension.
//!
//! A table is either ISIC's ground truth (a column `image` and one column per class, one of which
//! is 1.0) or HAM10000's metadata (columns `image_id` and `dx`). Unless the scenario names the
//! tables, they are found by their published names. Images that are in no table, such as masks, are
//! not part of the domain.

use super::image_files::{self, ImageFiles, has_image_ending};
use super::images::{SourceImage, SourceImages};
use super::kind::{SourceKind, values};
use crate::domain::classes::tag::Tag;
use crate::domain::classes::{Classes, LeaveOut};
use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use crate::domain::split_list::SplitList;
use crate::domain::split_list::matching::contents;
use crate::domain::table::Table;
use crate::domain::written::{FilePerSplit, Folder, KeyValue, forms, path_or};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const TRAIN: &str = "ISIC2018_Task3_Training_GroundTruth.csv";
const TEST: &str = "ISIC2018_Task3_Test_GroundTruth.csv";
const METADATA: [&str; 3] = [
    "HAM10000_metadata.csv",
    "HAM10000_metadata",
    "HAM10000_metadata.tab",
];

/// A row of a table: the label of an image.
struct Labelled {
    id: String,
    class: String,
    line: u64,
}

/// A folder of ISIC-2018 (task 3) or HAM10000 images, and the CSV tables of their labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Isic {
    /// The folder with the images, relative to the scenario file; `~` is your home directory.
    pub(crate) path: Folder,
    pub(crate) labels: Option<LabelTables>,
    pub(crate) split: Option<SplitList>,
    pub(crate) classes: Option<Classes>,
    pub(crate) leave_out: Option<LeaveOut>,
}

/// The tables of ISIC labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum LabelTables {
    /// One table; a split list says which images are train and which are test.
    One(PathBuf),
    /// One table per split.
    PerSplit(FilePerSplit),
}

impl SourceKind for Isic {
    const NAME: &'static str = "isic";
    const SUMMARY: &'static str =
        "ISIC-2018 (task 3) or HAM10000, images and CSV tables; `path`, `labels`";

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: path, labels, split, classes, leave_out)
    }

    fn root(&self) -> Option<&Path> {
        Some(self.path.path())
    }

    fn open(&self) -> Result<Contents, DomainError> {
        let images = images(self.path.path(), self.labels.as_ref())?;
        contents(
            images,
            self.split.as_ref(),
            self.classes.as_ref(),
            self.leave_out.as_ref(),
        )
    }
}

impl KeyValue for LabelTables {
    fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match self {
            Self::One(table) => vec![("", table)],
            Self::PerSplit(tables) => tables.paths(),
        }
    }
}

forms!(
    LabelTables, "a file, or `{train: …, test: …}`",
    text: LabelTables::One, mapping: LabelTables::PerSplit
);

impl JsonSchema for LabelTables {
    fn schema_name() -> Cow<'static, str> {
        "LabelTables".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        path_or(
            "The tables of labels, relative to the scenario file: one table, such as HAM10000's \
             metadata, or `{train: …, test: …}` for ISIC-2018's ground truth. Default: the tables \
             below `path` with their published names.",
            vec![generator.subschema_for::<FilePerSplit>()],
        )
    }
}

fn images(root: &Path, labels: Option<&LabelTables>) -> Result<SourceImages, DomainError> {
    let names = image_files::below(root, &has_image_ending)?;
    let tables = match labels {
        Some(LabelTables::One(path)) => vec![(None, path.clone())],
        Some(LabelTables::PerSplit(FilePerSplit { train, test })) => vec![
            (Some(Split::Train), train.clone()),
            (Some(Split::Test), test.clone()),
        ],
        None => published(root)?,
    };
    let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, name) in names.iter().enumerate() {
        let file = name.rsplit('/').next().unwrap_or(name);
        let id = image_files::without_image_ending(file).unwrap_or(file);
        by_id.entry(id).or_default().push(at);
    }
    let mut images = Vec::new();
    let mut paths = Vec::new();
    let mut declared: Vec<Tag> = Vec::new();
    let mut seen: HashMap<String, (PathBuf, u64)> = HashMap::new();
    for (split, path) in tables {
        let (classes, rows) = read(&path)?;
        for class in classes.into_iter().map(Tag::text) {
            if !declared.contains(&class) {
                declared.push(class);
            }
        }
        for Labelled { id, class, line } in rows {
            let bad = |problem: String, fix: &str| DomainError::Format {
                place: format!("{}: line {line}", path.display()),
                problem,
                fix: fix.to_owned(),
            };
            let at = match by_id.get(id.as_str()).map(Vec::as_slice) {
                Some([only]) => *only,
                Some([one, other, ..]) => {
                    let (one, other) = (&names[*one], &names[*other]);
                    let problem = format!("image `{id}` exists twice, as `{one}` and `{other}`");
                    return Err(bad(problem, "remove one of them"));
                }
                _ => {
                    let problem = format!("image `{id}` not found below {}", root.display());
                    return Err(bad(problem, "copy it again"));
                }
            };
            if let Some((other, line)) = seen.insert(id.clone(), (path.clone(), line)) {
                let other = other.display();
                let problem = format!("image `{id}` already has a label, in {other}: line {line}");
                return Err(bad(problem, "keep one of them"));
            }
            paths.push(root.join(&names[at]));
            images.push(SourceImage {
                name: names[at].clone(),
                tag: Some(Tag::text(class)),
                split,
            });
        }
    }
    Ok(SourceImages {
        path: root.to_owned(),
        images,
        declared: Some(declared),
        store: Box::new(ImageFiles { paths }),
    })
}

/// The tables below the folder, found by their published names.
fn published(root: &Path) -> Result<Vec<(Option<Split>, PathBuf)>, DomainError> {
    let known = |name: &str| name == TRAIN || name == TEST || METADATA.contains(&name);
    let found = image_files::below(root, &known)?;
    let all = |wanted: &dyn Fn(&str) -> bool| -> Vec<PathBuf> {
        let named = |path: &&String| wanted(path.rsplit('/').next().unwrap_or(path));
        found
            .iter()
            .filter(named)
            .map(|path| root.join(path))
            .collect()
    };
    let (train, test) = (all(&|name| name == TRAIN), all(&|name| name == TEST));
    let metadata = all(&|name| METADATA.contains(&name));
    match (&train[..], &test[..], &metadata[..]) {
        ([train], [test], []) => Ok(vec![
            (Some(Split::Train), train.clone()),
            (Some(Split::Test), test.clone()),
        ]),
        ([one], [], []) | ([], [], [one]) => Ok(vec![(None, one.clone())]),
        _ => {
            let list: Vec<&str> = found.iter().map(String::as_str).collect();
            let problem = if list.is_empty() {
                format!("neither {TRAIN} nor {} found", METADATA[0])
            } else {
                format!(
                    "cannot tell which table has the labels: {}",
                    crate::suggest::list(list)
                )
            };
            Err(DomainError::Format {
                place: root.display().to_string(),
                problem,
                fix: "name the table with `labels:`, or one for each split with `labels: {train: …, test: …}`"
                    .to_owned(),
            })
        }
    }
}

/// The classes of a table, and its rows.
fn read(path: &Path) -> Result<(Vec<String>, Vec<Labelled>), DomainError> {
    let table = Table::read(path)?;
    let mut rows = Vec::with_capacity(table.rows.len());
    if let Some(dx) = table.column("dx") {
        let id = table.wanted("image_id")?;
        let mut classes: Vec<String> = Vec::new();
        for row in &table.rows {
            let class = row.field(dx).to_owned();
            if class.is_empty() {
                let problem = format!("`{}` has no label (`dx`)", row.field(id));
                return Err(table.bad(row, problem, "add its label"));
            }
            if !classes.contains(&class) {
                classes.push(class.clone());
            }
            rows.push(Labelled {
                id: row.field(id).to_owned(),
                class,
                line: row.line,
            });
        }
        return Ok((classes, rows));
    }
    let id = table.wanted("image")?;
    let classes: Vec<usize> = (0..table.columns.len()).filter(|&at| at != id).collect();
    for row in &table.rows {
        let name = row.field(id).to_owned();
        let mut marked = Vec::new();
        for &class in &classes {
            match row.field(class).parse::<f64>() {
                Ok(1.0) => marked.push(class),
                Ok(0.0) => {}
                _ => {
                    let (field, column) = (row.field(class), &table.columns[class]);
                    let problem = format!("`{name}` has `{field}` in column `{column}`");
                    return Err(table.bad(row, problem, "write 1.0 or 0.0"));
                }
            }
        }
        let [class] = marked[..] else {
            let problem = format!(
                "`{name}` must have exactly one class marked with 1.0, but has {}",
                marked.len()
            );
            return Err(table.bad(row, problem, "fix the row"));
        };
        rows.push(Labelled {
            id: name,
            class: table.columns[class].clone(),
            line: row.line,
        });
    }
    let classes = classes.iter().map(|&at| table.columns[at].clone());
    Ok((classes.collect(), rows))
}
