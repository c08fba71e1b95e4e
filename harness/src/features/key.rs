//! What features depend on.

use serde::{Deserialize, Serialize};

/// Everything that moves a backbone's features of a domain. Equal keys, equal features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureKey {
    /// Of weights and preprocessing.
    pub fingerprint: String,
    /// Of the plugin file that computes them.
    pub plugin_hash: String,
    /// The kind of device: the CPU's features and a GPU's differ in their last bits.
    pub device_kind: String,
    /// The type that the backbone computes in.
    pub dtype: String,
    /// How images are prepared.
    pub image: harness_abi::backbone::ImageInfo,
    /// The samples, in order.
    pub split_hash: String,
    /// Size and time of the files that the samples come from.
    pub stamp: String,
    /// How many samples.
    pub rows: usize,
    /// Numbers per sample.
    pub width: usize,
}

impl FeatureKey {
    /// The name of the file, without ending: a hash of the key.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).expect("a key is plain data");
        blake3::hash(&json).to_hex()[..32].to_owned()
    }

    /// Bytes of one row.
    pub(super) fn row_bytes(&self) -> usize {
        self.width * size_of::<f32>()
    }
}
