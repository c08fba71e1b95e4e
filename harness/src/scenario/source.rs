//! A domain's source, from its keys: which of them go with which source, and what they mean together.

use super::error::{Problem, ScenarioError};
use super::resolve::Resolver;
use super::resolved::SourceSpec;
use super::spec::{Classes, DOMAIN_KEYS, Files, Location, OneOrPerSplit, Source, Split};
use super::yaml::KeyPath;
use crate::domain::classes;
use crate::domain::{
    ClassEntry, ClassKey, ClassesFrom, Columns, ImageCopy, LabelTables, Layout, Shards, SplitList,
};
use harness_pictures::Style;
use std::path::PathBuf;

/// The keys of a domain that say where its images come from.
pub(super) struct Written {
    pub(super) source: Source,
    pub(super) path: Option<Location>,
    pub(super) split: Option<Split>,
    pub(super) classes: Option<Classes>,
    pub(super) leave_out: Option<Vec<ClassKey>>,
    pub(super) columns: Option<Columns>,
    pub(super) labels: Option<OneOrPerSplit>,
    pub(super) style: Option<Style>,
}

impl Written {
    /// What the keys of the domain at `key` mean.
    pub(super) fn resolve(
        self,
        resolver: &Resolver<'_>,
        key: &KeyPath,
    ) -> Result<SourceSpec, ScenarioError> {
        let Self { source, .. } = self;
        if let Some(Classes::Listed(entries)) = &self.classes {
            check_listed(resolver, &key.join("classes"), entries)?;
        }
        if let Some(left_out) = &self.leave_out {
            let mend = "name classes, or remove the key";
            resolver.entries(&key.join("leave_out"), left_out, mend)?;
        }
        self.only_its_own(resolver, key)?;
        let missing =
            |missing: &'static str| resolver.error(key, serde::de::Error::missing_field(missing));
        let path = |key: &KeyPath, written| resolver.written_path(key, written);
        let classes = match self.classes {
            None => None,
            Some(Classes::File(file)) => Some(ClassesFrom::File(path(&key.join("classes"), file)?)),
            Some(Classes::Listed(entries)) => Some(ClassesFrom::Scenario(entries)),
        };
        let location = match source {
            Source::Digits => return Ok(SourceSpec::Digits),
            Source::Pictures => {
                return Ok(SourceSpec::Pictures {
                    style: self.style.ok_or_else(|| missing("style"))?,
                });
            }
            _ => self.path.ok_or_else(|| missing("path"))?,
        };
        let at = key.join("path");
        let folder = |location| folder(resolver, &at, source, location);
        let columns = self.columns.unwrap_or_default();
        let layout = match source {
            Source::Idx => {
                return Ok(SourceSpec::Idx {
                    folder: folder(location)?,
                    classes,
                });
            }
            Source::Parquet => Layout::Parquet {
                shards: shards(resolver, &at, location)?,
                columns,
            },
            Source::Webdataset => Layout::Webdataset {
                shards: shards(resolver, &at, location)?,
                columns,
            },
            Source::FileList => Layout::FileList {
                path: folder(location)?,
            },
            Source::Cub => Layout::Cub {
                path: folder(location)?,
            },
            Source::Cars => Layout::Cars {
                path: folder(location)?,
            },
            Source::Isic => {
                let at = key.join("labels");
                let labels = match self.labels {
                    None => None,
                    Some(OneOrPerSplit::One(file)) => Some(LabelTables::One(path(&at, file)?)),
                    Some(OneOrPerSplit::PerSplit(files)) => Some(LabelTables::PerSplit {
                        train: path(&at.join("train"), files.train)?,
                        test: path(&at.join("test"), files.test)?,
                    }),
                };
                Layout::Isic {
                    path: folder(location)?,
                    labels,
                }
            }
            Source::ImageFolder | Source::Digits | Source::Pictures => Layout::ImageFolder {
                path: folder(location)?,
            },
        };
        let at = key.join("split");
        let split = match self.split {
            None if source == Source::FileList => return Err(missing("split")),
            None => None,
            Some(Split::One(list)) => Some(SplitList::One {
                file: path(&at, list.file)?,
                val: list.val.unwrap_or_default(),
            }),
            Some(Split::PerSplit(files)) => Some(SplitList::PerSplit {
                train: path(&at.join("train"), files.train)?,
                test: path(&at.join("test"), files.test)?,
            }),
        };
        let copy = ImageCopy {
            layout,
            split,
            classes: None,
            leave_out: self.leave_out.unwrap_or_default(),
        };
        Ok(SourceSpec::Copy { copy, classes })
    }

    /// Checks that no key is there that the source does not take.
    fn only_its_own(&self, resolver: &Resolver<'_>, key: &KeyPath) -> Result<(), ScenarioError> {
        let there = |key: &str| match key {
            "path" => self.path.is_some(),
            "split" => self.split.is_some(),
            "classes" => self.classes.is_some(),
            "leave_out" => self.leave_out.is_some(),
            "columns" => self.columns.is_some(),
            "labels" => self.labels.is_some(),
            _ => self.style.is_some(),
        };
        let stray = DOMAIN_KEYS
            .iter()
            .find(|(name, takes)| there(name) && !takes(self.source));
        let stray = match stray {
            Some(&(name, _)) => name,
            // A tar shard has no column of images.
            None if self.source == Source::Webdataset
                && self.columns.as_ref().is_some_and(|c| c.image.is_some()) =>
            {
                "columns.image"
            }
            None => return Ok(()),
        };
        let problem = Problem::NotForSource {
            domain_source: self.source.word(),
            key: stray,
        };
        Err(resolver.error(&key.spelled(stray), problem))
    }
}

/// The one folder that a source reads.
fn folder(
    resolver: &Resolver<'_>,
    key: &KeyPath,
    source: Source,
    location: Location,
) -> Result<PathBuf, ScenarioError> {
    match location {
        Location::Here(written) => resolver.written_path(key, written),
        Location::PerSplit(_) => {
            let problem = Problem::WrongType {
                expected: format!("the folder that `{}` reads", source.word()),
                found: "a mapping".to_owned(),
            };
            Err(resolver.error(key, problem))
        }
    }
}

/// The files of a source that is cut into shards.
fn shards(
    resolver: &Resolver<'_>,
    key: &KeyPath,
    location: Location,
) -> Result<Shards, ScenarioError> {
    let each = |split: &str, Files(files): Files| {
        let key = key.join(split);
        resolver.entries(&key, &files, "name a file, or a pattern")?;
        let files = files.into_iter();
        let files = files.map(|file| resolver.written_path(&key, file));
        files.collect::<Result<Vec<_>, _>>()
    };
    Ok(match location {
        Location::Here(written) => Shards::Under(resolver.written_path(key, written)?),
        Location::PerSplit(files) => Shards::PerSplit {
            train: each("train", files.train)?,
            test: each("test", files.test)?,
        },
    })
}

/// Checks a reference list that stands in the scenario.
fn check_listed(
    resolver: &Resolver<'_>,
    key: &KeyPath,
    entries: &[ClassEntry],
) -> Result<(), ScenarioError> {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    resolver.entries(key, &names, "list the names, or remove the key")?;
    classes::check(entries).map_err(|(at, problem)| {
        let message = format!("{problem}; give each class a name and a key of its own");
        resolver.error(&key.index(at), Problem::Later(message))
    })
}
