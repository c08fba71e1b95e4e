//! A model's tensors, read from memory-mapped safetensors: one file, or several with an index.
//!
//! Each file is mapped, and its header is checked against its length before anything is read. Each
//! tensor is copied once, to the model's device and type. Which tensors were read is kept, so that
//! a file of another model can be told by those that were not.

mod shard;

use crate::folder::{named, read_text};
use crate::source::Source;
use clbench_torch::During;
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::{Error, Result};
use safetensors::tensor::TensorInfo;
use serde::Deserialize;
use shard::Shard;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A model's weights.
#[derive(Debug)]
pub struct Weights {
    /// The single file, or the index of several.
    path: PathBuf,
    shards: Vec<Shard>,
    /// The shard of each tensor, if there is an index.
    index: Option<BTreeMap<String, usize>>,
    kind: Kind,
    device: Device,
    /// The names of the tensors that were read.
    used: BTreeSet<String>,
    /// What determines the expected shapes, for error messages.
    shaped_by: &'static str,
}

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Maps a single file and checks that it is complete. As a [`Source`] it returns tensors of
    /// type `kind` on `device`; scalars stay f32, because they are read as numbers.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name, if the file
    /// cannot be read, is not a safetensors file, or is truncated.
    pub fn open(path: &Path, kind: Kind, device: Device) -> Result<Weights> {
        Ok(Weights {
            path: path.into(),
            shards: vec![Shard::open(path)?],
            index: None,
            kind,
            device,
            used: BTreeSet::new(),
            shaped_by: "the configuration",
        })
    }

    /// Maps all files named by an index, which must be in the same folder.
    ///
    /// # Errors
    ///
    /// As for [`Weights::open`], for the index and each of its files.
    pub fn open_sharded(index: &Path, kind: Kind, device: Device) -> Result<Weights> {
        let wrong = |problem: String| Error::data(problem).context(named(index));
        let Index { weight_map } = serde_json::from_str(&read_text(index)?)
            .map_err(|error| wrong(format!("not an index of safetensors files: {error}")))?;
        let names: BTreeSet<&String> = weight_map.values().collect();
        let mut shards = Vec::with_capacity(names.len());
        for name in &names {
            // Only plain names, so that nothing outside the folder is read.
            if Path::new(name).file_name() != Some(name.as_ref()) {
                return Err(wrong(format!(
                    "`weight_map` names `{name}`; use plain names of files beside the index"
                )));
            }
            let path = index.with_file_name(name);
            if !path.is_file() {
                return Err(wrong(format!(
                    "{name}, one of {} files in `weight_map`, is missing beside the index; download it too",
                    names.len()
                )));
            }
            shards.push(Shard::open(&path)?);
        }
        let place: BTreeMap<&String, usize> = names.iter().copied().zip(0..).collect();
        let index_of = |(tensor, shard): (&String, &String)| (tensor.clone(), place[shard]);
        Ok(Weights {
            path: index.into(),
            index: Some(weight_map.iter().map(index_of).collect()),
            shards,
            kind,
            device,
            used: BTreeSet::new(),
            shaped_by: "the configuration",
        })
    }

    /// Sets what determines the expected shapes in error messages, if not the configuration.
    #[must_use]
    pub fn shaped_by(mut self, what: &'static str) -> Weights {
        self.shaped_by = what;
        self
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> Vec<String> {
        if let Some(index) = &self.index {
            return index.keys().cloned().collect();
        }
        let of = |shard: &Shard| shard.metadata.offset_keys();
        let mut names: Vec<String> = self.shards.iter().flat_map(of).collect();
        names.sort_unstable();
        names
    }

    /// The shape of a tensor, if it exists.
    pub fn shape(&self, name: &str) -> Option<Vec<i64>> {
        let (_, info) = self.find(name)?;
        Some(info.shape.iter().map(|&n| n as i64).collect())
    }

    fn find(&self, name: &str) -> Option<(&Shard, &TensorInfo)> {
        let shard = self.shard(name)?;
        Some((shard, shard.metadata.info(name)?))
    }

    /// The file of a tensor, by the index if there is one.
    fn shard(&self, name: &str) -> Option<&Shard> {
        match &self.index {
            Some(index) => self.shards.get(*index.get(name)?),
            None => self.shards.first(),
        }
    }

    /// An error about a tensor, with the file's name.
    pub fn wrong(&self, name: &str, problem: &str) -> Error {
        let path = self.shard(name).map_or(self.path.as_path(), Shard::path);
        Error::data(format!("tensor `{name}` {problem}")).context(named(path))
    }

    /// Checks that the model read every tensor, except those that are known to be `harmless`.
    /// Others mean that the file is of another model, which the configuration does not describe.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA), the file's name and the first
    /// tensors that were not read.
    pub fn expect_used(&self, harmless: impl Fn(&str) -> bool) -> Result<()> {
        const SHOWN: usize = 3;
        let is_unused = |name: &String| !self.used.contains(name) && !harmless(name);
        let unused: Vec<String> = self.names().into_iter().filter(is_unused).collect();
        let shown: Vec<String> = (unused.iter().take(SHOWN))
            .map(|name| format!("`{name}`"))
            .collect();
        let (what, shown) = match unused.len() {
            0 => return Ok(()),
            1 => ("one tensor is".to_owned(), shown.concat()),
            n if n <= SHOWN => (format!("{n} tensors are"), shown.join(", ")),
            n => {
                let more = n - SHOWN;
                (
                    format!("{n} tensors are"),
                    format!("{} and {more} more", shown.join(", ")),
                )
            }
        };
        Err(Error::data(format!(
            "{what} not part of the model that {} describes: {shown}; take all files from one folder, and \
             check that it holds a model that this backbone reads",
            self.shaped_by
        ))
        .context(named(&self.path)))
    }

    /// The bytes of each file, in the order of file names.
    pub fn files(&self) -> impl Iterator<Item = &[u8]> {
        self.shards.iter().map(Shard::bytes)
    }
}

impl Source for Weights {
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.used.insert(name.to_owned());
        let wrong = |problem: &str| self.wrong(name, problem);
        let expected = format!("expected shape {shape:?} according to {}", self.shaped_by);
        let Some((shard, info)) = self.find(name) else {
            return Err(wrong(&format!("is missing; {expected}")));
        };
        if self.shape(name).as_deref() != Some(shape) {
            return Err(wrong(&format!("has shape {:?}; {expected}", info.shape)));
        }
        let stored = Shard::stored(info).map_err(|problem| wrong(&problem))?;
        let kind = if shape.is_empty() {
            Kind::Float
        } else {
            self.kind
        };
        shard
            .read(info, stored)
            .and_then(|tensor| tensor.f_to_device(self.device))
            .and_then(|tensor| tensor.f_to_kind(kind))
            .during(&format!("reading tensor `{name}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::ErrorCode;
    use serde_json::json;
    use tempfile::TempDir;

    /// A file with this header and `data` bytes of data: 0, 1, 2, …
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
    fn damaged_files_are_errors_that_say_what_is_wrong() {
        let whole = written(TWO, 24);
        let refused = |bytes: &[u8]| {
            let (folder, weights) = opened(bytes);
            message(&folder, weights.unwrap_err())
        };
        let header = TWO.len();
        for (bytes, expected) in [
            (&b""[..], "the header is truncated: the file has 0 bytes; copy or download it again".to_owned()),
            (&whole[..7], "the header is truncated: the file has 7 bytes; copy or download it again".into()),
            (
                &whole[..60],
                format!("the header is truncated: expected {header} bytes, found 52; copy or download the file again"),
            ),
            (
                &whole[..8 + header + 9],
                "the data are truncated: expected 24 bytes, found 9, so tensor `b` is incomplete; copy or download the \
                 file again"
                    .into(),
            ),
            (
                &[&whole[..], b"\0"].concat(),
                "the file has 1 bytes of data more than its header describes; copy or download it again".into(),
            ),
            (
                b"\x80\x02}q\0(X\x05\0\0\0",
                "not a safetensors file: it does not start with the length of a header".into(),
            ),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
                "the file is a Git LFS pointer, not the weights; run `git lfs pull`".into(),
            ),
            (
                &written("{\"a\": 1}", 0),
                "the header is invalid: invalid type: integer `1`, expected struct TensorInfo at line 1 column 8".into(),
            ),
            (
                &written(&TWO.replace("[8,24]", "[9,25]"), 25),
                "the header is invalid: invalid offset for tensor `b`".into(),
            ),
        ] {
            assert_eq!(refused(bytes), format!("tiny/model.safetensors: {expected}"));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let error = Weights::open(&path, Kind::Float, Device::Cpu).unwrap_err();
        assert_eq!(
            message(&folder, error),
            "tiny/model.safetensors: no such file"
        );
    }

    #[test]
    fn missing_and_misshapen_tensors_are_named() {
        let (folder, weights) = opened(&written(TWO, 24));
        let mut weights = weights.unwrap();
        let mut refused =
            |name, shape: &[i64]| message(&folder, weights.tensor(name, shape).unwrap_err());
        assert_eq!(
            refused("c", &[4, 2]),
            "tiny/model.safetensors: tensor `c` is missing; expected shape [4, 2] according to the configuration"
        );
        assert_eq!(
            refused("a", &[2, 1]),
            "tiny/model.safetensors: tensor `a` has shape [2]; expected shape [2, 1] according to the configuration"
        );
        assert_eq!(
            refused("b", &[1, 2]),
            "tiny/model.safetensors: tensor `b` has type I64; supported types are F16, BF16, F32, F64"
        );
    }

    #[test]
    fn sharded_weights_are_read_and_missing_shards_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let shard = |name: &str, tensor: &str| {
            let header =
                format!(r#"{{"{tensor}":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}}}"#);
            std::fs::write(file(name), written(&header, 8)).unwrap();
        };
        shard("m-00001-of-00002.safetensors", "a");
        shard("m-00002-of-00002.safetensors", "b");
        let index = file("model.safetensors.index.json");
        let open = |map: serde_json::Value| {
            std::fs::write(
                &index,
                json!({ "metadata": {}, "weight_map": map }).to_string(),
            )
            .unwrap();
            Weights::open_sharded(&index, Kind::Float, Device::Cpu)
        };
        let mut weights = open(
            json!({ "a": "m-00001-of-00002.safetensors", "b": "m-00002-of-00002.safetensors",
                                       "c": "m-00002-of-00002.safetensors" }),
        )
        .unwrap();
        assert_eq!(weights.names(), ["a", "b", "c"]);
        assert_eq!(weights.files().count(), 2);
        for name in ["a", "b"] {
            assert_eq!(weights.tensor(name, &[2]).unwrap().size(), [2]);
        }
        let mut refused = |name: &str| message(&folder, weights.tensor(name, &[2]).unwrap_err());
        assert_eq!(
            refused("c"),
            "tiny/m-00002-of-00002.safetensors: tensor `c` is missing; expected shape [2] according to the configuration"
        );
        assert_eq!(
            refused("d"),
            "tiny/model.safetensors.index.json: tensor `d` is missing; expected shape [2] according to the configuration"
        );
        for (name, expected) in [
            (
                "m-00003.safetensors",
                "m-00003.safetensors, one of 1 files in `weight_map`, is missing beside the index; download it too",
            ),
            (
                "../m.safetensors",
                "`weight_map` names `../m.safetensors`; use plain names of files beside the index",
            ),
        ] {
            let error = open(json!({ "a": name })).unwrap_err();
            assert_eq!(
                message(&folder, error),
                format!("tiny/model.safetensors.index.json: {expected}")
            );
        }
    }

    #[test]
    fn every_type_is_read_even_if_unaligned() {
        // The length of the header puts every tensor at an odd address.
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
