//! Split lists: which images belong to a domain, with which class and in which split, as papers
//! publish them. Each format has a file here (`coop`, `pairs`, `csv`, `lines`). A split that is published as
//! a seed is drawn (`random`).
//!
//! A list is independent of where the images are. Names are made portable on reading: `/` between
//! folders, no `./`. `finder` then finds each listed image in a source, so that one published
//! split works for a folder, a parquet file and a tar archive, and `matching` gives the same
//! samples, names, labels and split hash for each.

mod coop;
mod csv;
mod draft;
mod entry;
mod finder;
mod form;
mod index;
mod lines;
mod listing;
pub(crate) mod matching;
mod pairs;
mod random;

pub use form::{SplitFile, SplitList, ValidationPart};
pub use random::RandomSplit;
