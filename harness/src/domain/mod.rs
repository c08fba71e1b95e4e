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
//! One file per kind of source (`digits`, `pictures`, `folder`, `idx`), each of which turns what it has into [`Sample`]s
//! and an image store; what all share is in `collection`. [`prepare`] brings an image to the size that a backbone
//! reads, [`ahead`] does so on all cores.

pub mod ahead;
pub mod augment;
mod class_wise;
mod collection;
mod digits;
mod error;
mod folder;
mod hash;
mod idx;
mod image_file;
mod natural_order;
mod pictures;
pub mod prepare;
mod resample;
mod source;

pub use collection::{Domain, Sample, Split, Summary};
pub use error::DomainError;
pub use hash::{SplitHash, Stamp};
pub use source::{DomainSource, IdxFiles};
