//! Normalises pixels for a model: (u8 · rescale − mean) / std, per channel.
//!
//! The host resizes and crops images; this is the rest of a model's preprocessing, with the model's
//! own constants.

use crate::work::Work;
use clbench_torch::bridge;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{DType, Error, Result, TensorView};

/// The constants of the normalisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    /// The factor for pixels from 0 to 255, applied first.
    pub rescale: f64,
    /// The mean that is subtracted: red, green, blue.
    pub mean: [f64; 3],
    /// The standard deviation that is divided by: red, green, blue.
    pub std: [f64; 3],
}

impl Normalisation {
    /// Normalises pixels, u8 `[images, 3, height, width]`, to f32 on the same device.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
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

    /// Copies a batch of square images from the host to the device and normalises it.
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
                "{what} should have type u8, not {}",
                images.dtype()
            )));
        }
        // Copied as bytes, a quarter of the size of f32.
        let pixels = bridge::copy_to(images, device)?;
        let normalised = self
            .apply(&pixels)
            .and_then(|pixels| pixels.f_to_kind(kind));
        Work::Images(images.shape()[0]).during("normalising", normalised)
    }
}
