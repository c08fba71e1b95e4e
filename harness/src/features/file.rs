//! One feature file: written block by block, by one process or by several, each its own rows; read
//! through a memory map.

use super::{Block, FeatureKey};
use crate::atomic::PendingFile;
use crate::domain::ContentDigest;
use crate::regular_file;
use harness_abi::{DType, Device, Tensor};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"CLBFEAT1";
/// The data begins on a page boundary.
const HEADER_BYTES: usize = 4096;

#[derive(Serialize, Deserialize)]
struct Header {
    key: FeatureKey,
    /// Values per sample, if the key does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    /// BLAKE3 of the data.
    data_hash: String,
}

/// The features of a domain's samples: f32 `[rows, width]`, train before test.
#[derive(Debug, Clone)]
pub struct Features {
    map: Arc<Mmap>,
    rows: usize,
    width: usize,
}

impl Features {
    /// Opens a file and checks all of it. The error says what is wrong with it.
    pub(super) fn open(path: &Path, key: &FeatureKey) -> Result<Features, String> {
        let file = regular_file::open(path).map_err(|error| error.to_string())?;
        // SAFETY: a file of the store is never written in place: it is created under another name,
        // renamed when complete, and only replaced or removed by name, so mapped data never
        // changes.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| error.to_string())?;
        let header = map.get(..HEADER_BYTES).ok_or("its header is truncated")?;
        let header = header
            .strip_prefix(MAGIC)
            .ok_or("it does not begin like a feature file")?;
        let end = header
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(header.len());
        let header: Header = serde_json::from_slice(&header[..end])
            .map_err(|error| format!("its header cannot be read ({error})"))?;
        if header.key != *key {
            return Err("it belongs to a different key".into());
        }
        let width = key.width.or(header.width);
        let width = width.ok_or("its header lacks the row width")?;
        let data = &map[HEADER_BYTES..];
        // The width is the file's own word, so the product may be anything.
        let values = key.rows.checked_mul(width);
        let expected = values.and_then(|values| values.checked_mul(size_of::<f32>()));
        if expected != Some(data.len()) {
            let expected =
                expected.map_or("more than 2⁶⁴".to_owned(), |bytes| bytes.to_string());
            return Err(format!(
                "it should have {expected} bytes of data, but has {}",
                data.len()
            ));
        }
        if blake3::hash(data).to_hex().as_str() != header.data_hash {
            return Err("its data does not match the hash in its header".into());
        }
        Ok(Features {
            rows: key.rows,
            width,
            map: Arc::new(map),
        })
    }

    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values per sample.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All rows, one after another.
    pub fn data(&self) -> &[f32] {
        let data = &self.map[HEADER_BYTES..];
        // SAFETY: the map starts on a page and the header is one page, so the data is aligned; its
        // length was checked when the file was opened; every bit pattern is a valid f32.
        unsafe { slice::from_raw_parts(data.as_ptr().cast(), self.rows * self.width) }
    }

    /// One sample's features.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data()[row * self.width..][..self.width]
    }

    /// Some rows as an f32 tensor `[rows, width]`; consecutive rows are not copied.
    ///
    /// # Panics
    ///
    /// If a row does not exist.
    pub fn tensor(&self, rows: &[usize]) -> Tensor {
        let shape = [rows.len() as i64, self.width as i64];
        let consecutive = rows.windows(2).all(|pair| pair[1] == pair[0] + 1);
        match rows {
            [first, ..] if consecutive => {
                let data = &self.data()[first * self.width..(first + rows.len()) * self.width];
                let pointer = data.as_ptr().cast_mut().cast();
                // SAFETY: the map owns the rows, does not move, and lives as long as the tensor.
                let tensor = unsafe {
                    Tensor::from_owner(
                        self.map.clone(),
                        pointer,
                        Device::CPU,
                        DType::F32,
                        &shape,
                        None,
                    )
                };
                tensor.marked_read_only()
            }
            _ => {
                let mut values = Vec::with_capacity(rows.len() * self.width);
                for &row in rows {
                    values.extend_from_slice(self.row(row));
                }
                Tensor::from_vec(values, &shape).expect("rows of one width")
            }
        }
    }
}

/// A file that is being written. If dropped before it is finished, it is removed. Its rows are
/// written by [`RowWriter`]s, which may be in several processes.
pub struct FeatureWriter {
    file: PendingFile,
    base: PathBuf,
    key: FeatureKey,
}

impl FeatureWriter {
    /// `base` is what the file's temporary name begins with.
    pub(super) fn create(base: &Path, key: &FeatureKey) -> io::Result<Self> {
        Ok(FeatureWriter {
            file: PendingFile::create(base)?,
            base: base.to_owned(),
            key: key.clone(),
        })
    }

    /// What it is to contain.
    pub fn key(&self) -> &FeatureKey {
        &self.key
    }

    /// Where to write its rows.
    pub fn path(&self) -> &Path {
        self.file.temporary_path()
    }

    /// Another temporary file for the same work. If this process is killed, it is removed together
    /// with this one.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub fn scratch(&self) -> io::Result<PendingFile> {
        PendingFile::create(&self.base)
    }

    /// Writes the header, once all rows are written, and renames the file to its final name, which
    /// the content is part of.
    pub(super) fn finish(mut self, content: &ContentDigest, path: &Path) -> io::Result<()> {
        // Read again, since others may have written it.
        let mut data = self.file.handle()?;
        data.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
        let mut hash = blake3::Hasher::new();
        hash.update_reader(&mut data)?;
        let values = hash.count() as usize / size_of::<f32>();
        let width = self.key.width.unwrap_or(values / self.key.rows.max(1));
        if values != self.key.rows * width {
            return Err(io::Error::other("rows are missing"));
        }
        let header = serde_json::to_vec(&Header {
            width: self.key.width.is_none().then_some(width),
            key: self.key.of_content(content),
            data_hash: hash.finalize().to_hex().to_string(),
        })?;
        if MAGIC.len() + header.len() > HEADER_BYTES {
            return Err(io::Error::other(
                "the feature key does not fit in the header",
            ));
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(MAGIC)?;
        self.file.write_all(&header)?;
        self.file.commit_to(path)
    }
}

/// Writes consecutive rows of a feature file.
pub struct RowWriter {
    file: BufWriter<File>,
    first: usize,
    /// The width of the rows, once it is known.
    width: Option<usize>,
}

impl RowWriter {
    /// `path` is that of a [`FeatureWriter`], and `first` the row to begin with.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn open(path: &Path, first: usize) -> io::Result<RowWriter> {
        let file = File::options().write(true).open(path)?;
        Ok(RowWriter {
            file: BufWriter::with_capacity(1 << 20, file),
            first,
            width: None,
        })
    }

    /// Writes the rows of a block after those that were written before.
    ///
    /// # Errors
    ///
    /// If the disk is full, or the file cannot be written to.
    ///
    /// # Panics
    ///
    /// If the block has another width than those before.
    pub fn push(&mut self, block: &Block) -> io::Result<()> {
        if self.width.is_none() {
            let offset = HEADER_BYTES + self.first * block.width * size_of::<f32>();
            self.file.seek(SeekFrom::Start(offset as u64))?;
        }
        let width = *self.width.get_or_insert(block.width);
        assert_eq!(block.width, width, "all rows are of one width");
        let values = block.values.as_slice();
        // SAFETY: every f32 is four initialised bytes.
        let bytes =
            unsafe { slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) };
        self.file.write_all(bytes)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
