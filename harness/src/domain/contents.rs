//! What opening a source returns: the samples of both splits, and their images.

use super::error::DomainError;
use super::hash::Stamp;
use super::sample::Sample;
use image::RgbImage;

/// The images of a source; samples refer to them by number.
pub trait ImageStore: Send + Sync {
    /// The image with this number, decoded.
    ///
    /// # Errors
    ///
    /// If it cannot be read or decoded.
    fn image(&self, number: usize) -> Result<RgbImage, DomainError>;
}

/// An opened source: both splits are checked, and every class has samples in each.
pub struct Contents {
    /// Class names, by label.
    pub classes: Vec<String>,
    /// The train split, in its fixed order.
    pub train: Vec<Sample>,
    /// The test split, in its fixed order.
    pub test: Vec<Sample>,
    /// The images of both.
    pub images: Box<dyn ImageStore>,
    /// Identifies the files on this machine that they were read from.
    pub stamp: Stamp,
}
