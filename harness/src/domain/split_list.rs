//! Which images belong to a domain, with which class, in which split: a list as papers publish
//! them, in one of three forms, each a file here (`coop`, `pairs`, `csv`).
//!
//! A list knows nothing of where the images are. Names are made portable on reading: `/` between
//! folders, no `./`. `matching` then finds each listed image among those of a source, so that one
//! published split serves a folder, a parquet file or a tar archive alike, and gives the same
//! samples, names, labels and split hash.

mod coop;
mod csv;
mod entry;
mod form;
mod index;
mod listing;
pub(crate) mod matching;
mod pairs;

pub use form::{SplitFile, SplitList, ValidationPart};
