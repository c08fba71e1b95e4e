//! A domain: one labelled image collection with a train and a test split.
//!
//! Whatever the images lie in, a [`Domain`] is the same thing to the rest of the harness: class names, two ordered lists
//! of [`Sample`]s, images on demand, and two hashes. The [`SplitHash`] says *which samples* a result is about, is the
//! same on every machine, and goes into every record; the [`Stamp`] says *which bytes on this disk* they were read
//! from, and keeps cached features honest.
//!
//! A domain is checked when it is opened, so that a mistake in the data ends a run before its first cell, with one
//! message that names the file. Nothing that cannot be used is skipped.
//!
//! Of published images people keep copies, in many forms. Where images *are* (a bank, one file per layout in `bank`) is kept apart
//! from *which of them* belong to the domain, with which class, in which split (a `listing`, as papers publish them), and
//! from what the classes are called and how they are numbered (`classes`); `lay` brings the three together. So one published
//! split, laid over a folder, a parquet file or a tar archive, gives the same samples, names, labels and split hash.
//!
//! What is no such copy has a file of its own (`digits`, `pictures`, `idx`). All of them end in [`Sample`]s and an image store
//! (`collection`); [`prepare`] brings an image to the size that a backbone reads, [`ahead`] does so on all cores.

pub mod ahead;
pub mod augment;
mod bank;
mod class_wise;
pub mod classes;
mod collection;
mod copy_error;
mod digits;
mod error;
mod hash;
mod idx;
mod image_file;
mod lay;
mod layout;
mod listing;
mod natural_order;
mod pictures;
pub mod prepare;
mod resample;
mod source;
pub mod verify;

pub use classes::{ClassEntry, ClassKey, ClassesFrom};
pub use collection::{Domain, Sample, Split, Summary};
pub use copy_error::CopyError;
pub use error::DomainError;
pub use hash::{SplitHash, Stamp};
pub use layout::{Columns, ImageCopy, LabelTables, Layout, Shards, SplitList, ValidationPart};
pub use source::{DomainSource, IdxFiles};
