//! Where a domain's images come from: one file per source, and the registry of all sources.
//!
//! To add a source, write `source/NAME.rs` with a struct of its keys that implements
//! [`SourceKind`], declare the module, and add it to the list in `sources!`. Everything that needs
//! a list of all sources uses this registry: the scenario's `source:` and the keys that go with it,
//! the JSON Schema, `clbench ls domains`, "did you mean".

pub(crate) mod image_files;
pub(crate) mod images;
mod keys;
mod kind;
mod shards;

mod cars;
mod cub;
mod digits;
mod file_list;
mod idx;
mod image_folder;
mod isic;
mod mat;
mod parquet;
mod pictures;
mod torchvision;
mod webdataset;

use super::contents::Contents;
use super::error::DomainError;
use super::written::{KeyError, KeyValue};
use crate::suggest::list;
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub use kind::SourceKind;

/// What the registry knows about a source without opening it.
pub struct SourceInfo {
    /// Its name in a scenario.
    pub name: &'static str,
    /// A one-line description.
    pub summary: &'static str,
    /// Its keys, in the order in which it documents them.
    pub keys: &'static [&'static str],
    /// The schema of its keys: an object with descriptions.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    examples: &'static [(&'static str, &'static str)],
}

macro_rules! sources {
    ($($module:ident::$Kind:ident,)+) => {
        $(pub use $module::$Kind;)+

        /// A domain's source, with the keys that the scenario gives it. It is sent as JSON to the
        /// process of a cell.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub enum Source {
            $(
                #[doc = concat!("See [`", stringify!($Kind), "`](struct@", stringify!($Kind), ").")]
                $Kind($Kind),
            )+
        }

        impl Source {
            /// The names of all sources in a scenario.
            pub const NAMES: &[&str] = &[$($Kind::NAME),+];

            /// All sources.
            pub fn all() -> &'static [SourceInfo] {
                static ALL: LazyLock<Vec<SourceInfo>> =
                    LazyLock::new(|| vec![$(SourceInfo::of::<$Kind>()),+]);
                &ALL
            }

            /// Reads the keys of the source with this name; a name that is not in
            /// [`NAMES`](Self::NAMES) is an error.
            pub(crate) fn read<'de, D: Deserializer<'de>>(
                name: &str,
                keys: D,
            ) -> Result<Self, D::Error> {
                match name {
                    $($Kind::NAME => $Kind::deserialize(keys).map(Self::$Kind),)+
                    _ => Err(serde::de::Error::unknown_variant(name, Self::NAMES)),
                }
            }

            /// Its name in a scenario.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$Kind(_) => $Kind::NAME,)+
                }
            }

            /// The folder or file that must exist before the domain can be opened, if any.
            pub fn root(&self) -> Option<&Path> {
                match self {
                    $(Self::$Kind(source) => source.root(),)+
                }
            }

            pub(crate) fn open(&self) -> Result<Contents, DomainError> {
                match self {
                    $(Self::$Kind(source) => source.open(),)+
                }
            }

            fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
                match self {
                    $(Self::$Kind(source) => source.values(),)+
                }
            }
        }

        $(impl From<$Kind> for Source {
            fn from(source: $Kind) -> Self {
                Self::$Kind(source)
            }
        })+
    };
}

// Every message and list names the sources in this order.
sources! {
    digits::Digits,
    pictures::Pictures,
    image_folder::ImageFolder,
    idx::Idx,
    file_list::FileList,
    parquet::Parquet,
    webdataset::Webdataset,
    cub::Cub,
    cars::Cars,
    isic::Isic,
    torchvision::Torchvision,
}

impl SourceInfo {
    fn of<S: SourceKind>() -> Self {
        Self {
            name: S::NAME,
            summary: S::SUMMARY,
            keys: keys::keys::<S>(),
            schema: S::json_schema,
            examples: S::EXAMPLES,
        }
    }
}

impl Source {
    /// Checks what the types of the keys' values do not enforce.
    ///
    /// # Errors
    ///
    /// The first mistake, with its key.
    pub fn check(&mut self) -> Result<(), KeyError> {
        for (key, value) in self.values() {
            value.check().map_err(|error| KeyError {
                key: below(key, &error.key),
                ..error
            })?;
        }
        Ok(())
    }

    /// Replaces every path; `change` gets its key and the path.
    ///
    /// # Errors
    ///
    /// The first error of `change`.
    pub fn change_paths<E>(
        &mut self,
        mut change: impl FnMut(&str, &Path) -> Result<PathBuf, E>,
    ) -> Result<(), E> {
        for (key, value) in self.values() {
            for (part, path) in value.paths() {
                *path = change(&below(key, part), path)?;
            }
        }
        Ok(())
    }

    /// The same source with absolute paths, and with the lists read that are in separate files, so
    /// that it means the same in every process.
    ///
    /// # Errors
    ///
    /// If a list cannot be read.
    pub fn resolved(&self) -> Result<Self, DomainError> {
        let mut resolved = self.clone();
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let Ok(()) = resolved.change_paths(|_, path| Ok::<_, Infallible>(absolute(path)));
        for (_, value) in resolved.values() {
            value.load()?;
        }
        Ok(resolved)
    }
}

/// What a message suggests if this key is missing, if a source provides an example.
pub(crate) fn example(key: &str) -> Option<&'static str> {
    static SOURCE: LazyLock<String> = LazyLock::new(|| {
        let names = list(Source::NAMES.iter().copied());
        format!("one of {names}, as in `source: {}`", Source::NAMES[0])
    });
    if key == "source" {
        return Some(&SOURCE);
    }
    let mut examples = Source::all().iter().flat_map(|info| info.examples);
    let (_, example) = examples.find(|(known, _)| *known == key)?;
    Some(example)
}

/// The key of a part of a value: `path.train`, `classes[2]`, or the value's own key.
fn below(key: &str, part: &str) -> String {
    match part {
        "" => key.to_owned(),
        index if index.starts_with('[') => format!("{key}{index}"),
        part => format!("{key}.{part}"),
    }
}

#[cfg(test)]
mod tests;
