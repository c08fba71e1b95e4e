//! The column of image bytes in a file, and the blocks in which it is read.
//!
//! What is needed of the footer is kept, since a footer grows with its file: a file of a million
//! rows may have ten thousand row groups, and reading its footer for every block of rows would take
//! longer than reading the images.

use super::chunk::some_rows;
use super::guard::guarded;
use ::parquet::data_type::{ByteArray, ByteArrayType};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// A block has at most as many rows as contain this many bytes of images on average.
const BLOCK_BYTES: i64 = 16 << 20;

/// The most bytes of images in a block, and of texts in a column.
pub(super) const MOST_BYTES: usize = 1 << 30;

/// The column of image bytes of a file.
pub(super) struct ImageColumn {
    /// By row group: its part of the column, and its number of rows.
    chunks: Vec<(ColumnChunkMetaData, usize)>,
    /// All rows.
    blocks: Vec<Block>,
}

/// Neighbouring rows that are read together.
#[derive(Debug)]
pub(super) struct Block {
    /// The first row, counted from the start of the file.
    pub(super) first: usize,
    group: usize,
    /// Counted from the start of the group.
    pub(super) rows: Range<usize>,
}

/// The images of a block; a row may have none.
pub(super) type Images = Vec<Option<Vec<u8>>>;

impl ImageColumn {
    /// The leaf column with this number.
    pub(super) fn of(file: &ParquetMetaData, leaf: usize) -> Self {
        let groups = file.row_groups().iter();
        let chunk = |chunk: &ColumnChunkMetaData| {
            // They may hold whole images, the smallest and the largest.
            chunk.clone().into_builder().clear_statistics().build()
        };
        let chunks: Vec<_> = groups
            .map(|group| {
                let column = group.column(leaf);
                // What has been built once can be built again.
                let kept = chunk(column).unwrap_or_else(|_| column.clone());
                (kept, group.num_rows() as usize)
            })
            .collect();
        Self {
            blocks: blocks(&chunks),
            chunks,
        }
    }

    /// The number of the block that contains a row of the file.
    pub(super) fn block_of(&self, row: usize) -> usize {
        self.blocks.partition_point(|block| block.first <= row) - 1
    }

    /// The block with this number.
    pub(super) fn block(&self, number: usize) -> &Block {
        &self.blocks[number]
    }

    /// The images of a block, copied out of their shared pages.
    pub(super) fn images(&self, file: File, block: &Block) -> Result<Images, ParquetError> {
        let (chunk, total) = &self.chunks[block.group];
        let rows = block.rows.clone();
        let values = guarded(|| some_rows::<ByteArrayType>(&Arc::new(file), chunk, *total, rows))?;
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

/// All rows, cut into blocks.
fn blocks(chunks: &[(ColumnChunkMetaData, usize)]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut first = 0;
    for (group, (chunk, rows)) in chunks.iter().enumerate() {
        let bytes = chunk.uncompressed_size().max(1);
        let most = (*rows as i64).saturating_mul(BLOCK_BYTES) / bytes;
        let most = (most.max(1) as usize).min((*rows).max(1));
        for start in (0..*rows).step_by(most) {
            blocks.push(Block {
                first: first + start,
                group,
                rows: start..(start + most).min(*rows),
            });
        }
        first += rows;
    }
    blocks
}
