//! The backbone `pixels`: the image itself, scaled to a small square, as a vector of numbers from 0
//! to 1.
//!
//! It has learned nothing and needs no libtorch. It is the baseline for pre-trained backbones: what
//! a strategy achieves on it comes from the data alone.

use harness_abi::backbone::{Filter, ImageInfo, Resize};
use harness_abi::{
    Backbone, BackboneInfo, BackboneSetting, ParameterSet, Result, Tensor, TensorView,
    export_plugin,
};
use serde::Deserialize;
use std::borrow::Cow;

export_plugin! {
    runtime: none,
    backbones: {
        "pixels": Pixels => "the image itself, scaled to a small square: the baseline for pre-trained backbones",
    },
    strategies: {},
    metrics: {},
}

/// Changes when the same parameters give other numbers.
const VERSION: u32 = 1;

/// The parameters of `pixels`.
#[derive(Debug, Clone, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Side of the square that an image is scaled to, in pixels.
    #[parameter(default = 28, at_least = 1, at_most = 1024)]
    pub size: u32,
    /// Whether to keep red, green and blue as separate planes, one after another. Otherwise a pixel
    /// is the mean of the three.
    #[parameter(default = false)]
    pub colour: bool,
}

/// The backbone.
#[derive(Debug)]
pub struct Pixels {
    parameters: Parameters,
}

impl Pixels {
    /// Values of one image, `width` of them.
    fn width(&self) -> u32 {
        let planes = if self.parameters.colour { 3 } else { 1 };
        planes * self.parameters.size * self.parameters.size
    }
}

impl Backbone for Pixels {
    type Parameters = Parameters;

    fn create(parameters: Parameters, _setting: BackboneSetting) -> Result<Self> {
        Ok(Pixels { parameters })
    }

    fn info(&self) -> BackboneInfo {
        let Parameters { size, colour } = self.parameters;
        let planes = if colour { "colour" } else { "grey" };
        BackboneInfo {
            name: format!("pixels, {size}×{size}, {planes}"),
            fingerprint: format!("pixels-v{VERSION}-{size}-{planes}"),
            embedding_width: self.width(),
            image: ImageInfo {
                height: size,
                width: size,
                resize: Resize::Stretch,
                filter: Filter::Bicubic,
            },
            text: None,
            logit_scale: None,
            // No other device would be faster at this.
            device: "cpu".into(),
            dtype: "f32".into(),
            sites: Vec::new(),
            outputs: Vec::new(),
            output_widths: Default::default(),
            image_batch: 256,
        }
    }

    /// A value is v / 255, a grey value (r + g + b) / 765, so a grey image keeps its values
    /// exactly.
    fn encode_images(&self, images: TensorView<'_>) -> Result<Tensor> {
        let side = i64::from(self.parameters.size);
        images.expect_shape("the batch of images", &[-1, 3, side, side])?;
        let values = if images.is_contiguous() {
            Cow::Borrowed(images.as_slice::<u8>()?)
        } else {
            Cow::Owned(images.to_vec::<u8>()?)
        };
        let embeddings: Vec<f32> = if self.parameters.colour {
            values
                .iter()
                .map(|&value| f32::from(value) / 255.0)
                .collect()
        } else {
            let plane = self.width() as usize;
            values
                .chunks_exact(3 * plane)
                .flat_map(|image| {
                    (0..plane).map(|at| {
                        let sum: u16 = [0, plane, 2 * plane]
                            .iter()
                            .map(|p| u16::from(image[p + at]))
                            .sum();
                        f32::from(sum) / 765.0
                    })
                })
                .collect()
        };
        Tensor::from_vec(embeddings, &[images.shape()[0], i64::from(self.width())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::{DType, Device, Host};

    fn pixels(size: u32, colour: bool) -> Result<Pixels> {
        let setting = BackboneSetting {
            device: "cpu".into(),
            threads: 1,
            folder: ".".into(),
            host: Host::silent(),
        };
        Pixels::create(Parameters { size, colour }, setting)
    }

    #[test]
    fn a_grey_image_keeps_exactly_its_values() {
        let every_value: Vec<u8> = (0..=255).collect();
        let image = every_value.repeat(3);
        let backbone = pixels(16, false).unwrap();
        let embedding = backbone
            .encode_images(TensorView::new(&image, &[1, 3, 16, 16]).unwrap())
            .unwrap();
        let expected: Vec<f32> = every_value.iter().map(|&v| f32::from(v) / 255.0).collect();
        assert_eq!(embedding.view().shape(), [1, 256]);
        assert_eq!(embedding.view().as_slice::<f32>().unwrap(), expected);
    }

    #[test]
    fn colours_stay_apart_or_become_their_mean() {
        // Two images of 1×1: red, then a mixture.
        let images = [255_u8, 0, 0, 51, 102, 204];
        let view = TensorView::new(&images, &[2, 3, 1, 1]).unwrap();
        let values = |colour| {
            let embedding = pixels(1, colour).unwrap().encode_images(view).unwrap();
            embedding.view().to_vec::<f32>().unwrap()
        };
        assert_eq!(values(true), [1.0, 0.0, 0.0, 0.2, 0.4, 0.8]);
        assert_eq!(values(false), [1.0 / 3.0, 357.0 / 765.0]);
    }

    #[test]
    fn images_with_the_channels_last_in_memory_are_read_through_their_strides() {
        let interleaved = [10_u8, 20, 30, 11, 21, 31, 12, 22, 32, 13, 23, 33];
        // SAFETY: the strides reach exactly the twelve values.
        let view = unsafe {
            TensorView::from_parts(
                interleaved.as_ptr().cast_mut().cast(),
                Device::CPU,
                DType::U8,
                &[1, 3, 2, 2],
                Some(&[12, 1, 6, 3]),
            )
        };
        let embedding = pixels(2, true).unwrap().encode_images(view).unwrap();
        let bytes: Vec<u8> = embedding
            .view()
            .as_slice::<f32>()
            .unwrap()
            .iter()
            .map(|v| (v * 255.0).round() as u8)
            .collect();
        assert_eq!(bytes, [10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33]);
    }

    #[test]
    fn all_that_moves_the_numbers_is_in_the_fingerprint() {
        let info = pixels(8, false).unwrap().info();
        assert_eq!(
            (info.fingerprint.as_str(), info.embedding_width),
            ("pixels-v1-8-grey", 64)
        );
        let info = pixels(28, true).unwrap().info();
        assert_eq!(
            (info.fingerprint.as_str(), info.embedding_width),
            ("pixels-v1-28-colour", 2352)
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let backbone = pixels(8, false).unwrap();
        let images = [0_u8; 3 * 49];
        assert_eq!(
            backbone
                .encode_images(TensorView::new(&images, &[1, 3, 7, 7]).unwrap())
                .unwrap_err()
                .to_string(),
            "the batch of images should have shape [_, 3, 8, 8], not [1, 3, 7, 7]"
        );
        assert_eq!(
            backbone.encode_texts(&["a digit"]).unwrap_err().to_string(),
            "this backbone has no text encoder"
        );
    }
}
