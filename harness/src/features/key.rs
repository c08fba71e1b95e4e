//! What features depend on.

use serde::{Deserialize, Serialize};

/// The output that every backbone has.
pub const EMBEDDING: &str = "embedding";

/// Everything that moves one output of a backbone on a domain. Equal keys, equal features.
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
    /// Numbers per sample, where that is known before the first one is computed: it is for the
    /// embedding. A file says its own width otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Which of the backbone's outputs. The embedding goes without saying, so that it keeps the
    /// digest that it had before there were others.
    #[serde(default = "embedding", skip_serializing_if = "is_embedding")]
    pub output: String,
}

impl FeatureKey {
    /// The name of the file, without ending: a hash of the key.
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
