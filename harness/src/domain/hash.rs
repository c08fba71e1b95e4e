//! The two hashes of a domain.

use super::sample::{Sample, Split};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::Metadata;
use std::time::UNIX_EPOCH;

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
    /// A hash of the files that a domain was read from: the name, size and modification time of
    /// each. It tells whether anything computed from the images may be stale; it means nothing on
    /// another machine.
    Stamp
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

/// Collects the [`Stamp`] while a domain's files are read.
pub(crate) struct StampBuilder(Fields);

impl StampBuilder {
    pub(crate) fn new() -> Self {
        Self(Fields::new("clbench stamp 1"))
    }

    pub(crate) fn file(&mut self, name: &str, metadata: &Metadata) {
        self.0.text(name);
        self.0.number(metadata.len());
        // On a file system without times, only the size shows a change. Times before 1970 all count
        // as 0.
        let age = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        self.0.number(age.map_or(0, |age| age.as_secs()));
        self.0
            .number(age.map_or(0, |age| u64::from(age.subsec_nanos())));
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.number(bytes.len() as u64);
        self.0.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Stamp {
        Stamp(self.0.finish())
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
