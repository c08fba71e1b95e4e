//! The two hashes of a domain: of its samples' names, and of their images.

use super::sample::{Sample, Split};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The 64 hexadecimal digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

digest! {
    /// A hash of a domain's samples: the class names in order and, for every sample in order, its
    /// relative name, class name and split. It covers no path, time or pixel, so it is the same on
    /// every machine.
    SplitHash
}
digest! {
    /// A hash of a domain's images: BLAKE3 over the [`SampleDigest`]s of all samples in the order
    /// of the split, train before test. Copies of the same files have the same digest, wherever
    /// they are and in whatever layout.
    ContentDigest
}

impl SplitHash {
    pub(crate) fn of(classes: &[String], train: &[Sample], test: &[Sample]) -> Self {
        let mut fields = Fields::new("clbench split 1");
        fields.number(classes.len() as u64);
        for class in classes {
            fields.text(class);
        }
        for (split, samples) in [(Split::Train, train), (Split::Test, test)] {
            fields.number(samples.len() as u64);
            for sample in samples {
                fields.text(&sample.name);
                fields.text(&classes[sample.label.index()]);
                fields.text(split.name());
            }
        }
        Self(fields.finish())
    }
}

/// BLAKE3 of the encoded bytes of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SampleDigest([u8; 32]);

impl SampleDigest {
    pub(crate) fn of(encoded: &[u8]) -> Self {
        Self(*blake3::hash(encoded).as_bytes())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl ContentDigest {
    pub(crate) fn of(samples: &[SampleDigest]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for SampleDigest(digest) in samples {
            hasher.update(digest);
        }
        Self(hasher.finalize().to_hex().to_string())
    }
}

/// A hasher of unambiguous fields: every text is preceded by its length.
struct Fields(blake3::Hasher);

impl Fields {
    fn new(purpose: &str) -> Self {
        let mut fields = Self(blake3::Hasher::new());
        fields.text(purpose);
        fields
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn finish(self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}
