//! One parquet file: its columns and its labels.

use super::chunk::some_rows;
use super::guard::guarded;
use super::image_column::{ImageColumn, MOST_BYTES};
use crate::domain::classes::tag::Tag;
use crate::domain::error::DomainError;
use crate::domain::file::unreadable;
use crate::regular_file;
use crate::suggest::hint;
use ::parquet::basic::{Compression, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use ::parquet::schema::types::SchemaDescriptor;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A parquet file with its footer read.
pub(crate) struct Opened<'a> {
    path: &'a Path,
    file: Arc<File>,
    metadata: ParquetMetaData,
}

/// Everything in a file except the images.
pub(crate) struct Content {
    /// The column of the image bytes.
    pub(crate) images: ImageColumn,
    pub(crate) paths: Vec<Option<String>>,
    pub(crate) labels: Vec<Option<Label>>,
    /// The class names that the file's metadata has for the numbers in its label column.
    pub(crate) classes: Option<Vec<String>>,
}

/// A label as written in the file.
pub(crate) enum Label {
    Text(String),
    Number(i64),
}

impl<'a> Opened<'a> {
    pub(crate) fn new(path: &'a Path) -> Result<Self, DomainError> {
        let file = regular_file::open(path).map_err(unreadable(path))?;
        let length = file.metadata().map_err(unreadable(path))?.len();
        if length == 0 {
            return Err(DomainError::EmptyFile {
                path: path.to_owned(),
            });
        }
        let metadata =
            guarded(|| ParquetMetaDataReader::new().parse_and_finish(&file)).map_err(|error| {
                DomainError::Format {
                    place: path.display().to_string(),
                    problem: format!("not a parquet file, or truncated ({})", said(&error)),
                    fix: "copy it again".to_owned(),
                }
            })?;
        let file = Arc::new(file);
        let opened = Self {
            path,
            file,
            metadata,
        };
        // An image takes more than one byte.
        let groups = opened.metadata.row_groups().iter();
        let rows = groups.map(|group| u64::try_from(group.num_rows()).unwrap_or(u64::MAX));
        let rows = rows.fold(0, u64::saturating_add);
        match rows > length.min(u32::MAX.into()) {
            true => Err(opened.bad(
                format!("it declares {rows} rows, but has {length} bytes"),
                "copy it again",
            )),
            false => Ok(opened),
        }
    }

    pub(crate) fn bad(&self, problem: String, fix: &str) -> DomainError {
        DomainError::Format {
            place: self.path.display().to_string(),
            problem,
            fix: fix.to_owned(),
        }
    }

    fn damaged(&self, what: &str) -> impl Fn(ParquetError) -> DomainError {
        let (place, what) = (self.path.display().to_string(), what.to_owned());
        move |error| DomainError::Format {
            place: place.clone(),
            problem: format!("the {what} cannot be read ({})", said(&error)),
            fix: "copy the file again".to_owned(),
        }
    }

    /// Checks that a leaf column is compressed in a way that can be read.
    fn check_codec(&self, leaf: usize) -> Result<(), DomainError> {
        let groups = self.metadata.row_groups().iter();
        let mut codecs = groups.map(|group| group.column(leaf).compression());
        let codec = match codecs.find_map(|codec| match codec {
            Compression::BROTLI(_) => Some("brotli"),
            Compression::LZO => Some("LZO"),
            _ => None,
        }) {
            Some(codec) => codec,
            None => return Ok(()),
        };
        Err(self.bad(
            format!("its columns are compressed with {codec}, which is not supported"),
            "write the file again with zstd or snappy, as in \
             `pyarrow.parquet.write_table(table, path, compression=\"zstd\")`",
        ))
    }

    fn schema(&self) -> &SchemaDescriptor {
        self.metadata.file_metadata().schema_descr()
    }

    /// The leaf column with this path, if it has one value per row.
    fn leaf(&self, path: &[&str]) -> Option<(usize, Physical)> {
        let mut columns = self.schema().columns().iter().enumerate();
        let (leaf, column) = columns.find(|(_, column)| column.path().parts() == path)?;
        (column.max_rep_level() == 0).then(|| (leaf, column.physical_type()))
    }

    fn no_column(&self, key: &str, name: &str) -> DomainError {
        let fields = self.schema().root_schema().get_fields();
        if fields.iter().any(|field| field.name() == name) {
            let holds = match key {
                "image" => "neither images (a struct with `bytes`) nor image bytes",
                _ => "neither whole numbers nor text",
            };
            let problem = format!("column `{name}` contains {holds}");
            return self.bad(
                problem,
                &format!("name another column with `columns: {{{key}: …}}`"),
            );
        }
        let hint = hint(name, fields.iter().map(|field| field.name()));
        self.bad(
            format!("column `{name}` not found"),
            &format!("name the right column with `columns: {{{key}: …}}`{hint}"),
        )
    }

    /// Everything except the images, with `image` and `label` as the names of the columns.
    pub(crate) fn content(&self, image: &str, label: &str) -> Result<Content, DomainError> {
        let (bytes, paths) = match (self.leaf(&[image, "bytes"]), self.leaf(&[image])) {
            (Some((leaf, Physical::BYTE_ARRAY)), _) => (leaf, self.leaf(&[image, "path"])),
            (None, Some((leaf, Physical::BYTE_ARRAY))) => (leaf, None),
            _ => return Err(self.no_column("image", image)),
        };
        for (leaf, _) in [
            Some((bytes, Physical::BYTE_ARRAY)),
            paths,
            self.leaf(&[label]),
        ]
        .into_iter()
        .flatten()
        {
            self.check_codec(leaf)?;
        }
        let rows = self.rows();
        let paths = match paths {
            Some((leaf, Physical::BYTE_ARRAY)) => self.texts(leaf, "column of image paths")?,
            _ => vec![None; rows],
        };
        let what = "column of labels";
        let labels: Vec<Option<Label>> = match self.leaf(&[label]) {
            Some((leaf, Physical::INT64)) => {
                let numbers = self.column::<Int64Type>(leaf).map_err(self.damaged(what))?;
                numbers.into_iter().map(|n| n.map(Label::Number)).collect()
            }
            Some((leaf, Physical::INT32)) => {
                let numbers = self.column::<Int32Type>(leaf).map_err(self.damaged(what))?;
                let numbers = numbers.into_iter();
                numbers
                    .map(|n| n.map(|n| Label::Number(n.into())))
                    .collect()
            }
            Some((leaf, Physical::BYTE_ARRAY)) => {
                let texts = self.texts(leaf, what)?.into_iter();
                texts.map(|text| text.map(Label::Text)).collect()
            }
            _ => return Err(self.no_column("label", label)),
        };
        for (column, length) in [("image paths", paths.len()), ("labels", labels.len())] {
            if length != rows {
                let problem = format!("the file has {rows} rows but {length} {column}");
                return Err(self.bad(problem, "copy it again"));
            }
        }
        Ok(Content {
            images: ImageColumn::of(&self.metadata, bytes),
            paths,
            labels,
            classes: self.class_names(label),
        })
    }

    /// The class of a numbered row.
    pub(crate) fn tag(
        &self,
        row: usize,
        label: i64,
        names: Option<&[String]>,
    ) -> Result<Tag, DomainError> {
        let number = u64::try_from(label).ok();
        let name = match (number, names) {
            (Some(number), None) => return Ok(Tag::number(number)),
            (Some(number), Some(names)) => names.get(number as usize),
            (None, _) => None,
        };
        match (number, name) {
            (Some(number), Some(name)) => Ok(Tag::numbered(number, name)),
            _ => Err(DomainError::Format {
                place: format!("{}: row {row}", self.path.display()),
                problem: match names {
                    Some(names) => {
                        format!(
                            "label {label} is not one of the file's {} classes",
                            names.len()
                        )
                    }
                    None => format!("label {label} is not a class"),
                },
                fix: "use files in which every row has a label".to_owned(),
            }),
        }
    }

    fn rows(&self) -> usize {
        let groups = self.metadata.row_groups().iter();
        groups.map(|group| group.num_rows() as usize).sum()
    }

    /// The values of a leaf column, `None` if a row has no value.
    fn column<T: DataType>(&self, leaf: usize) -> Result<Vec<Option<T::T>>, ParquetError> {
        guarded(|| {
            let mut values = Vec::new();
            for group in self.metadata.row_groups() {
                let rows = group.num_rows() as usize;
                let chunk = group.column(leaf);
                values.extend(some_rows::<T>(&self.file, chunk, rows, 0..rows)?);
            }
            Ok(values)
        })
    }

    fn texts(&self, leaf: usize, what: &str) -> Result<Vec<Option<String>>, DomainError> {
        let values = self
            .column::<ByteArrayType>(leaf)
            .map_err(self.damaged(what))?;
        let bytes: usize = values.iter().flatten().map(ByteArray::len).sum();
        if bytes > MOST_BYTES {
            return Err(self.bad(
                format!("the {what} takes {bytes} bytes, and at most {MOST_BYTES} are read"),
                "name another column",
            ));
        }
        let mut texts = Vec::with_capacity(values.len());
        for (row, value) in values.into_iter().enumerate() {
            let text = value.map(|value| String::from_utf8(value.data().to_vec()));
            texts.push(text.transpose().map_err(|_| DomainError::Format {
                place: format!("{}: row {row}", self.path.display()),
                problem: format!("the {what} contains text that is not UTF-8"),
                fix: "name another column".to_owned(),
            })?);
        }
        Ok(texts)
    }

    /// The names of a `ClassLabel` column, in Hugging Face's metadata.
    fn class_names(&self, label: &str) -> Option<Vec<String>> {
        let metadata = self.metadata.file_metadata().key_value_metadata()?;
        let entry = metadata.iter().find(|entry| entry.key == "huggingface")?;
        let json: serde_json::Value = serde_json::from_str(entry.value.as_deref()?).ok()?;
        let names = json["info"]["features"][label]["names"].as_array()?;
        names
            .iter()
            .map(|name| name.as_str().map(String::from))
            .collect()
    }
}

/// The library's message, in one line.
pub(crate) fn said(error: &ParquetError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
