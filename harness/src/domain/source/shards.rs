//! Finds the shards of a source, and the split that each belongs to.
//!
//! Unless the scenario names them per split, the split is the word `train` or `test` in the shard's
//! name (`train-00000-of-00002.parquet`, `cars-test-000001.tar`) or, failing that, in its folder's
//! name (`train/0.tar`). Validation shards are ignored, as with a list without `val: train`. A
//! shard whose name tells no split is an error, and so is a missing shard that its siblings'
//! `-of-` counts.

use super::image_files::below;
use crate::domain::error::DomainError;
use crate::domain::natural_order;
use crate::domain::sample::Split;
use crate::domain::written::{KeyError, KeyValue, check_entries, forms, path_or};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The files of a source that consists of shards. Each path may be a pattern with `*`, `?` and
/// `[…]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Shards {
    /// A folder, a file or a pattern; file names tell the splits.
    Under(PathBuf),
    /// Files per split.
    PerSplit(FilesPerSplit),
}

/// The files of each split; each may be a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesPerSplit {
    /// The files of the train split: a file, a pattern, or a list of these.
    pub train: Files,
    /// The files of the test split: a file, a pattern, or a list of these.
    pub test: Files,
}

/// One file, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Files(pub Vec<PathBuf>);

impl Shards {
    /// The part of the first path that is not a pattern.
    pub(crate) fn root(&self) -> &Path {
        let path = match self {
            Shards::Under(path) => path,
            Shards::PerSplit(files) => match files.train.0.first() {
                Some(path) => path,
                None => return Path::new("."),
            },
        };
        let plain = |path: &&Path| !path.to_string_lossy().contains(['*', '?', '[']);
        path.ancestors().find(plain).unwrap_or(path)
    }

    /// The path to name in messages about the whole source.
    pub(crate) fn named(&self, found: &[Shard]) -> PathBuf {
        match self {
            Shards::Under(path) => path.clone(),
            Shards::PerSplit(_) => found.first().map(|s| s.path.clone()).unwrap_or_default(),
        }
    }
}

impl KeyValue for Shards {
    fn check(&self) -> Result<(), KeyError> {
        let Self::PerSplit(files) = self else {
            return Ok(());
        };
        for (split, Files(files)) in [("train", &files.train), ("test", &files.test)] {
            let names: Vec<_> = files.iter().map(|file| file.display()).collect();
            check_entries(&names, "name a file, or a pattern").map_err(|error| KeyError {
                key: format!("{split}{}", error.key),
                ..error
            })?;
        }
        Ok(())
    }

    fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match self {
            Self::Under(path) => vec![("", path)],
            Self::PerSplit(FilesPerSplit { train, test }) => {
                let train = train.0.iter_mut().map(|file| ("train", file));
                train
                    .chain(test.0.iter_mut().map(|file| ("test", file)))
                    .collect()
            }
        }
    }
}

forms!(
    Shards, "a path, or `{train: …, test: …}`",
    text: Shards::Under, mapping: Shards::PerSplit
);
forms!(Files, "a path, or a list of paths", text: |file| Files(vec![file]), list: Files);

impl JsonSchema for Shards {
    fn schema_name() -> Cow<'static, str> {
        "Shards".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        path_or(
            "Where the images are, relative to the scenario file; `~` is your home directory. A \
             folder, a file, a pattern such as `data/*.parquet`, or the files of each split, as in \
             `{train: data/train-*.parquet, test: data/test-*.parquet}`.",
            vec![generator.subschema_for::<FilesPerSplit>()],
        )
    }
}

impl JsonSchema for Files {
    fn schema_name() -> Cow<'static, str> {
        "Files".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        path_or(
            "A file, a pattern, or a list of these.",
            vec![generator.subschema_for::<Vec<String>>()],
        )
    }
}

/// One file of a source.
pub(crate) struct Shard {
    pub(crate) path: PathBuf,
    /// Its split, if known.
    pub(crate) split: Option<Split>,
}

/// What a shard's name says about its split.
enum Word {
    Split(Split),
    Validation,
    Nothing,
}

/// The shards in order: those of the train split in natural order, then those of the test split,
/// then, with a list, all others.
pub(crate) fn find(shards: &Shards, ending: &str, listed: bool) -> Result<Vec<Shard>, DomainError> {
    let found = match shards {
        Shards::PerSplit(FilesPerSplit { train, test }) => {
            let mut found = Vec::new();
            for (split, patterns) in [(Split::Train, &train.0), (Split::Test, &test.0)] {
                for pattern in patterns {
                    let paths = matching(pattern, ending)?;
                    found.extend(paths.into_iter().map(|path| Shard {
                        path,
                        split: Some(split),
                    }));
                }
            }
            found
        }
        Shards::Under(path) => {
            let mut found = Vec::new();
            let root = if path.is_dir() {
                path
            } else {
                path.parent().unwrap_or(path)
            };
            for file in matching(path, ending)? {
                let split = match word(file.strip_prefix(root).unwrap_or(&file)) {
                    Word::Split(split) => Some(split),
                    Word::Validation if !listed => continue,
                    Word::Nothing if !listed => {
                        return Err(DomainError::Format {
                            place: file.display().to_string(),
                            problem: "its name does not say whether it is train or test".to_owned(),
                            fix: "write `path: {train: …, test: …}`, or add a split list with `split:`"
                                .to_owned(),
                        });
                    }
                    Word::Validation | Word::Nothing => None,
                };
                found.push(Shard { path: file, split });
            }
            found.sort_by_key(|shard| match shard.split {
                Some(Split::Train) => 0,
                Some(Split::Test) => 1,
                None => 2,
            });
            found
        }
    };
    for (at, shard) in found.iter().enumerate() {
        if found[..at].iter().any(|other| other.path == shard.path) {
            return Err(DomainError::Format {
                place: shard.path.display().to_string(),
                problem: "the domain's `path` names this file twice".to_owned(),
                fix: "keep it in one split".to_owned(),
            });
        }
    }
    Ok(found)
}

/// The files that a path refers to: all in a folder, those that match a pattern, or the file.
fn matching(path: &Path, ending: &str) -> Result<Vec<PathBuf>, DomainError> {
    let bad = |problem: String, fix: String| DomainError::Format {
        place: path.display().to_string(),
        problem,
        fix,
    };
    let none = || {
        let (problem, fix) = (
            format!("no .{ending} files found"),
            "check the domain's `path`",
        );
        Err(bad(problem, fix.to_owned()))
    };
    if path.is_dir() {
        let packed = |name: &str| {
            let ends = |with: &str| name.to_lowercase().ends_with(with);
            ends(&format!(".{ending}.gz")) || ending == "tar" && ends(".tgz")
        };
        if let Some(name) = below(path, &packed)?.first() {
            return Err(packed_file(&path.join(name)));
        }
        let wanted = |name: &str| {
            let found = name.rsplit_once('.');
            found.is_some_and(|(_, found)| found.eq_ignore_ascii_case(ending))
        };
        let names = below(path, &wanted)?;
        if names.is_empty() {
            return none();
        }
        check_complete(path, &names)?;
        return Ok(names.iter().map(|name| path.join(name)).collect());
    }
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let Some(text) = path.to_str() else {
        return Err(DomainError::NameNotUnicode {
            path: path.to_owned(),
        });
    };
    if !text.contains(['*', '?', '[']) {
        return none();
    }
    let pattern = glob::glob(text).map_err(|error| {
        let fix = "fix the pattern: `*` and `?` are wildcards, a literal `[` is written `[[]`";
        bad(error.to_string(), fix.to_owned())
    })?;
    let mut paths = Vec::new();
    for entry in pattern {
        let path = entry.map_err(|error| DomainError::Unreadable {
            path: error.path().to_owned(),
            cause: error.into(),
        })?;
        paths.push(path);
    }
    paths.sort_by(|a, b| natural_order::compare(&a.to_string_lossy(), &b.to_string_lossy()));
    if paths.is_empty() {
        return none();
    }
    let folder = path.parent().unwrap_or(path);
    let names = paths
        .iter()
        .map(|path| path.strip_prefix(folder).unwrap_or(path));
    let names: Vec<String> = names.map(|name| name.display().to_string()).collect();
    check_complete(folder, &names)?;
    Ok(paths)
}

/// The error about a gzipped shard.
pub(crate) fn packed_file(path: &Path) -> DomainError {
    DomainError::Format {
        place: path.display().to_string(),
        problem: "the file is gzipped, so its images cannot be read individually".to_owned(),
        fix: "unpack it with `gunzip` (the images are compressed already)".to_owned(),
    }
}

/// Checks that no shard named `…-00000-of-00002.…` is missing.
fn check_complete(folder: &Path, names: &[String]) -> Result<(), DomainError> {
    let mut sets: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for name in names {
        let Some((stem, ending)) = name.rsplit_once('.') else {
            continue;
        };
        let Some((stem, of)) = stem.rsplit_once("-of-") else {
            continue;
        };
        let Some((prefix, number)) = stem.rsplit_once('-') else {
            continue;
        };
        // A suffix may follow the count, as in `-of-00002-6c4b1a3f`.
        let of = of.split_once('-').map_or(of, |(of, _)| of);
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if digits(number) && digits(of) {
            sets.entry((prefix, of, ending)).or_default().push(number);
        }
    }
    for ((prefix, of, ending), numbers) in sets {
        let count: usize = of.parse().unwrap_or(usize::MAX);
        let mut there: Vec<usize> = numbers.iter().filter_map(|n| n.parse().ok()).collect();
        there.sort_unstable();
        if there.len() < count {
            let missing = (0..count).find(|n| !there.contains(n)).unwrap_or_default();
            let (number, width) = (missing, of.len());
            let name = format!("{prefix}-{number:0width$}-of-{of}.{ending}");
            return Err(DomainError::Format {
                place: folder.join(name).display().to_string(),
                problem: format!("shard not found (found {} of {count})", there.len()),
                fix: "copy it again".to_owned(),
            });
        }
    }
    Ok(())
}

/// The split in a shard's name, else in the name of its nearest folder.
fn word(relative: &Path) -> Word {
    for component in relative.components().rev() {
        let text = component.as_os_str().to_string_lossy().to_lowercase();
        let words = text.split(|c: char| !c.is_ascii_alphabetic());
        let (mut train, mut test, mut validation) = (false, false, false);
        for word in words {
            match word {
                "train" | "training" => train = true,
                "test" | "testing" => test = true,
                "val" | "valid" | "validation" => validation = true,
                _ => {}
            }
        }
        return match (train, test, validation) {
            (true, false, false) => Word::Split(Split::Train),
            (false, true, false) => Word::Split(Split::Test),
            (false, false, true) => Word::Validation,
            (false, false, false) => continue,
            _ => Word::Nothing,
        };
    }
    Word::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    fn folder(names: &[&str]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    /// Names and splits of what is found, or the message.
    fn found(folder: &TempDir, pattern: &str, listed: bool) -> Result<Vec<String>, String> {
        let root = folder.path().display().to_string();
        let path = folder.path().join(pattern);
        find(&Shards::Under(path), "tar", listed)
            .map(|shards| {
                let line = |shard: &Shard| {
                    let name = shard.path.strip_prefix(folder.path()).unwrap();
                    let split = shard.split.map_or("-", Split::name);
                    format!("{split} {}", name.display())
                };
                shards.iter().map(line).collect()
            })
            .map_err(|error| error.to_string().replace(&root, "DIR"))
    }

    #[test]
    fn the_split_is_in_the_file_name_or_the_folder_name() {
        let folder = folder(&[
            "a/test/10.tar",
            "a/test/9.tar",
            "a/train/0.tar",
            "a/val/0.tar",
            "cars-train-000001.tar",
            "notes.txt",
        ]);
        let train = ["train a/train/0.tar", "train cars-train-000001.tar"];
        let test = ["test a/test/9.tar", "test a/test/10.tar"];
        assert_eq!(found(&folder, "", false).unwrap(), [train, test].concat());
        let under_a_list = found(&folder, "", true).unwrap();
        assert_eq!(under_a_list[4..], ["- a/val/0.tar"]);
        assert_eq!(found(&folder, "a/te*/*.tar", false).unwrap().len(), 2);
        assert_eq!(
            found(&folder, "b*.tar", false).unwrap_err(),
            "DIR/b*.tar: no .tar files found; check the domain's `path`"
        );
    }

    #[test]
    fn a_missing_shard_is_an_error() {
        let names = [
            "train-00000-of-00003.tar",
            "train-00002-of-00003.tar",
            "test.tar",
        ];
        assert_eq!(
            found(&folder(&names), "", false).unwrap_err(),
            "DIR/train-00001-of-00003.tar: shard not found (found 2 of 3); copy it again"
        );
    }

    #[test]
    fn a_shard_without_a_split_needs_a_list() {
        let folder = folder(&["00000.tar"]);
        assert_eq!(found(&folder, "", true).unwrap(), ["- 00000.tar"]);
        assert!(found(&folder, "", false).unwrap_err().starts_with(
            "DIR/00000.tar: its name does not say whether it is train or test; write"
        ));
    }
}
