//! A domain: one labelled image collection with a train and a test split.
//!
//! Whatever the images lie in, a [`Domain`] is the same thing to the rest of the harness: class
//! names, two ordered lists of [`Sample`]s, images on demand, and two hashes. The [`SplitHash`]
//! says *which samples* a result is about, is the same on every machine, and goes into every
//! record; the [`Stamp`] says *which bytes on this disk* they were read from, and keeps cached
//! features honest.
//!
//! A domain is checked when it is opened, so that a mistake in the data ends a run before its first
//! cell, with one message that names the file. Nothing that cannot be used is skipped.
//!
//! People keep published images in many forms. So three things are kept apart: where the images
//! *are* ([`source`], one file per form), *which of them* belong to the domain, with which class,
//! in which split ([`split_list`], as papers publish them), and what the classes are called and how
//! they are numbered ([`classes`]). Matching brings the three together: one published split gives
//! the same samples, names, labels and split hash with a folder, a parquet file or a tar archive.
//!
//! Every source ends in [`Sample`]s and a store of images; [`image`] brings an image to the size
//! that a backbone reads.

pub mod classes;
mod collection;
mod contents;
mod error;
mod file;
mod hash;
pub mod image;
mod match_error;
pub(crate) mod natural_order;
mod sample;
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
pub use hash::{SplitHash, Stamp};
pub use match_error::MatchError;
pub use sample::{Sample, Split};
pub use source::Source;
pub use split_list::{SplitFile, SplitList, ValidationPart};
pub(crate) use written::check_entries;
pub use written::{FilePerSplit, Folder, KeyError, KeyValue};
