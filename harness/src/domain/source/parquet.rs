//! Parquet files as Hugging Face writes them: a struct column of images (`bytes`, and the `path`
//! that they came from) and a column of labels, whose names, if any, are in the file's metadata.
//!
//! Labels and paths are read when the source is opened; image bytes stay in the file. Single values
//! of a parquet file cannot be addressed, only pages of many. So a block of neighbouring rows is
//! read at a time, and the most recent blocks are kept, in bounded memory: iterating over a source
//! in order reads it once.

mod chunk;
mod file;
mod guard;
mod image_column;
mod pages;

use super::images::{SourceImage, SourceImages, SourceStore};
use super::kind::{SourceKind, values};
use super::shards::{self, Shards};
use crate::domain::classes::tag::Tag;
use crate::domain::classes::{Classes, LeaveOut};
use crate::domain::contents::{Contents, ImageStore};
use crate::domain::error::DomainError;
use crate::domain::file::unreadable;
use crate::domain::image::decode;
use crate::domain::sample::Split;
use crate::domain::split_list::SplitList;
use crate::domain::split_list::matching::contents;
use crate::domain::written::KeyValue;
use crate::regular_file;
use file::{Label, Opened, said};
use image::RgbImage;
use image_column::{ImageColumn, Images};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How many blocks are kept in memory.
const BLOCKS: usize = 4;

/// Parquet files as Hugging Face writes them: a struct column `image` with `bytes` and `path`, and
/// a column `label` of numbers or text, with class names from the file's metadata. File names tell
/// train from test (`train-00000-of-00002.parquet`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parquet {
    pub(crate) path: Shards,
    pub(crate) columns: Option<Columns>,
    pub(crate) split: Option<SplitList>,
    pub(crate) classes: Option<Classes>,
    pub(crate) leave_out: Option<LeaveOut>,
}

/// The names of the columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// The column of the images; default `image`.
    pub image: Option<String>,
    /// The column of the labels; default `label`.
    pub label: Option<String>,
}

impl KeyValue for Columns {}

impl SourceKind for Parquet {
    const NAME: &'static str = "parquet";
    const SUMMARY: &'static str = "parquet files as Hugging Face writes them; `path`, `columns`";

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: path, columns, split, classes, leave_out)
    }

    fn root(&self) -> Option<&Path> {
        Some(self.path.root())
    }

    fn open(&self) -> Result<Contents, DomainError> {
        let images = images(
            &self.path,
            &self.columns.clone().unwrap_or_default(),
            self.split.is_some(),
        )?;
        contents(
            images,
            self.split.as_ref(),
            self.classes.as_ref(),
            self.leave_out.as_ref(),
        )
    }
}

struct ParquetImages {
    files: Vec<ParquetFile>,
    /// By image: its file, and its row there.
    rows: Vec<(u32, u32)>,
    names: Vec<String>,
    blocks: Mutex<VecDeque<(BlockKey, Arc<Images>)>>,
}

/// What is kept of a file after opening.
struct ParquetFile {
    path: PathBuf,
    images: ImageColumn,
}

/// A file's number, and a block's number in it.
type BlockKey = (u32, usize);

fn images(shards: &Shards, columns: &Columns, listed: bool) -> Result<SourceImages, DomainError> {
    let found = shards::find(shards, "parquet", listed)?;
    let image = columns.image.as_deref().unwrap_or("image");
    let label = columns.label.as_deref().unwrap_or("label");
    let mut images = Vec::new();
    let mut declared: Option<(PathBuf, Vec<String>)> = None;
    let mut store = ParquetImages {
        files: Vec::new(),
        rows: Vec::new(),
        names: Vec::new(),
        blocks: Mutex::new(VecDeque::new()),
    };
    let mut rows_of = Rows::default();
    for shard in &found {
        let file = Opened::new(&shard.path)?;
        let content = file.content(image, label)?;
        match (&declared, content.classes) {
            (None, Some(classes)) => declared = Some((shard.path.clone(), classes)),
            (Some((first, known)), Some(classes)) if *known != classes => {
                return Err(file.bad(
                    format!("its class names differ from those of {}", first.display()),
                    "use files of one data set",
                ));
            }
            _ => {}
        }
        let names = declared.as_ref().map(|(_, names)| names.as_slice());
        let number = store.files.len() as u32;
        for (row, (path, label)) in content.paths.into_iter().zip(content.labels).enumerate() {
            let tag = match label {
                None => None,
                Some(Label::Text(text)) => Some(Tag::text(text)),
                Some(Label::Number(label)) => Some(file.tag(row, label, names)?),
            };
            let nth = rows_of.next(shard.split);
            let name = path.filter(|path| !path.is_empty()).map_or_else(
                || {
                    shard
                        .split
                        .map_or(nth.to_string(), |split| format!("{split}/{nth}"))
                },
                |path| path.replace('\\', "/"),
            );
            store.rows.push((number, row as u32));
            store.names.push(name.clone());
            images.push(SourceImage {
                name,
                tag,
                split: shard.split,
            });
        }
        store.files.push(ParquetFile {
            path: shard.path.clone(),
            images: content.images,
        });
    }
    let tagged = (0..).zip(declared.into_iter().flat_map(|(_, names)| names));
    let declared: Vec<Tag> = tagged.map(|(n, name)| Tag::numbered(n, name)).collect();
    Ok(SourceImages {
        path: shards.named(&found),
        images,
        declared: Some(declared).filter(|declared| !declared.is_empty()),
        store: Box::new(store),
    })
}

/// Counts the rows of each split.
#[derive(Default)]
struct Rows([usize; 3]);

impl Rows {
    fn next(&mut self, split: Option<Split>) -> usize {
        let slot = match split {
            Some(Split::Train) => 0,
            Some(Split::Test) => 1,
            None => 2,
        };
        self.0[slot] += 1;
        self.0[slot] - 1
    }
}

impl ParquetImages {
    /// The block that contains a row, and the row's index in it.
    fn block(&self, file: u32, row: usize) -> Result<(Arc<Images>, usize), DomainError> {
        let ParquetFile { path, images } = &self.files[file as usize];
        let number = images.block_of(row);
        let block = images.block(number);
        let within = row - block.first;
        // A thread that waits here usually waits for the block that is being read.
        let mut kept = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (file, number);
        if let Some(at) = kept.iter().position(|(known, _)| *known == key) {
            let found = kept.remove(at).expect("it was found there");
            let images = Arc::clone(&found.1);
            kept.push_back(found);
            return Ok((images, within));
        }
        let opened = regular_file::open(path).map_err(unreadable(path))?;
        let images = images.images(opened, block).map_err(|error| {
            let (first, last) = (block.first, block.first + block.rows.len() - 1);
            DomainError::Format {
                place: format!("{}: rows {first} to {last}", path.display()),
                problem: format!("the images cannot be read ({})", said(&error)),
                fix: "copy the file again".to_owned(),
            }
        })?;
        let images = Arc::new(images);
        if kept.len() == BLOCKS {
            kept.pop_front();
        }
        kept.push_back((key, Arc::clone(&images)));
        Ok((images, within))
    }
}

impl ImageStore for ParquetImages {
    fn encoded(&self, number: usize) -> Result<Cow<'_, [u8]>, DomainError> {
        let (file, row) = self.rows[number];
        let (images, at) = self.block(file, row as usize)?;
        match images.get(at).and_then(Option::as_ref) {
            Some(bytes) => Ok(Cow::Owned(bytes.clone())),
            None => Err(DomainError::Format {
                place: self.place(number),
                problem: "the row has no image bytes (the image may be outside the file)"
                    .to_owned(),
                fix: "use files that contain the images".to_owned(),
            }),
        }
    }

    fn decode(&self, number: usize, encoded: &[u8]) -> Result<RgbImage, DomainError> {
        decode::decode(Path::new(&self.place(number)), encoded)
    }

    fn file(&self, number: usize) -> Option<(&Path, u32)> {
        let (file, row) = self.rows[number];
        Some((&self.files[file as usize].path, row))
    }
}

impl SourceStore for ParquetImages {
    fn place(&self, number: usize) -> String {
        let (file, row) = self.rows[number];
        let path = self.files[file as usize].path.display();
        format!("{path}: row {row} ({})", self.names[number])
    }

    fn check(&self, _number: usize) -> Result<(), DomainError> {
        // The shard's footer was read when the source was opened.
        Ok(())
    }
}
