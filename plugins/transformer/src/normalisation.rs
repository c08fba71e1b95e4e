//! From bytes to the numbers that a model takes: (u8 · rescale − mean) / deviation, channel by channel.
//!
//! The host scales and crops pictures; this is the rest of a model's preprocessing, and every model has numbers of its own.

use crate::work::Work;
use clbench_torch::bridge;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{DType, Error, Result, TensorView};

/// How bytes become numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    /// The factor that pixels of 0 to 255 are multiplied by.
    pub rescale: f64,
    /// What is subtracted then, red, green, blue.
    pub mean: [f64; 3],
    /// What is divided by then.
    pub std: [f64; 3],
}

impl Normalisation {
    /// Pixels u8 `[images, 3, height, width]` to what the model takes, in f32, where the pixels are.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn apply(&self, pixels: &Tensor) -> Result<Tensor, TchError> {
        let channels = |values: [f64; 3]| {
            Tensor::f_from_slice(&values.map(|value| value as f32))?
                .f_view([1, 3, 1, 1])?
                .f_to_device(pixels.device())
        };
        pixels
            .f_to_kind(Kind::Float)?
            .f_mul_scalar(self.rescale)?
            .f_sub(&channels(self.mean)?)?
            .f_div(&channels(self.std)?)
    }

    /// A batch of images as it comes across the boundary, squares of that side, to what the model takes.
    ///
    /// # Errors
    ///
    /// If the images are not u8 `[images, 3, side, side]`.
    pub fn batch(
        &self,
        images: TensorView<'_>,
        side: i64,
        kind: Kind,
        device: Device,
    ) -> Result<Tensor> {
        let what = "the batch of images";
        images.expect_shape(what, &[-1, 3, side, side])?;
        if images.dtype() != DType::U8 {
            return Err(Error::failed(format!(
                "{what} should be of u8, not {}",
                images.dtype()
            )));
        }
        // As bytes, a quarter of what they become.
        let pixels = bridge::copy_to(images, device)?;
        let normalised = self
            .apply(&pixels)
            .and_then(|pixels| pixels.f_to_kind(kind));
        Work::Images(images.shape()[0]).during("normalising", normalised)
    }
}
