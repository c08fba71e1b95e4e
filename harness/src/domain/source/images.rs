//! The images of a source: each under its portable name, with what the source itself says of it.
//!
//! What a source says (class, split) is all there is to a domain without a split list; with one it
//! serves as a check. A store decodes the images on demand; nothing here holds them in memory.

use crate::domain::classes::tag::Tag;
use crate::domain::contents::ImageStore;
use crate::domain::error::DomainError;
use crate::domain::hash::StampBuilder;
use crate::domain::sample::Split;
use std::path::PathBuf;

/// All images of a source.
pub(crate) struct SourceImages {
    /// What a message about the source as a whole names.
    pub(crate) path: PathBuf,
    /// In the source's own order.
    pub(crate) images: Vec<SourceImage>,
    /// The classes that the source says there are, with or without samples.
    pub(crate) declared: Option<Vec<Tag>>,
    /// Decodes them, by index into `images`.
    pub(crate) store: Box<dyn SourceStore>,
    /// The files that were read to get here.
    pub(crate) stamp: StampBuilder,
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

/// Where a source keeps its images.
pub(crate) trait SourceStore: ImageStore {
    /// Where the image with this number is, for a message.
    fn place(&self, number: usize) -> String;

    /// Looks at what can be looked at without decoding, and notes the file if the image is one.
    fn check(
        &self,
        number: usize,
        image: &SourceImage,
        stamp: &mut StampBuilder,
    ) -> Result<(), DomainError>;
}
