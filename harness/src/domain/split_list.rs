//! Split lists: which images belong to a domain, with which class and in which split, as papers
//! publish them. Each of the three formats has a file here (`coop`, `pairs`, `csv`).
//!
//! A list is independent of where the images are. Names are made portable on reading: `/` between
//! folders, no `./`. `matching` then finds each listed image in a source, so that one published
//! split works for a folder, a parquet file and a tar archive, and gives the same samples, names,
//! labels and split hash.

mod coop;
mod csv;
mod entry;
mod form;
mod index;
mod listing;
pub(crate) mod matching;
mod pairs;

pub use form::{SplitFile, SplitList, ValidationPart};
