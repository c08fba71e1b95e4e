//! Normalises pixels for a model: (u8 · rescale − mean) / std, per channel.
//!
//! The host resizes and crops images; this is the rest of a model's preprocessing, with the model's
//! own constants.

use crate::work::Work;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::{bridge, cpu, vectorised};
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
        let normalised = match (device, images.as_slice::<u8>()) {
            (Device::Cpu, Ok(pixels)) => self.in_one_pass(pixels, images.shape()),
            _ => {
                // Copied as bytes, a quarter of the size of f32.
                let pixels = bridge::copy_to(images, device)?;
                self.apply(&pixels)
            }
        };
        let normalised = normalised.and_then(|pixels| pixels.f_to_kind(kind));
        Work::Images(images.shape()[0]).during("normalising", normalised)
    }

    /// [`apply`](Self::apply) on the CPU, with the same bits, for pixels in row-major order.
    fn in_one_pass(&self, pixels: &[u8], shape: &[i64]) -> Result<Tensor, TchError> {
        let plane = shape[2..].iter().product::<i64>() as usize;
        cpu::filled(shape, |numbers| {
            let planes = numbers
                .chunks_exact_mut(plane)
                .zip(pixels.chunks_exact(plane));
            for (channel, (numbers, pixels)) in (0..3).cycle().zip(planes) {
                let constants = [self.rescale, self.mean[channel], self.std[channel]];
                let [rescale, mean, std] = constants.map(|constant| constant as f32);
                normalise(numbers, pixels, rescale, mean, std);
            }
        })
    }
}

vectorised! {
    fn normalise(numbers: &mut [f32], pixels: &[u8], rescale: f32, mean: f32, std: f32) {
        for (number, &pixel) in numbers.iter_mut().zip(pixels) {
            *number = (f32::from(pixel) * rescale - mean) / std;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_returns_the_bits_of_libtorchs_operations() {
        let pixels: Vec<u8> = (0..2 * 3 * 8 * 8).map(|at| (at * 37 % 256) as u8).collect();
        let view = TensorView::new(&pixels, &[2, 3, 8, 8]).unwrap();
        let normalisation = Normalisation {
            rescale: 1.0 / 255.0,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_58, 0.275_777_11],
        };
        let expected = normalisation
            .apply(&bridge::copy_in(view).unwrap())
            .unwrap();
        let ours = normalisation
            .batch(view, 8, Kind::Float, Device::Cpu)
            .unwrap();
        assert_eq!(ours, expected);
    }
}
