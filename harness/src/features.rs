//! Features of a frozen backbone: computed once, cached, and shared by every strategy, seed and
//! run.
//!
//! A [`FeatureKey`] contains everything that affects them: the backbone's weights and
//! preprocessing, the plugin file, the device and data type, the samples, the digest of their
//! images, and the backbone's output: its embedding, or another that a strategy reads. So copies of
//! the same images share features, and changed images never find old ones. The [`FeatureStore`]
//! keeps one file per key: a header with a hash of the data, then f32 rows, one per sample, train
//! before test. A file is written under a temporary name and then renamed. It is mapped into
//! memory, so any number of cells share the same pages. It is checked against its hash when it is
//! opened, so a damaged file is noticed and recomputed. Features are always those of the plain
//! images, whatever augmentation a stream uses.

mod file;
mod key;
mod store;

pub use file::{FeatureWriter, Features, RowWriter};
pub use key::{EMBEDDING, FeatureKey};
pub use store::{Block, FeatureError, FeatureMaker, FeatureStore, Origin};
