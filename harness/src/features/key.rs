//! What features depend on.

use crate::domain::ContentDigest;
use serde::{Deserialize, Serialize};

/// How the names of feature files end.
pub(super) const ENDING: &str = ".features";

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
    /// The digest of their images. Empty in a key that is used to look for features of any
    /// content.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// Number of samples.
    pub rows: usize,
    /// Values per sample, if known before the first sample is computed, as for the embedding.
    /// Otherwise the file says its width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Which of the backbone's outputs.
    pub output: String,
}

impl FeatureKey {
    /// The same key for images of this content.
    pub fn of_content(&self, content: &ContentDigest) -> FeatureKey {
        FeatureKey {
            content: content.as_str().to_owned(),
            ..self.clone()
        }
    }

    /// A hash of everything but the content: how the names of the files begin that may hold the
    /// same features.
    pub(super) fn family(&self) -> String {
        let family = FeatureKey {
            content: String::new(),
            ..self.clone()
        };
        let json = serde_json::to_vec(&family).expect("a key is plain data");
        blake3::hash(&json).to_hex()[..32].to_owned()
    }

    /// The name of the file.
    pub(super) fn file_name(&self) -> String {
        let content: String = self.content.chars().take(32).collect();
        format!("{}-{content}{ENDING}", self.family())
    }
}
