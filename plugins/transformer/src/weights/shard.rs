//! One memory-mapped safetensors file, whose header is checked against its length before anything
//! is read.

use crate::folder::{named, regular, unreadable};
use clbench_torch::tch::{Kind, TchError, Tensor};
use harness_abi::{Error, Result};
use memmap2::Mmap;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use std::path::{Path, PathBuf};

/// The size of the field before the header that holds the header's length.
const LENGTH: usize = 8;
/// The longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// The supported types of stored weights.
const TYPES: [(Dtype, Kind); 4] = [
    (Dtype::F16, Kind::Half),
    (Dtype::BF16, Kind::BFloat16),
    (Dtype::F32, Kind::Float),
    (Dtype::F64, Kind::Double),
];

/// A file of tensors.
#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    map: Mmap,
    pub(super) metadata: Metadata,
    /// The offset of the tensors' data.
    data: usize,
}

impl Shard {
    pub(super) fn open(path: &Path) -> Result<Shard> {
        let file = regular(path).map_err(|error| unreadable(path, &error))?;
        // SAFETY: the map is only read, and dropped once the model is built. Nothing here writes to
        // the file; if another process changes it meanwhile, the weights are corrupt anyway.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| unreadable(path, &error))?;
        let (header, metadata) =
            header(&map).map_err(|problem| Error::data(problem).context(named(path)))?;
        Ok(Shard {
            path: path.into(),
            map,
            metadata,
            data: LENGTH + header,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// The stored type of a tensor, or a message if it is not supported.
    pub(super) fn stored(info: &TensorInfo) -> Result<Kind, String> {
        let known = TYPES.iter().find(|(dtype, _)| *dtype == info.dtype);
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            format!(
                "has type {}; supported types are {}",
                info.dtype,
                TYPES.map(|(dtype, _)| dtype.to_string()).join(", ")
            )
        })
    }

    /// Copies a tensor of this file in its stored type.
    pub(super) fn read(&self, info: &TensorInfo, kind: Kind) -> Result<Tensor, TchError> {
        let (from, to) = info.data_offsets;
        let shape: Vec<i64> = info.shape.iter().map(|&n| n as i64).collect();
        Tensor::f_from_data_size(&self.map[self.data + from..self.data + to], &shape, kind)
    }
}

/// The header's length and content, after checking that the file has all the data that it
/// describes.
fn header(file: &[u8]) -> Result<(usize, Metadata), String> {
    if file.starts_with(b"version https://git-lfs") {
        return Err("the file is a Git LFS pointer, not the weights; run `git lfs pull`".into());
    }
    let Some((length, rest)) = file.split_first_chunk::<LENGTH>() else {
        return Err(format!(
            "the header is truncated: the file has {} bytes; copy or download it again",
            file.len()
        ));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        return Err("not a safetensors file: it does not start with the length of a header".into());
    }
    let length = length as usize;
    if length > rest.len() {
        return Err(format!(
            "the header is truncated: expected {length} bytes, found {}; copy or download the file again",
            rest.len()
        ));
    }
    let (header, data) = rest.split_at(length);
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|error| format!("the header is invalid: {error}"))?;
    let expected = metadata.data_len();
    if data.len() < expected {
        let whole = |name: &String| {
            metadata
                .info(name)
                .is_some_and(|info| info.data_offsets.1 <= data.len())
        };
        let names = metadata.offset_keys();
        let first = names.iter().find(|name| !whole(name));
        return Err(format!(
            "the data are truncated: expected {expected} bytes, found {}, so tensor `{}` is incomplete; copy or download \
             the file again",
            data.len(),
            first.map_or("", String::as_str)
        ));
    }
    if data.len() > expected {
        return Err(format!(
            "the file has {} bytes of data more than its header describes; copy or download it again",
            data.len() - expected
        ));
    }
    Ok((length, metadata))
}
