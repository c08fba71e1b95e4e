//! One parquet file: its columns, its labels, and the blocks in which its images are read.

use super::guard::guarded;
use super::pages;
use crate::domain::classes::tag::Tag;
use crate::domain::error::DomainError;
use crate::domain::file::unreadable;
use crate::regular_file;
use crate::suggest::hint;
use ::parquet::basic::{Compression, Type as Physical};
use ::parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use ::parquet::schema::types::SchemaDescriptor;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// A block has at most as many rows as contain this many bytes of images on average.
const BLOCK_BYTES: i64 = 16 << 20;

/// The most bytes of images in a block, and of texts in a column.
const MOST_BYTES: usize = 1 << 30;

/// A parquet file with its footer read.
pub(crate) struct Opened<'a> {
    path: &'a Path,
    file: File,
    reader: SerializedFileReader<File>,
}

/// Everything in a file except the images.
pub(crate) struct Content {
    /// The leaf column of the image bytes.
    pub(crate) bytes: usize,
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
        let again = file.try_clone().map_err(unreadable(path))?;
        let reader =
            guarded(|| SerializedFileReader::new(again)).map_err(|error| DomainError::Format {
                place: path.display().to_string(),
                problem: format!("not a parquet file, or truncated ({})", said(&error)),
                fix: "copy it again".to_owned(),
            })?;
        let opened = Self { path, file, reader };
        // An image takes more than one byte.
        let groups = opened.reader.metadata().row_groups().iter();
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
        let groups = self.reader.metadata().row_groups().iter();
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
        self.reader.metadata().file_metadata().schema_descr()
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
            bytes,
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
        let groups = self.reader.metadata().row_groups().iter();
        groups.map(|group| group.num_rows() as usize).sum()
    }

    /// All rows, cut into blocks.
    pub(crate) fn blocks(&self, leaf: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut first = 0;
        for (number, group) in self.reader.metadata().row_groups().iter().enumerate() {
            let rows = group.num_rows() as usize;
            let bytes = group.column(leaf).uncompressed_size().max(1);
            let most = (rows as i64).saturating_mul(BLOCK_BYTES) / bytes;
            let most = (most.max(1) as usize).min(rows.max(1));
            for start in (0..rows).step_by(most) {
                blocks.push(Block {
                    first: first + start,
                    group: number,
                    rows: start..(start + most).min(rows),
                });
            }
            first += rows;
        }
        blocks
    }

    /// The values of a leaf column, `None` if a row has no value.
    fn column<T: DataType>(&self, leaf: usize) -> Result<Vec<Option<T::T>>, ParquetError> {
        guarded(|| {
            let mut values = Vec::new();
            for group in 0..self.reader.num_row_groups() {
                let group = self.reader.get_row_group(group)?;
                let rows = group.metadata().num_rows() as usize;
                values.extend(some_rows::<T>(&self.file, &*group, leaf, 0..rows)?);
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
        let metadata = self
            .reader
            .metadata()
            .file_metadata()
            .key_value_metadata()?;
        let entry = metadata.iter().find(|entry| entry.key == "huggingface")?;
        let json: serde_json::Value = serde_json::from_str(entry.value.as_deref()?).ok()?;
        let names = json["info"]["features"][label]["names"].as_array()?;
        names
            .iter()
            .map(|name| name.as_str().map(String::from))
            .collect()
    }

    /// The image bytes of a block, copied out of their shared pages.
    pub(crate) fn images(
        &self,
        leaf: usize,
        block: &Block,
    ) -> Result<Vec<Option<Vec<u8>>>, ParquetError> {
        let values = guarded(|| {
            let group = self.reader.get_row_group(block.group)?;
            some_rows::<ByteArrayType>(&self.file, &*group, leaf, block.rows.clone())
        })?;
        // Many rows can repeat one value of a dictionary.
        let bytes: usize = values.iter().flatten().map(ByteArray::len).sum();
        if bytes > MOST_BYTES {
            let message = format!("they take {bytes} bytes, and at most {MOST_BYTES} are read");
            return Err(ParquetError::General(message));
        }
        let copied = |value: Option<ByteArray>| value.map(|value| value.data().to_vec());
        Ok(values.into_iter().map(copied).collect())
    }
}

/// Some rows of a row group's column, `None` if a row has no value.
fn some_rows<T: DataType>(
    file: &File,
    group: &dyn RowGroupReader,
    leaf: usize,
    rows: Range<usize>,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    let chunk = group.metadata().column(leaf);
    let start = chunk
        .dictionary_page_offset()
        .unwrap_or(chunk.data_page_offset());
    pages::check(file, start, chunk.compressed_size()).map_err(ParquetError::General)?;
    let mut column: ColumnReaderImpl<T> = get_typed_column_reader(group.get_column_reader(leaf)?);
    let skipped = column.skip_records(rows.start)?;
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let wanted = rows.len();
    let (read, ..) = column.read_records(wanted, Some(&mut levels), None, &mut values)?;
    if skipped < rows.start || read < wanted {
        let there = skipped + read;
        let message = format!("the row group ends after {there} rows");
        return Err(ParquetError::EOF(message));
    }
    // A row has a value if nothing on the path to the leaf is null: neither the column itself nor
    // any struct that it is nested in.
    let defined = group.metadata().column(leaf).column_descr().max_def_level();
    if defined == 0 {
        // Nothing can be null, so no levels are written.
        return Ok(values.into_iter().map(Some).collect());
    }
    let mut values = values.into_iter();
    let value = |level| {
        if level == defined {
            values.next()
        } else {
            None
        }
    };
    Ok(levels.into_iter().map(value).collect())
}

/// The library's message, in one line.
pub(crate) fn said(error: &ParquetError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Neighbouring rows that are read together.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The first row, counted from the start of the file.
    pub(crate) first: usize,
    group: usize,
    /// Counted from the start of the group.
    pub(crate) rows: Range<usize>,
}

#[cfg(test)]
mod tests;
