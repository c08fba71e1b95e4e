//! Messages and the tensors in them; `wire.py` of the package has their form.

use crate::memory;
use harness_abi::tensor::{ALIGNMENT, AlignedBytes};
use harness_abi::{DType, Error, Result, Tensor};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::os::fd::{AsFd, OwnedFd};

/// Larger tensors are in a memfd.
const INLINE_BYTES: usize = 64 << 10;
/// The header's key for the number of its memfd.
pub const MEMORY: &str = "$memory";

const TYPES: [(&str, DType); 6] = [
    ("u8", DType::U8),
    ("i64", DType::I64),
    ("f16", DType::F16),
    ("bf16", DType::BF16),
    ("f32", DType::F32),
    ("f64", DType::F64),
];

/// A message to send.
#[derive(Debug, Default)]
pub struct Outgoing {
    pub header: Map<String, Value>,
    pub body: Vec<u8>,
    large: Vec<(u64, Tensor)>,
    large_length: u64,
}

impl Outgoing {
    /// A message with this header, an object.
    pub fn new(header: Value) -> Outgoing {
        match header {
            Value::Object(header) => Outgoing {
                header,
                ..Outgoing::default()
            },
            other => unreachable!("a header is an object, not {other}"),
        }
    }

    /// Adds a tensor, and returns what stands for it in the header.
    ///
    /// # Errors
    ///
    /// If it is not contiguous on the CPU, or of a type that has no name.
    pub fn tensor(&mut self, tensor: Tensor) -> Result<Value> {
        let view = tensor.view();
        let bytes = view.as_bytes()?;
        let mut named = TYPES.iter();
        let Some((dtype, _)) = named.find(|(_, dtype)| *dtype == view.dtype()) else {
            let message = format!("{view:?} cannot be passed to Python");
            return Err(Error::unsupported(message));
        };
        let (place, at) = match bytes.len() > INLINE_BYTES {
            true => ("memory", self.large_length),
            false => ("at", self.body.len() as u64),
        };
        let entry = json!({ "$tensor": { "dtype": dtype, "shape": view.shape(), place: at } });
        let length = bytes.len().next_multiple_of(ALIGNMENT);
        if place == "memory" {
            self.large_length += length as u64;
            self.large.push((at, tensor));
        } else {
            self.body.extend_from_slice(bytes);
            self.body.resize(at as usize + length, 0);
        }
        Ok(entry)
    }

    /// Puts the large tensors into memory of the pool, which is lent to a worker, and notes its
    /// number in the header.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn settle(&mut self, pool: &mut memory::Pool, worker: u32) -> Result<Option<u64>> {
        if self.large.is_empty() {
            return Ok(None);
        }
        let pieces = self.large.iter().map(|(at, tensor)| {
            let bytes = tensor.view().as_bytes().expect("checked when it was added");
            (*at, bytes)
        });
        let number = pool.lend(worker, self.large_length, pieces)?;
        self.header.insert(MEMORY.into(), json!(number));
        self.large.clear();
        Ok(Some(number))
    }
}

/// A message that was received.
#[derive(Debug)]
pub struct Incoming {
    pub header: Value,
    pub body: Vec<u8>,
    pub descriptor: Option<OwnedFd>,
}

impl Incoming {
    /// A field of the header.
    ///
    /// # Errors
    ///
    /// If it is missing or of another type.
    pub fn field<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        read(&self.header, name)
    }

    /// The tensor that stands here in the header.
    ///
    /// # Errors
    ///
    /// If there is none, or its bytes are not there.
    pub fn tensor(&self, value: &Value) -> Result<Tensor> {
        let entry = &value["$tensor"];
        let name: String = read(entry, "dtype")?;
        let shape: Vec<i64> = read(entry, "shape")?;
        let mut named = TYPES.iter();
        let Some(&(_, dtype)) = named.find(|(known, _)| *known == name) else {
            return Err(broken(&format!("a tensor of type `{name}`")));
        };
        let elements = shape.iter().try_fold(dtype.size(), |product, &length| {
            product.checked_mul(usize::try_from(length).ok()?)
        });
        let length = elements.ok_or_else(|| broken(&format!("a tensor of shape {shape:?}")))?;
        let mut bytes = self.room(entry, length)?;
        match entry.get("memory") {
            Some(_) => {
                let at: u64 = read(entry, "memory")?;
                let file = self.descriptor.as_ref();
                let file = file.ok_or_else(|| broken("a tensor without its memory"))?;
                memory::read(file.as_fd(), &mut bytes, at)
                    .map_err(|error| broken(&format!("a tensor that cannot be read: {error}")))?;
            }
            None => {
                let at: usize = read(entry, "at")?;
                let inline = at
                    .checked_add(length)
                    .and_then(|end| self.body.get(at..end));
                bytes.copy_from_slice(inline.ok_or_else(|| broken("a tensor that is cut off"))?);
            }
        }
        Tensor::from_bytes(bytes, dtype, &shape)
    }

    /// Memory for a tensor, if as many bytes can have come.
    fn room(&self, entry: &Value, length: usize) -> Result<AlignedBytes> {
        let come = match (entry.get("memory"), &self.descriptor) {
            (Some(_), Some(file)) => {
                let stat = rustix::fs::fstat(file);
                stat.map_or(0, |stat| usize::try_from(stat.st_size).unwrap_or(0))
            }
            _ => self.body.len(),
        };
        match length <= come {
            true => Ok(AlignedBytes::zeroed(length)),
            false => Err(broken("a tensor that is cut off")),
        }
    }
}

/// A field of an object.
///
/// # Errors
///
/// If it is missing or of another type.
pub fn read<T: DeserializeOwned>(object: &Value, name: &str) -> Result<T> {
    T::deserialize(&object[name])
        .map_err(|error| broken(&format!("a message whose `{name}` is wrong: {error}")))
}

/// The error about a worker that does not keep to the protocol.
pub fn broken(what: &str) -> Error {
    Error::failed(format!("the Python process sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Pool;

    #[test]
    fn tensors_of_every_type_and_size_arrive_as_they_were_sent() {
        let mut pool = Pool::default();
        let mut sent = Outgoing::default();
        let tensors = [
            Tensor::from_vec(vec![1_u8, 2, 3], &[3]).unwrap(),
            Tensor::from_vec(Vec::<f32>::new(), &[0, 4]).unwrap(),
            Tensor::from_vec((0..20_000).map(|i| i as f32).collect(), &[2, 10_000]).unwrap(),
            Tensor::from_vec(vec![7_i64; 30_000], &[30_000]).unwrap(),
        ];
        let expected: Vec<_> = (tensors.iter())
            .map(|tensor| tensor.view().as_bytes().unwrap().to_vec())
            .collect();
        let entries: Vec<_> = tensors.map(|tensor| sent.tensor(tensor).unwrap()).into();
        let number = sent.settle(&mut pool, 1).unwrap().unwrap();
        let memory = rustix::io::dup(pool.get(number).unwrap()).unwrap();
        let received = Incoming {
            header: Value::Object(sent.header),
            body: sent.body,
            descriptor: Some(memory),
        };
        for (entry, expected) in entries.iter().zip(expected) {
            let tensor = received.tensor(entry).unwrap();
            assert_eq!(tensor.view().as_bytes().unwrap(), expected, "{entry}");
        }
        for wrong in [
            json!({"dtype": "f32", "shape": [1_i64 << 40], "at": 0}),
            json!({"dtype": "f32", "shape": [-1], "at": 0}),
            json!({"dtype": "f32", "shape": [1], "at": 1_i64 << 50}),
            json!({"dtype": "f32", "shape": [1], "memory": 1_u64 << 50}),
            json!({"dtype": "bool", "shape": [1], "at": 0}),
            json!({"dtype": "f32", "shape": [1]}),
        ] {
            received.tensor(&json!({ "$tensor": wrong })).unwrap_err();
        }
    }
}
