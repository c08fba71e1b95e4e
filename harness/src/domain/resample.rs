//! Resizing as Pillow does it, to the bit.
//!
//! Published numbers of vision-language models were measured on images that Pillow resized. It works in two passes,
//! first along rows and then along columns, with weights in fixed point and a rounding to bytes between the passes,
//! which cuts off what a cubic filter overshoots. Resizers that keep floating point between the passes differ from it
//! by several grey levels at edges, so the arithmetic of Pillow's `Resample.c` is followed here step by step.

use harness_abi::backbone::Filter;
use image::RgbImage;

/// Bits behind the point of a weight: 32 less 8 for the byte and 2 for the overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// The image at another size, as `Image.resize((width, height), filter)` of Pillow gives it.
pub(super) fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    let kernel: Kernel = match filter {
        Filter::Bicubic => Kernel {
            support: 2.0,
            weight: cubic,
        },
        Filter::Bilinear => Kernel {
            support: 1.0,
            weight: linear,
        },
        Filter::Nearest => return nearest(image, width, height),
    };
    let mut image = image.clone();
    if image.width() != width {
        let windows = kernel.windows(image.width(), width);
        image = RgbImage::from_fn(width, image.height(), |x, y| {
            let window = &windows[x as usize];
            window.sum(|at| image.get_pixel(at, y).0)
        });
    }
    if image.height() != height {
        let windows = kernel.windows(image.height(), height);
        image = RgbImage::from_fn(width, height, |x, y| {
            let window = &windows[y as usize];
            window.sum(|at| image.get_pixel(x, at).0)
        });
    }
    image
}

/// A filter: its weights by distance, none beyond `support`.
struct Kernel {
    support: f64,
    weight: fn(f64) -> f64,
}

/// The weights of the pixels that make up one pixel of the result, from `first` on.
struct Window {
    first: u32,
    weights: Vec<i32>,
}

impl Kernel {
    /// One window for each of `to` pixels, on a side of `from` pixels.
    fn windows(&self, from: u32, to: u32) -> Vec<Window> {
        let scale = f64::from(from) / f64::from(to);
        // A shrinking image needs a wider filter, or it would alias.
        let widening = scale.max(1.0);
        let support = self.support * widening;
        let window = |pixel: u32| {
            let centre = (f64::from(pixel) + 0.5) * scale;
            // The casts round towards zero and stop at zero, as Pillow's do.
            let first = (centre - support + 0.5) as u32;
            let end = ((centre + support + 0.5) as u32).min(from);
            let distance = |at: u32| (f64::from(at) - centre + 0.5) * (1.0 / widening);
            let weights: Vec<f64> = (first..end).map(|at| (self.weight)(distance(at))).collect();
            let total: f64 = weights.iter().sum();
            Window {
                first,
                weights: weights
                    .iter()
                    .map(|weight| fixed_point(weight / total))
                    .collect(),
            }
        };
        (0..to).map(window).collect()
    }
}

impl Window {
    fn sum(&self, pixel: impl Fn(u32) -> [u8; 3]) -> image::Rgb<u8> {
        let mut sums = [1 << (PRECISION_BITS - 1); 3];
        for (at, weight) in (self.first..).zip(&self.weights) {
            for (sum, value) in sums.iter_mut().zip(pixel(at)) {
                *sum += i32::from(value) * weight;
            }
        }
        image::Rgb(sums.map(|sum: i32| (sum >> PRECISION_BITS).clamp(0, 255) as u8))
    }
}

fn fixed_point(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION_BITS);
    (scaled + if weight < 0.0 { -0.5 } else { 0.5 }) as i32
}

/// Cubic convolution (Keys, 1981) with a = −0.5.
fn cubic(distance: f64) -> f64 {
    const A: f64 = -0.5;
    let x = distance.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn linear(distance: f64) -> f64 {
    (1.0 - distance.abs()).max(0.0)
}

fn nearest(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let columns = nearest_pixels(image.width(), width);
    let rows = nearest_pixels(image.height(), height);
    RgbImage::from_fn(width, height, |x, y| {
        *image.get_pixel(columns[x as usize], rows[y as usize])
    })
}

/// Steps are added up, as Pillow adds them: where a centre falls between two pixels, rounding decides which one it is.
fn nearest_pixels(from: u32, to: u32) -> Vec<u32> {
    let step = f64::from(from) / f64::from(to);
    let centres = std::iter::successors(Some(step * 0.5), |centre| Some(centre + step));
    centres
        .map(|centre| (centre as u32).min(from - 1))
        .take(to as usize)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// Another value for every pixel and channel, with hard edges.
    fn pattern(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let value = |channel: u32| ((x * 37 + y * 59 + x * y * 11 + channel * 83) % 256) as u8;
            Rgb([value(0), value(1), value(2)])
        })
    }

    #[test]
    fn every_byte_is_pillows() {
        let mut cases = 0;
        for line in include_str!("fixtures/pillow_resize.txt").lines() {
            if line.starts_with('#') {
                continue;
            }
            let fields: Vec<&str> = line.split(' ').collect();
            let filter = match fields[0] {
                "bicubic" => Filter::Bicubic,
                "bilinear" => Filter::Bilinear,
                "nearest" => Filter::Nearest,
                other => panic!("no filter {other}"),
            };
            let number = |text: &str| text.parse::<u32>().unwrap();
            let [from_width, from_height, width, height] =
                [1, 2, 3, 4].map(|at| number(fields[at]));
            let expected: Vec<u8> = fields[5..]
                .iter()
                .map(|value| value.parse().unwrap())
                .collect();
            let resized = resize(&pattern(from_width, from_height), width, height, filter);
            assert_eq!(resized.into_raw(), expected, "{}", fields[..5].join(" "));
            cases += 1;
        }
        assert_eq!(cases, 18);
    }
}
