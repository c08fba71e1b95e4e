//! A state, kept for comparison.

use crate::error::Result;
use crate::state::State;
use crate::tensor::AlignedBytes;
use std::collections::BTreeMap;

/// The bytes of a state, and those of its parts, for the message.
pub(super) struct Snapshot {
    bytes: AlignedBytes,
    json: String,
    tensors: BTreeMap<String, (String, Vec<u8>)>,
}

impl Snapshot {
    pub(super) fn of(state: &State) -> Result<Snapshot> {
        // First, because it rejects states that the code below cannot handle.
        let bytes = state.to_bytes()?;
        let tensors = state
            .tensors
            .iter()
            .map(|(name, tensor)| {
                let view = tensor.view();
                let bytes = view.as_bytes()?.to_vec();
                Ok((name.clone(), (format!("{view:?}"), bytes)))
            })
            .collect::<Result<_>>()?;
        Ok(Snapshot {
            bytes,
            json: state.json.to_string(),
            tensors,
        })
    }

    /// Where two states differ; `None` if they are the same, bit for bit.
    pub(super) fn difference(&self, other: &Snapshot) -> Option<String> {
        if self.bytes == other.bytes {
            return None;
        }
        if self.json != other.json {
            return Some(format!("JSON {} and {}", cut(&self.json), cut(&other.json)));
        }
        for (name, tensor) in &self.tensors {
            match other.tensors.get(name) {
                None => return Some(format!("only the first has the tensor `{name}`")),
                Some(theirs) if theirs.0 != tensor.0 => {
                    return Some(format!("tensor `{name}`: {} and {}", tensor.0, theirs.0));
                }
                Some(theirs) if theirs.1 != tensor.1 => {
                    let byte = tensor.1.iter().zip(&theirs.1).position(|(a, b)| a != b);
                    return Some(format!(
                        "tensor `{name}`, starting at byte {}",
                        byte.unwrap_or_default()
                    ));
                }
                Some(_) => {}
            }
        }
        let more = other
            .tensors
            .keys()
            .find(|name| !self.tensors.contains_key(*name));
        Some(format!(
            "only the second has the tensor `{}`",
            more.map_or("", String::as_str)
        ))
    }
}

fn cut(json: &str) -> String {
    match json.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json.into(),
    }
}

/// Where two lists of logits differ, in any bit.
pub(super) fn logits_difference(a: &[f32], b: &[f32], classes: usize) -> Option<String> {
    let position = a
        .iter()
        .zip(b)
        .position(|(a, b)| a.to_bits() != b.to_bits())?;
    Some(format!(
        "sample {}, class {}: {:e} and {:e}",
        position / classes,
        position % classes,
        a[position],
        b[position]
    ))
}
