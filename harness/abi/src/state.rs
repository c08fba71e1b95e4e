//! [`State`]: everything that a strategy remembers, and its form as bytes.
//!
//! ```text
//! 8 bytes    CLBSTAT1
//! 8 bytes    length of the header, little-endian
//! header     JSON: the state's own JSON; name, type, shape of every tensor, sorted by name
//! tensors    each begins at a multiple of 64 bytes; zeros in between
//! ```
//!
//! Sizes and positions follow from the header, so two states have the same bytes exactly if they
//! have the same names, types, shapes, bits and JSON. The memory of the bytes is aligned as well:
//! vectorised code takes other paths through memory that begins elsewhere, which can change the
//! last bit of a result. So a strategy that was restored from bytes computes as one that was
//! restored from the same bytes in a file.

use crate::error::{Error, Result};
use crate::tensor::{ALIGNMENT, AlignedBytes, DType, Device, Tensor, element_count};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"CLBSTAT1";

/// The length of the magic number and of the header's length.
const PREFIX: usize = 16;

/// Everything that a strategy remembers: JSON for numbers, names and counters, and named tensors.
///
/// # Example
///
/// ```
/// use harness_abi::{State, Tensor};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Memory {
///     tasks: u32,
///     classes: Vec<String>,
/// }
///
/// # fn main() -> harness_abi::Result<()> {
/// let memory = Memory { tasks: 1, classes: vec!["gull".into(), "tern".into()] };
/// let mut state = State::default();
/// state.write(&memory)?;
/// state.tensors.push(("means".into(), Tensor::from_vec(vec![0.5_f32, 2.0], &[2, 1])?));
///
/// // In `restore`:
/// assert_eq!(state.read::<Memory>()?, memory);
/// assert_eq!(state.take("means")?.view().to_vec::<f32>()?, [0.5, 2.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct State {
    /// Numbers, names, counters; see [`write`](Self::write).
    pub json: serde_json::Value,
    /// Tensors on the CPU, contiguous, by name. Names are unique.
    pub tensors: Vec<(String, Tensor)>,
}

impl State {
    /// Removes the tensor of that name and returns it.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn take(&mut self, name: &str) -> Result<Tensor> {
        match self.tensors.iter().position(|(have, _)| have == name) {
            Some(position) => Ok(self.tensors.swap_remove(position).1),
            None => Err(Error::failed(format!(
                "the state has no tensor `{name}`, so it belongs to another strategy"
            ))),
        }
    }

    /// Sets the JSON part from an author's own type, which [`read`](Self::read) returns again.
    ///
    /// Keep results of floating-point arithmetic in a tensor: it preserves every bit, while JSON
    /// has neither NaN nor infinity and may round the last digit.
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON, such as a map whose keys are not strings or numbers.
    pub fn write<T: Serialize>(&mut self, value: &T) -> Result<()> {
        self.json = serde_json::to_value(value)
            .map_err(|error| Error::failed(format!("the state cannot be written: {error}")))?;
        Ok(())
    }

    /// Reads the JSON part as an author's own type.
    ///
    /// # Errors
    ///
    /// If the JSON does not fit the type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.json)
            .map_err(|error| Error::failed(format!("the state cannot be read: {error}")))
    }

    /// The state as bytes, which [`from_bytes`](Self::from_bytes) reads. Two states have the same
    /// bytes exactly if they have the same names, types, shapes, bits and JSON.
    ///
    /// # Errors
    ///
    /// If a tensor is not on the CPU or not contiguous, or two have the same name.
    pub fn to_bytes(&self) -> Result<AlignedBytes> {
        let mut tensors: Vec<_> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = tensors.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::failed(format!(
                "the state has two tensors named `{}`",
                twice[0].0
            )));
        }
        let views = tensors.iter().map(|(name, tensor)| (name, tensor.view()));
        let header = Header {
            json: Cow::Borrowed(&self.json),
            tensors: (views.clone())
                .map(|(name, view)| Entry {
                    name: name.clone(),
                    dtype: [
                        view.dtype().code.into(),
                        view.dtype().bits.into(),
                        view.dtype().lanes,
                    ],
                    shape: view.shape().to_vec(),
                })
                .collect(),
        };
        let json = serde_json::to_vec(&header)
            .map_err(|error| Error::failed(format!("the state's JSON: {error}")))?;
        let (places, length) = places(json.len(), &header.tensors).map_err(Error::failed)?;
        let mut bytes = AlignedBytes::zeroed(length);
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..PREFIX].copy_from_slice(&(json.len() as u64).to_le_bytes());
        bytes[PREFIX..][..json.len()].copy_from_slice(&json);
        for ((name, view), place) in views.zip(places) {
            let data = view
                .as_bytes()
                .map_err(|error| error.context(format!("the state's tensor `{name}`")))?;
            bytes[place].copy_from_slice(data);
        }
        Ok(bytes)
    }

    /// Reads a state from its bytes. Its tensors share their memory.
    ///
    /// # Errors
    ///
    /// If the bytes are not those of a state.
    pub fn from_bytes(bytes: AlignedBytes) -> Result<State> {
        Self::parse(bytes)
            .map_err(|why| Error::failed(format!("the bytes are not those of a state: {why}")))
    }

    fn parse(mut bytes: AlignedBytes) -> std::result::Result<State, String> {
        let prefix = bytes.get(..PREFIX).ok_or("they are too short")?;
        let (magic, length) = prefix.split_at(8);
        if magic != MAGIC {
            return Err("they do not begin like one".into());
        }
        let length = u64::from_le_bytes(length.try_into().expect("8 bytes"));
        let header = usize::try_from(length).ok().and_then(|length| {
            let end = length.checked_add(PREFIX)?;
            bytes.get(PREFIX..end)
        });
        let header = header.ok_or("their header is cut off")?;
        let length = header.len();
        let header: Header = serde_json::from_slice(header).map_err(|error| error.to_string())?;
        if let Some(pair) = header.tensors.windows(2).find(|w| w[0].name >= w[1].name) {
            return Err(format!("tensor `{}` is out of order", pair[1].name));
        }
        let (places, total) = places(length, &header.tensors)?;
        if total != bytes.len() {
            return Err(format!(
                "they should be {total}, but there are {}",
                bytes.len()
            ));
        }
        let data = bytes.as_mut_ptr();
        let owner = Arc::new(bytes);
        let tensor = |(entry, place): (Entry, Range<usize>)| {
            let dtype = entry.dtype().expect("its size is known");
            // SAFETY: `places` lies inside the bytes, at an aligned position. The owner keeps them
            // where they are, and nothing else reads or writes them through it.
            let tensor = unsafe {
                let data = data.add(place.start).cast();
                Tensor::from_owner(owner.clone(), data, Device::CPU, dtype, &entry.shape, None)
            };
            (entry.name, tensor)
        };
        let tensors = header.tensors.into_iter().zip(places).map(tensor).collect();
        Ok(State {
            json: header.json.into_owned(),
            tensors,
        })
    }

    /// The size of the state in bytes: its tensors' elements and its JSON.
    pub fn size(&self) -> u64 {
        let json = serde_json::to_vec(&self.json).map_or(0, |json| json.len());
        let tensors: usize = self.tensors.iter().map(|(_, t)| t.view().bytes()).sum();
        (json + tensors) as u64
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    json: Cow<'a, serde_json::Value>,
    tensors: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// DLPack's code, bits and lanes.
    dtype: [u16; 3],
    shape: Vec<i64>,
}

impl Entry {
    fn dtype(&self) -> Option<DType> {
        let [code, bits, lanes] = self.dtype;
        Some(DType {
            code: code.try_into().ok()?,
            bits: bits.try_into().ok()?,
            lanes,
        })
    }

    /// Its size in bytes.
    fn bytes(&self) -> Option<usize> {
        let elements = element_count(&self.shape).ok()?;
        elements.checked_mul(self.dtype()?.size())
    }
}

/// Where each tensor is among the bytes, and how many bytes there are.
fn places(
    header: usize,
    tensors: &[Entry],
) -> std::result::Result<(Vec<Range<usize>>, usize), String> {
    let mut end = PREFIX + header;
    let mut places = Vec::with_capacity(tensors.len());
    for entry in tensors {
        let place = end
            .checked_next_multiple_of(ALIGNMENT)
            .and_then(|start| Some(start..start.checked_add(entry.bytes()?)?));
        let place =
            place.ok_or_else(|| format!("tensor `{}` has an impossible size", entry.name))?;
        end = place.end;
        places.push(place);
    }
    Ok((places, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let mut state = State::default();
        state.write(&vec!["gull", "tern"]).unwrap();
        let tensors = [
            (
                "sums",
                Tensor::from_vec(vec![0.5_f32, -0.0, f32::NAN], &[3, 1]),
            ),
            ("counts", Tensor::from_vec(vec![7_i64], &[1])),
            ("none", Tensor::from_vec(Vec::<u8>::new(), &[0, 4])),
            ("pixels", Tensor::from_vec(vec![1_u8, 2, 3], &[3])),
        ];
        for (name, tensor) in tensors {
            state.tensors.push((name.into(), tensor.unwrap()));
        }
        state
    }

    #[test]
    fn a_state_round_trips_bit_for_bit_into_aligned_memory() {
        let bytes = state().to_bytes().unwrap();
        let mut read = State::from_bytes(bytes.clone()).unwrap();
        assert_eq!(read.to_bytes().unwrap(), bytes);
        for (name, tensor) in &read.tensors {
            let address = tensor.view().data() as usize;
            assert_eq!(address % ALIGNMENT, 0, "{name}");
        }
        assert_eq!(read.read::<Vec<String>>().unwrap(), ["gull", "tern"]);
        let sums = read.take("sums").unwrap();
        drop(read);
        let bits = sums.view().to_vec::<f32>().unwrap();
        let bits: Vec<u32> = bits.into_iter().map(f32::to_bits).collect();
        assert_eq!(bits, [0.5, -0.0, f32::NAN].map(f32::to_bits));
    }

    /// Whatever the damage, there is an error or a state, and never a read outside the bytes.
    #[test]
    fn damaged_bytes_are_refused_or_read() {
        let good = state().to_bytes().unwrap();
        let why = |bytes: &[u8]| {
            let bytes = AlignedBytes::from(bytes);
            let error = State::from_bytes(bytes).unwrap_err();
            error.message().to_owned()
        };
        for length in 0..good.len() {
            why(&good[..length]);
        }
        assert_eq!(
            why(b"CLBCKPT1\0\0\0\0\0\0\0\0"),
            "the bytes are not those of a state: they do not begin like one"
        );
        assert_eq!(
            why(&[&good[..], &[0]].concat()),
            format!(
                "the bytes are not those of a state: they should be {}, but there are {}",
                good.len(),
                good.len() + 1
            )
        );
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << bit;
                if let Ok(state) = State::from_bytes(bytes) {
                    state.to_bytes().unwrap();
                }
            }
        }
    }

    #[test]
    fn two_tensors_of_one_name_are_refused() {
        let mut state = state();
        let again = Tensor::from_vec(vec![0_u8], &[1]).unwrap();
        state.tensors.push(("sums".into(), again));
        assert_eq!(
            state.to_bytes().unwrap_err().message(),
            "the state has two tensors named `sums`"
        );
    }
}
