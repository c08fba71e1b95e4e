//! From a decoded image to the pixels that a backbone reads.
//!
//! A backbone declares once which size it reads and how images get there ([`ImageInfo`]); all
//! images of a run then go through [`prepare`]. Values stay bytes: the backbone itself scales them
//! to 0…1 and applies its mean and standard deviation, so that a cached image serves every backbone
//! of the same size.
//!
//! # Which rounding
//!
//! That of torchvision on a Pillow image, `Resize(n, BICUBIC)` and `CenterCrop(n)`, which OpenAI's
//! CLIP, CoOp, OpenCLIP and timm use, and so most published numbers. transformers'
//! `CLIPImageProcessor` resizes to the same sizes (the longer side is rounded down) and then
//! differs in two ways. It crops at half of the surplus, rounded down, where torchvision rounds to
//! the nearest even number: with a surplus of 3, 7, 11, … pixels, it crops one pixel less at the
//! left or the top. And if it runs on torchvision's tensors, its default since version 5, their
//! bicubic filter rounds differently from Pillow's.
//!
//! Images are converted to RGB before they are resized, as transformers does. OpenAI's transform
//! converts afterwards, which is the same for RGB and grey. But an image with a palette, or of only
//! black and white, is then resized to the nearest pixel, one with transparency in premultiplied
//! colours, and one in CMYK in its inks.

use crate::resample::{self, Part};
use harness_abi::backbone::{ImageInfo, Resize};
use image::RgbImage;
use image::imageops;

/// The pixels of `image`, prepared for `spec`, plane after plane: `[3, height, width]`.
///
/// An image that needs no resizing keeps its exact pixels, and is only cropped if it is too large.
pub fn prepare(image: &RgbImage, spec: &ImageInfo) -> Vec<u8> {
    let (width, height) = (spec.width, spec.height);
    let from = image.dimensions();
    let to = match spec.resize {
        Resize::Stretch => (width, height),
        Resize::ShortestEdge => covering(from, (width, height)),
        Resize::ShortestEdgeThenCrop(edge) => covering(from, (width.max(edge), height.max(edge))),
    };
    let part = Part {
        left: middle(to.0 - width),
        top: middle(to.1 - height),
        width,
        height,
    };
    if from == to {
        let cut = imageops::crop_imm(image, part.left, part.top, width, height);
        return planes(&cut.to_image());
    }
    planes(&resample::resize(image, to, spec.filter, part))
}

/// The size to which an image is resized to cover a target: one side fits, the other is rounded
/// down.
fn covering((width, height): (u32, u32), (to_width, to_height): (u32, u32)) -> (u32, u32) {
    let [w, h, to_w, to_h] = [width, height, to_width, to_height].map(u64::from);
    let whole = |side: u64| u32::try_from(side).expect("a side of less than 2^32 pixels");
    // The side with the larger factor decides. The comparison avoids a division.
    if to_w * h >= to_h * w {
        (to_width, whole((h * to_w / w).max(to_h)))
    } else {
        (whole((w * to_h / h).max(to_w)), to_height)
    }
}

/// Half of the surplus, rounded to the nearest even number: Python's `round(surplus / 2)`.
fn middle(surplus: u32) -> u32 {
    let half = surplus / 2;
    half + (surplus % 2) * (half % 2)
}

/// `[height, width, 3]` to `[3, height, width]`.
fn planes(image: &RgbImage) -> Vec<u8> {
    let (pixels, _) = image.as_raw().as_chunks::<3>();
    let mut planes = Vec::with_capacity(3 * pixels.len());
    for channel in 0..3 {
        planes.extend(pixels.iter().map(|pixel| pixel[channel]));
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::backbone::Filter;
    use image::Rgb;

    fn spec(height: u32, width: u32, resize: Resize, filter: Filter) -> ImageInfo {
        ImageInfo {
            height,
            width,
            resize,
            filter,
        }
    }

    /// A different value for every pixel and channel.
    fn pattern(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let value = |channel: u32| ((x * 37 + y * 59 + x * y * 11 + channel * 83) % 256) as u8;
            Rgb([value(0), value(1), value(2)])
        })
    }

    #[test]
    fn an_image_of_the_right_size_keeps_its_exact_pixels() {
        for resize in [Resize::Stretch, Resize::ShortestEdge] {
            let image = RgbImage::from_raw(2, 1, vec![1, 2, 3, 250, 251, 252]).unwrap();
            let pixels = prepare(&image, &spec(1, 2, resize, Filter::Bicubic));
            assert_eq!(pixels, [1, 250, 2, 251, 3, 252]);
        }
    }

    #[test]
    fn an_image_of_the_same_height_is_cropped_to_its_centre() {
        // 7 wide, 2 high, to 2×2: no resizing, a surplus of 5 columns, round(2.5) = 2 of them on
        // the left.
        let image = pattern(7, 2);
        let pixels = prepare(&image, &spec(2, 2, Resize::ShortestEdge, Filter::Bicubic));
        let expected = planes(&imageops::crop_imm(&image, 2, 0, 2, 2).to_image());
        assert_eq!(pixels, expected);
    }

    /// 64×48 becomes ⌊64 · 36 / 48⌋ = 48 by 36, from which a square of 32 is cropped at (8, 2);
    /// 32×32 becomes 36×36, although it already has the right size.
    #[test]
    fn an_image_scaled_to_a_larger_edge_is_cropped_to_its_centre() {
        let cropped = |edge| spec(32, 32, Resize::ShortestEdgeThenCrop(edge), Filter::Bicubic);
        for (from, to, at) in [((64, 48), (48, 36), (8, 2)), ((32, 32), (36, 36), (2, 2))] {
            let image = pattern(from.0, from.1);
            let part = Part {
                left: at.0,
                top: at.1,
                width: 32,
                height: 32,
            };
            let expected = planes(&resample::resize(&image, to, Filter::Bicubic, part));
            assert_eq!(prepare(&image, &cropped(36)), expected, "{from:?}");
        }
        // An edge of the target size or less changes nothing.
        let image = pattern(50, 41);
        let plain = prepare(&image, &spec(32, 32, Resize::ShortestEdge, Filter::Bicubic));
        for edge in [32, 20] {
            assert_eq!(prepare(&image, &cropped(edge)), plain, "{edge}");
        }
    }

    #[test]
    fn sizes_are_torchvisions() {
        // Resize(256) before CenterCrop(224).
        assert_eq!(covering((640, 480), (256, 256)), (341, 256));
        assert_eq!(covering((640, 480), (224, 224)), (298, 224));
        assert_eq!(covering((480, 640), (224, 224)), (224, 298));
        assert_eq!(covering((28, 28), (224, 224)), (224, 224));
        assert_eq!(covering((1000, 10), (32, 32)), (3200, 32));
        assert_eq!(covering((30, 20), (64, 32)), (64, 42));
        assert_eq!([0, 1, 2, 3, 4, 5, 7].map(middle), [0, 0, 1, 2, 2, 2, 4]);
    }
}
