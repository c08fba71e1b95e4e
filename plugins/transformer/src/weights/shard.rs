//! One safetensors file, mapped: its header is checked against its length before anything is read.

use crate::folder::{named, unreadable};
use clbench_torch::tch::{Kind, TchError, Tensor};
use harness_abi::{Error, Result};
use memmap2::Mmap;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The bytes before the header, which say how long it is.
const LENGTH: usize = 8;
/// The longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// The types that weights are stored in.
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
    /// Where the tensors' bytes begin.
    data: usize,
}

impl Shard {
    pub(super) fn open(path: &Path) -> Result<Shard> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        // SAFETY: the map is only read, and dropped once the model is made. Nothing here writes to the file; a file of
        // weights that somebody else changes during that time is damaged in any case.
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

    /// The type in which a tensor is stored, if it is one that weights have; else what it is.
    pub(super) fn stored(info: &TensorInfo) -> Result<Kind, String> {
        let known = TYPES.iter().find(|(dtype, _)| *dtype == info.dtype);
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            format!(
                "is of {}; weights are of {}",
                info.dtype,
                TYPES.map(|(dtype, _)| dtype.to_string()).join(", ")
            )
        })
    }

    /// A copy of a tensor of this file, as it is stored.
    pub(super) fn read(&self, info: &TensorInfo, kind: Kind) -> Result<Tensor, TchError> {
        let (from, to) = info.data_offsets;
        let shape: Vec<i64> = info.shape.iter().map(|&n| n as i64).collect();
        Tensor::f_from_data_size(&self.map[self.data + from..self.data + to], &shape, kind)
    }
}

/// The header's length and what it says, once it is sure that the file has all the bytes that it speaks of.
fn header(file: &[u8]) -> Result<(usize, Metadata), String> {
    if file.starts_with(b"version https://git-lfs") {
        return Err(
            "it is a pointer of Git LFS, not the weights; `git lfs pull` fetches them".into(),
        );
    }
    let Some((length, rest)) = file.split_first_chunk::<LENGTH>() else {
        return Err(format!(
            "its header is cut short: the file has {} bytes",
            file.len()
        ));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        return Err(
            "it is not a safetensors file: it does not begin with the length of a header".into(),
        );
    }
    let length = length as usize;
    if length > rest.len() {
        return Err(format!(
            "its header is cut short: it has {length} bytes, of which {} are there",
            rest.len()
        ));
    }
    let (header, data) = rest.split_at(length);
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|error| format!("its header is damaged: {error}"))?;
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
            "its data are cut short: by its header they have {expected} bytes, of which {} are there; tensor `{}` is the \
             first that is not whole",
            data.len(),
            first.map_or("", String::as_str)
        ));
    }
    if data.len() > expected {
        return Err(format!(
            "its data have {} bytes, {} more than its header speaks of",
            data.len(),
            data.len() - expected
        ));
    }
    Ok((length, metadata))
}
