//! Features of a frozen backbone: computed once, kept, shared by every strategy, seed and run.
//!
//! A [`FeatureKey`] names what moves them: the backbone's weights and preprocessing, the plugin
//! file that computes them, the device and type it computes in, the samples (by name, and by size
//! and time of their files), and which of the backbone's outputs they are: its embedding, or
//! another that a strategy reads. The [`FeatureStore`] keeps one file per key: a header with a hash
//! of the data, then f32 rows, one per sample, train before test. A file is written beside its
//! place and moved there whole; it is mapped into memory, so that any number of cells share one
//! copy; and it is checked against its hash when it is opened, so that a damaged one is noticed and
//! computed again. Features are those of the plain images, whatever augmentation a stream asks for.

mod file;
mod key;
mod store;

pub use file::Features;
pub use key::{EMBEDDING, FeatureKey};
pub use store::{Block, FeatureError, FeatureStore, Origin};
