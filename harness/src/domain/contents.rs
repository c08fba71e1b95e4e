//! What opening a source returns: the samples of both splits, and their images.

use super::error::DomainError;
use super::sample::Sample;
use image::RgbImage;
use std::borrow::Cow;
use std::path::Path;

/// The images of a source; samples refer to them by number.
///
/// Reading and decoding are two steps, so that what is decoded is exactly what was hashed.
pub trait ImageStore: Send + Sync {
    /// The encoded bytes of the image with this number. They determine its pixels.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    fn encoded(&self, number: usize) -> Result<Cow<'_, [u8]>, DomainError>;

    /// The image with this number, decoded from its encoded bytes.
    ///
    /// # Errors
    ///
    /// If they are not an image.
    fn decode(&self, number: usize, encoded: &[u8]) -> Result<RgbImage, DomainError>;

    /// The file that the image is read from, and its place among the images of that file. `None` if
    /// the image is in memory anyway.
    fn file(&self, number: usize) -> Option<(&Path, u32)>;
}

/// An opened source: both splits are checked, and every class has samples in each.
pub struct Contents {
    /// Class names, by label.
    pub classes: Vec<String>,
    /// The train split, in its fixed order.
    pub train: Vec<Sample>,
    /// The test split, in its fixed order.
    pub test: Vec<Sample>,
    /// The validation part of the split list, in the order of the list: empty if there is none, and
    /// an error if there is one that cannot be used. Only a [draw of shots](super::Shots) needs it.
    pub val: Result<Vec<Sample>, Box<DomainError>>,
    /// The images of both.
    pub images: Box<dyn ImageStore>,
}
