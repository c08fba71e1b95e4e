//! What features depend on.

use serde::{Deserialize, Serialize};

/// The output that every backbone has.
pub const EMBEDDING: &str = "embedding";

/// Everything that affects one output of a backbone on a domain: equal keys mean equal features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureKey {
    /// Fingerprint of the weights and preprocessing.
    pub fingerprint: String,
    /// Hash of the plugin file that computes them.
    pub plugin_hash: String,
    /// The kind of device: features from a CPU and a GPU differ in their last bits.
    pub device_kind: String,
    /// The data type that the backbone computes in.
    pub dtype: String,
    /// How images are prepared.
    pub image: harness_abi::backbone::ImageInfo,
    /// The samples, in order.
    pub split_hash: String,
    /// Size and modification time of the files that the samples come from.
    pub stamp: String,
    /// Number of samples.
    pub rows: usize,
    /// Values per sample, if known before the first sample is computed, as for the embedding.
    /// Otherwise the file says its width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Which of the backbone's outputs. Not serialised for the embedding, so that its digest stays
    /// the same as before there were other outputs.
    #[serde(default = "embedding", skip_serializing_if = "is_embedding")]
    pub output: String,
}

impl FeatureKey {
    /// The file name without extension: a hash of the key.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).expect("a key is plain data");
        blake3::hash(&json).to_hex()[..32].to_owned()
    }
}

fn embedding() -> String {
    EMBEDDING.to_owned()
}

fn is_embedding(output: &str) -> bool {
    output == EMBEDDING
}
