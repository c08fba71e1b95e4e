//! Tar shards as webdataset writes them: members with the same key are one sample, `KEY.jpg` with
//! `KEY.cls`.
//!
//! The label is in `KEY.cls`, else in the `label` field of `KEY.json`, else in `KEY.txt`. The
//! shards are scanned once, header by header, and the offset of each image is kept; the image is
//! read from there when it is decoded.

mod forwards;

use super::image_files::{has_image_ending, unread_ending};
use super::images::{SourceImage, SourceImages, SourceStore};
use super::kind::{SourceKind, values};
use super::shards::{self, Shards};
use crate::domain::classes::tag::Tag;
use crate::domain::classes::{Classes, LeaveOut};
use crate::domain::contents::{Contents, ImageStore};
use crate::domain::error::DomainError;
use crate::domain::file::{not_text, unreadable};
use crate::domain::image::decode;
use crate::domain::split_list::SplitList;
use crate::domain::split_list::matching::contents;
use crate::domain::written::KeyValue;
use crate::regular_file;
use crate::text::text;
use forwards::Forwards;
use image::RgbImage;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A tar archive ends with two blocks of zeros.
const END: u64 = 2 * 512;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// No label is longer than this.
const LONGEST_LABEL: u64 = 1 << 20;

/// Tar files as webdataset writes them, not gzipped: `KEY.jpg` with `KEY.cls`, `KEY.json` (field
/// `label`) or `KEY.txt`. File names tell train from test (`train-000000.tar`, `train/0.tar`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webdataset {
    pub(crate) path: Shards,
    pub(crate) columns: Option<Fields>,
    pub(crate) split: Option<SplitList>,
    pub(crate) classes: Option<Classes>,
    pub(crate) leave_out: Option<LeaveOut>,
}

/// The names of the fields in the `.json` members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The field of the labels; default `label`.
    pub label: Option<String>,
}

impl KeyValue for Fields {}

impl SourceKind for Webdataset {
    const NAME: &'static str = "webdataset";
    const SUMMARY: &'static str =
        "tar shards of images with .cls, .json or .txt labels; `path`, `columns`";

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: path, columns, split, classes, leave_out)
    }

    fn root(&self) -> Option<&Path> {
        Some(self.path.root())
    }

    fn open(&self) -> Result<Contents, DomainError> {
        let field = self
            .columns
            .as_ref()
            .and_then(|columns| columns.label.as_deref());
        let images = images(&self.path, field.unwrap_or("label"), self.split.is_some())?;
        contents(
            images,
            self.split.as_ref(),
            self.classes.as_ref(),
            self.leave_out.as_ref(),
        )
    }
}

struct TarImages {
    shards: Vec<PathBuf>,
    members: Vec<Member>,
}

/// An image inside a shard.
struct Member {
    shard: u32,
    /// Which of the shard's images it is.
    nth: u32,
    name: String,
    start: u64,
    length: u64,
}

/// The members of a shard with the same key.
#[derive(Default)]
struct Parts {
    image: Option<Member>,
    /// The name of an image in a format that is not read, and its extension.
    unread: Option<Box<(String, &'static str)>>,
    /// The label of the first rank that has one: `cls`, `json`, `txt`.
    label: Option<(u8, Tag)>,
}

impl Parts {
    /// Notes what a member of this rank says. Of two members of one rank, the later one counts.
    fn note(&mut self, rank: u8, tag: Option<Tag>) {
        if let Some(tag) = tag
            && self.label.as_ref().is_none_or(|(best, _)| rank <= *best)
        {
            self.label = Some((rank, tag));
        }
    }
}

fn images(shards: &Shards, field: &str, listed: bool) -> Result<SourceImages, DomainError> {
    let found = shards::find(shards, "tar", listed)?;
    let mut images = Vec::new();
    let mut store = TarImages {
        shards: Vec::new(),
        members: Vec::new(),
    };
    for shard in &found {
        let number = store.shards.len() as u32;
        for (key, parts) in read(&shard.path, number, field)? {
            let Some(member) = parts.image else {
                return Err(without_image(&shard.path, &key, parts.unread));
            };
            images.push(SourceImage {
                name: member.name.clone(),
                tag: parts.label.map(|(_, tag)| tag),
                split: shard.split,
            });
            store.members.push(member);
        }
        store.shards.push(shard.path.clone());
    }
    Ok(SourceImages {
        path: shards.named(&found),
        images,
        declared: None,
        store: Box::new(store),
    })
}

/// The error about a key without an image that can be read.
fn without_image(shard: &Path, key: &str, unread: Option<Box<(String, &str)>>) -> DomainError {
    let (place, problem, fix) = match unread.as_deref() {
        Some((name, ending)) => (
            name.as_str(),
            format!(".{ending} images are not supported"),
            "convert the images to PNG, JPEG or WebP",
        ),
        None => (
            key,
            "this key has a label but no image (.jpg, .jpeg, .png or .webp)".to_owned(),
            "add the image, or remove the label",
        ),
    };
    DomainError::Format {
        place: format!("{}: {place}", shard.display()),
        problem,
        fix: fix.to_owned(),
    }
}

/// The samples of a shard, in its order.
fn read(path: &Path, shard: u32, field: &str) -> Result<IndexMap<String, Parts>, DomainError> {
    let mut file = regular_file::open(path).map_err(unreadable(path))?;
    let size = file.metadata().map_err(unreadable(path))?.len();
    let mut magic = [0; 2];
    if size == 0 {
        return Err(DomainError::EmptyFile {
            path: path.to_owned(),
        });
    }
    if file.read_exact(&mut magic).is_ok() && magic == GZIP_MAGIC {
        return Err(shards::packed_file(path));
    }
    let file = Forwards::new(file).map_err(unreadable(path))?;

    let damaged = |problem: String| DomainError::Format {
        place: path.display().to_string(),
        problem,
        fix: "copy it again".to_owned(),
    };
    let broken = |error: std::io::Error| damaged(format!("damaged tar archive ({error})"));
    let mut archive = tar::Archive::new(file);
    let mut samples: IndexMap<String, Parts> = IndexMap::new();
    let (mut end, mut images) = (0, 0);
    for entry in archive.entries_with_seek().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let (start, length) = (entry.raw_file_position(), entry.size());
        let name = entry.path_bytes().into_owned();
        let name = String::from_utf8(name).map_err(|_| {
            damaged("a member's name is not valid UTF-8, so it is not portable".to_owned())
        })?;
        let name = name.trim_start_matches("./").to_owned();
        if start.saturating_add(length) > size {
            let there = size.saturating_sub(start);
            return Err(damaged(format!(
                "the archive is truncated inside `{name}`, which has {there} of {length} bytes"
            )));
        }
        end = start + length.div_ceil(512) * 512;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let file_name = name.rsplit('/').next().unwrap_or(&name);
        // The key ends at the first dot of the file's name.
        let Some((stem, ending)) = file_name
            .split_once('.')
            .filter(|(stem, _)| !stem.is_empty())
        else {
            continue;
        };
        let key = name[..name.len() - file_name.len() + stem.len()].to_owned();
        let place = || format!("{}: {name}", path.display());
        let ending = ending.to_lowercase();
        let rank = match ending.as_str() {
            "cls" => 0,
            "json" => 1,
            "txt" => 2,
            _ if has_image_ending(&name) => {
                let parts = samples.entry(key).or_default();
                if let Some(other) = &parts.image {
                    return Err(DomainError::Format {
                        place: place(),
                        problem: format!("second image with the same key, after `{}`", other.name),
                        fix: "give each image a unique key".to_owned(),
                    });
                }
                parts.image = Some(Member {
                    shard,
                    nth: images,
                    name,
                    start,
                    length,
                });
                images += 1;
                continue;
            }
            _ => {
                // Other members of a sample are ignored.
                if let Some(ending) = unread_ending(&name) {
                    samples.entry(key).or_default().unread = Some(Box::new((name, ending)));
                }
                continue;
            }
        };
        let mut bytes = Vec::new();
        let read = (&mut entry).take(LONGEST_LABEL).read_to_end(&mut bytes);
        read.map_err(|error| DomainError::Format {
            place: place(),
            problem: format!("cannot be read ({error})"),
            fix: "copy the archive again".to_owned(),
        })?;
        let text = text(&bytes).map_err(|error| not_text(&place(), &error))?;
        let tag = match ending.as_str() {
            "json" => json_label(text, field).map_err(|problem| DomainError::Format {
                place: place(),
                problem,
                fix: "write a whole number or text".to_owned(),
            })?,
            _ => Some(Tag::parse(text.trim())),
        };
        samples.entry(key).or_default().note(rank, tag);
    }
    if end.saturating_add(END) > size {
        return Err(damaged(
            "the archive is truncated: its end marker is missing".to_owned(),
        ));
    }
    Ok(samples)
}

/// The label in a `.json` member, if it has one.
fn json_label(text: &str, field: &str) -> Result<Option<Tag>, String> {
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("invalid JSON: {error}"))?;
    match &json[field] {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(Tag::text(text))),
        other => match other.as_u64() {
            Some(number) => Ok(Some(Tag::number(number))),
            None => Err(format!("field `{field}` is {other}")),
        },
    }
}

impl ImageStore for TarImages {
    fn encoded(&self, number: usize) -> Result<Cow<'_, [u8]>, DomainError> {
        let member = &self.members[number];
        let path = &self.shards[member.shard as usize];
        decode::check_length(Path::new(&self.place(number)), member.length)?;
        let mut file = regular_file::open(path).map_err(unreadable(path))?;
        let mut bytes = vec![0; member.length as usize];
        file.seek(SeekFrom::Start(member.start))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(unreadable(path))?;
        Ok(Cow::Owned(bytes))
    }

    fn decode(&self, number: usize, encoded: &[u8]) -> Result<RgbImage, DomainError> {
        decode::decode(Path::new(&self.place(number)), encoded)
    }

    fn file(&self, number: usize) -> Option<(&Path, u32)> {
        let member = &self.members[number];
        Some((&self.shards[member.shard as usize], member.nth))
    }
}

impl SourceStore for TarImages {
    fn place(&self, number: usize) -> String {
        let member = &self.members[number];
        let path = self.shards[member.shard as usize].display();
        format!("{path}: {}", member.name)
    }

    fn check(&self, _number: usize) -> Result<(), DomainError> {
        // The shard was scanned when the source was opened.
        Ok(())
    }
}

#[cfg(test)]
mod tests;
