//! Some rows of a column chunk: the part of a column that is in one row group.

use super::pages;
use ::parquet::column::reader::ColumnReaderImpl;
use ::parquet::data_type::DataType;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::serialized_reader::SerializedPageReader;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// The values of some rows, counted from the start of the row group, which has `total` rows; `None`
/// if a row has no value.
pub(super) fn some_rows<T: DataType>(
    file: &Arc<File>,
    chunk: &ColumnChunkMetaData,
    total: usize,
    rows: Range<usize>,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    let start = chunk
        .dictionary_page_offset()
        .unwrap_or(chunk.data_page_offset());
    pages::check(file, start, chunk.compressed_size()).map_err(ParquetError::General)?;
    let pages = SerializedPageReader::new(Arc::clone(file), chunk, total, None)?;
    let mut column = ColumnReaderImpl::<T>::new(chunk.column_descr_ptr(), Box::new(pages));
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
    let defined = chunk.column_descr().max_def_level();
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
