//! `model.safetensors`: a model's tensors, read out of a memory map.
//!
//! The file is mapped, its header is checked against its length before anything is read, and each tensor is copied once, to
//! the device and in the type that is computed with. What the model does not ask for (`*.position_ids` of early files, say)
//! is never touched.

use crate::folder::{named, unreadable};
use crate::source::Source;
use clbench_torch::During;
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::{Error, Result};
use memmap2::Mmap;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
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

/// A file of weights.
#[derive(Debug)]
pub struct Weights {
    path: PathBuf,
    map: Mmap,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    data: usize,
    kind: Kind,
    device: Device,
    /// What says which shape a tensor has.
    shaped_by: &'static str,
}

impl Weights {
    /// Maps the file and checks that it is whole. As a [`Source`] it gives tensors of `kind` on `device`; a scalar stays in
    /// f32, since it is read as a number and not computed with.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name, if it cannot be read, is no safetensors
    /// file, or is cut short.
    pub fn open(path: &Path, kind: Kind, device: Device) -> Result<Weights> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        // SAFETY: the map is only read, and dropped once the model is made. Nothing here writes to the file; a file of
        // weights that somebody else changes during that time is damaged in any case.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| unreadable(path, &error))?;
        let (header, metadata) =
            header(&map).map_err(|problem| Error::data(problem).context(named(path)))?;
        Ok(Weights {
            path: path.into(),
            map,
            metadata,
            data: LENGTH + header,
            kind,
            device,
            shaped_by: "the configuration",
        })
    }

    /// Names what the shapes that are asked for follow from, where that is not the configuration: it is what an error
    /// points to.
    #[must_use]
    pub fn shaped_by(mut self, what: &'static str) -> Weights {
        self.shaped_by = what;
        self
    }

    /// The names of all tensors, in alphabetical order.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.metadata.offset_keys();
        names.sort_unstable();
        names
    }

    /// The shape of a tensor, if there is one of that name.
    pub fn shape(&self, name: &str) -> Option<Vec<i64>> {
        let info = self.metadata.info(name)?;
        Some(info.shape.iter().map(|&n| n as i64).collect())
    }

    /// The error for a tensor, with the file's name.
    pub fn wrong(&self, name: &str, problem: &str) -> Error {
        Error::data(format!("tensor `{name}` {problem}")).context(named(&self.path))
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }
}

impl Source for Weights {
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let wrong = |problem: &str| self.wrong(name, problem);
        let expected = format!("by {} it has shape {shape:?}", self.shaped_by);
        let Some(info) = self.metadata.info(name) else {
            return Err(wrong(&format!("is missing; {expected}")));
        };
        if self.shape(name).as_deref() != Some(shape) {
            return Err(wrong(&format!("has shape {:?}; {expected}", info.shape)));
        }
        let Some((_, stored)) = TYPES.iter().find(|(dtype, _)| *dtype == info.dtype) else {
            return Err(wrong(&format!(
                "is of {}; weights are of {}",
                info.dtype,
                TYPES.map(|(dtype, _)| dtype.to_string()).join(", ")
            )));
        };
        let (from, to) = info.data_offsets;
        let bytes = &self.map[self.data + from..self.data + to];
        let kind = if shape.is_empty() {
            Kind::Float
        } else {
            self.kind
        };
        Tensor::f_from_data_size(bytes, shape, *stored)
            .and_then(|tensor| tensor.f_to_device(self.device))
            .and_then(|tensor| tensor.f_to_kind(kind))
            .during(&format!("reading tensor `{name}`"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::ErrorCode;
    use serde_json::json;
    use tempfile::TempDir;

    /// A file of that header and so many bytes of data: 0, 1, 2, …
    fn written(header: &str, data: usize) -> Vec<u8> {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend((0..data).map(|byte| byte as u8));
        file
    }

    fn opened(bytes: &[u8]) -> (TempDir, Result<Weights>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, bytes).unwrap();
        let weights = Weights::open(&path, Kind::Float, Device::Cpu);
        (folder, weights)
    }

    fn message(folder: &TempDir, error: Error) -> String {
        assert_eq!(error.code(), ErrorCode::DATA, "{error}");
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "tiny")
    }

    const TWO: &str = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[1,2],"data_offsets":[8,24]}}"#;

    #[test]
    fn a_damaged_file_is_named_with_what_is_wrong() {
        let whole = written(TWO, 24);
        let refused = |bytes: &[u8]| {
            let (folder, weights) = opened(bytes);
            message(&folder, weights.unwrap_err())
        };
        let header = TWO.len();
        for (bytes, expected) in [
            (&b""[..], "its header is cut short: the file has 0 bytes".to_owned()),
            (&whole[..7], "its header is cut short: the file has 7 bytes".into()),
            (
                &whole[..60],
                format!("its header is cut short: it has {header} bytes, of which 52 are there"),
            ),
            (
                &whole[..8 + header + 9],
                "its data are cut short: by its header they have 24 bytes, of which 9 are there; tensor `b` is the first \
                 that is not whole"
                    .into(),
            ),
            (
                &[&whole[..], b"\0"].concat(),
                "its data have 25 bytes, 1 more than its header speaks of".into(),
            ),
            (
                b"\x80\x02}q\0(X\x05\0\0\0",
                "it is not a safetensors file: it does not begin with the length of a header".into(),
            ),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
                "it is a pointer of Git LFS, not the weights; `git lfs pull` fetches them".into(),
            ),
            (
                &written("{\"a\": 1}", 0),
                "its header is damaged: invalid type: integer `1`, expected struct TensorInfo at line 1 column 8".into(),
            ),
            (
                &written(&TWO.replace("[8,24]", "[9,25]"), 25),
                "its header is damaged: invalid offset for tensor `b`".into(),
            ),
        ] {
            assert_eq!(refused(bytes), format!("tiny/model.safetensors: {expected}"));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let error = Weights::open(&path, Kind::Float, Device::Cpu).unwrap_err();
        assert_eq!(
            message(&folder, error),
            "tiny/model.safetensors: there is no such file"
        );
    }

    #[test]
    fn a_tensor_that_does_not_fit_is_named() {
        let (folder, weights) = opened(&written(TWO, 24));
        let mut weights = weights.unwrap();
        let mut refused =
            |name, shape: &[i64]| message(&folder, weights.tensor(name, shape).unwrap_err());
        assert_eq!(
            refused("c", &[4, 2]),
            "tiny/model.safetensors: tensor `c` is missing; by the configuration it has shape [4, 2]"
        );
        assert_eq!(
            refused("a", &[2, 1]),
            "tiny/model.safetensors: tensor `a` has shape [2]; by the configuration it has shape [2, 1]"
        );
        assert_eq!(
            refused("b", &[1, 2]),
            "tiny/model.safetensors: tensor `b` is of I64; weights are of F16, BF16, F32, F64"
        );
    }

    #[test]
    fn every_type_is_read_wherever_its_bytes_lie() {
        // The length of the header leaves every tensor at an odd address.
        let values = [1.5_f32, -2.0];
        let types = [("F64", 8), ("F16", 2), ("BF16", 2), ("F32", 4)];
        let mut data = Vec::new();
        let mut header = json!({});
        for (dtype, size) in types {
            let from = data.len();
            for value in values {
                let bits = value.to_bits();
                match dtype {
                    "F64" => data.extend(f64::from(value).to_le_bytes()),
                    "F16" => {
                        data.extend(if value > 0.0 { 0x3e00_u16 } else { 0xc000 }.to_le_bytes())
                    }
                    "BF16" => data.extend(((bits >> 16) as u16).to_le_bytes()),
                    _ => data.extend(value.to_le_bytes()),
                }
            }
            header[dtype] =
                json!({ "dtype": dtype, "shape": [2], "data_offsets": [from, from + 2 * size] });
        }
        let mut header = header.to_string();
        while header.len().is_multiple_of(2) {
            header.push(' ');
        }
        let mut file = written(&header, 0);
        file.extend(data);
        let (folder, weights) = opened(&file);
        let mut single = weights.unwrap();
        let path = folder.path().join("model.safetensors");
        let mut half = Weights::open(&path, Kind::BFloat16, Device::Cpu).unwrap();
        for (dtype, _) in types {
            let tensor = single.tensor(dtype, &[2]).unwrap();
            assert_eq!(Vec::<f32>::try_from(tensor).unwrap(), values, "{dtype}");
            assert_eq!(half.tensor(dtype, &[2]).unwrap().kind(), Kind::BFloat16);
        }
    }
}
