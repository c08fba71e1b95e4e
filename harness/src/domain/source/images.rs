//! The images of a source: each with its portable name and the class and split that the source
//! gives it.
//!
//! Without a split list, the source's class and split define the domain; with one, they are only
//! checked against it. A store decodes the images on demand; nothing here holds them in memory.

use crate::domain::classes::tag::Tag;
use crate::domain::contents::ImageStore;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use std::path::PathBuf;

/// All images of a source.
pub(crate) struct SourceImages {
    /// The path to name in messages about the whole source.
    pub(crate) path: PathBuf,
    /// In the source's own order.
    pub(crate) images: Vec<SourceImage>,
    /// The classes that the source declares, with or without samples.
    pub(crate) declared: Option<Vec<Tag>>,
    /// Decodes them, by index into `images`.
    pub(crate) store: Box<dyn SourceStore>,
}

/// An image of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceImage {
    /// Its path below the source's folder or inside its archive, with `/` on every system.
    pub(crate) name: String,
    /// Its class as the source calls it.
    pub(crate) tag: Option<Tag>,
    /// Its split, if the source has splits.
    pub(crate) split: Option<Split>,
}

/// The images of a source, and where they are.
pub(crate) trait SourceStore: ImageStore {
    /// Where the image with this number is, for a message.
    fn place(&self, number: usize) -> String;

    /// Checks what can be checked without decoding.
    fn check(&self, number: usize) -> Result<(), DomainError>;
}
