//! A domain: one labelled image collection with a train and a test split.
//!
//! Wherever the images come from, the rest of the harness sees the same [`Domain`]: class names,
//! two ordered lists of [`Sample`]s, images on demand, and two hashes. The [`SplitHash`] identifies
//! *which samples* a result is about: names, classes, train or test. The [`ContentDigest`]
//! identifies *which images* they are. Both are the same for every copy of the same files, and both
//! go into every record. The [`content`] is known after every image was read once, and later images
//! are checked against it.
//!
//! A domain is checked when it is opened, so a mistake in the data ends a run before its first
//! cell, with one message that names the file. Unusable files are errors; none is skipped.
//!
//! Published images are stored in many layouts, so three things are kept apart: where the images
//! *are* ([`source`], one file per layout); *which of them* belong to the domain, with which class
//! and in which split ([`split_list`], as papers publish them); and what the classes are called and
//! how they are numbered ([`classes`]). Matching combines the three: one published split gives the
//! same samples, names, labels and split hash for a folder, a parquet file and a tar archive.
//!
//! A benchmark may then learn from a few samples of each class instead of all ([`Shots`]).
//!
//! Every source yields [`Sample`]s and an image store; [`image`] resizes images to the size that a
//! backbone reads.

pub mod classes;
mod collection;
pub mod content;
mod contents;
mod error;
mod file;
mod hash;
pub mod image;
mod match_error;
pub(crate) mod natural_order;
mod sample;
mod shots;
pub mod source;
pub mod split_list;
pub(crate) mod stratified;
mod table;
pub mod verify;
mod written;

pub use classes::{ClassEntry, ClassKey, Classes, LeaveOut};
pub use collection::{Domain, DomainSummary};
pub use contents::{Contents, ImageStore};
pub use error::DomainError;
pub use hash::{ContentDigest, SampleDigest, SplitHash};
pub use match_error::MatchError;
pub use sample::{Sample, Split};
pub use shots::{Draw, Shots};
pub use source::Source;
pub use split_list::{RandomSplit, SplitFile, SplitList, ValidationPart};
pub(crate) use written::check_entries;
pub use written::{FilePerSplit, Folder, KeyError, KeyValue};
