//! Resizing that matches Pillow bit for bit.
//!
//! Published numbers of vision-language models were measured on images that Pillow resized. It
//! works in two passes, first along rows and then along columns, with fixed-point weights, and
//! rounds to bytes between the passes, which clips the overshoot of a cubic filter. Resizers that
//! keep floating point between the passes differ from it by several grey levels at edges, so this
//! follows the arithmetic of Pillow's `Resample.c` step by step.

use harness_abi::backbone::Filter;
use image::RgbImage;
use std::ops::Range;

/// Fractional bits of a weight: 32 minus 8 for the byte and 2 for the overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// A part of a resized image: Pillow's `Image.resize((width, height), filter)`, cropped to `part`.
/// Nothing outside the part is computed, so a strip a thousand times as long as it is high costs no
/// more than a square.
pub(crate) fn resize(
    image: &RgbImage,
    (width, height): (u32, u32),
    filter: Filter,
    part: Part,
) -> RgbImage {
    let kernel: Kernel = match filter {
        Filter::Bicubic => Kernel {
            support: 2.0,
            weight: cubic,
        },
        Filter::Bilinear => Kernel {
            support: 1.0,
            weight: linear,
        },
        Filter::Nearest => return nearest(image, (width, height), part),
    };
    let columns = part.left..part.left + part.width;
    let rows = part.top..part.top + part.height;
    let columns = (image.width() != width).then(|| kernel.windows(image.width(), width, columns));
    let rows = (image.height() != height).then(|| kernel.windows(image.height(), height, rows));
    // The rows of the image that are used.
    let (first, end) = match &rows {
        Some(windows) => (windows[0].first, windows[windows.len() - 1].end()),
        None => (part.top, part.top + part.height),
    };
    let length = 3 * part.width as usize;
    let mut narrowed = vec![0; (end - first) as usize * length];
    let image_rows = image.as_raw().chunks_exact(3 * image.width() as usize);
    for (row, made) in image_rows
        .skip(first as usize)
        .zip(narrowed.chunks_exact_mut(length))
    {
        match &columns {
            Some(windows) => {
                let (row, _) = row.as_chunks();
                let (made, _) = made.as_chunks_mut();
                for (window, pixel) in windows.iter().zip(made) {
                    *pixel = window.pixel(row);
                }
            }
            None => made.copy_from_slice(&row[3 * part.left as usize..][..length]),
        }
    }
    let Some(windows) = &rows else {
        return rgb(part, narrowed);
    };
    let mut resized = vec![0; windows.len() * length];
    let mut sums = vec![0; length];
    for (window, made) in windows.iter().zip(resized.chunks_exact_mut(length)) {
        let rows = &narrowed[(window.first - first) as usize * length..];
        window.row(rows, &mut sums);
        for (byte, sum) in made.iter_mut().zip(&sums) {
            *byte = rounded(*sum);
        }
    }
    rgb(part, resized)
}

fn rgb(part: Part, bytes: Vec<u8>) -> RgbImage {
    RgbImage::from_raw(part.width, part.height, bytes).expect("three bytes for each pixel")
}

/// A filter: its weight by distance, zero beyond `support`.
struct Kernel {
    support: f64,
    weight: fn(f64) -> f64,
}

/// The weights of the pixels that make up one pixel of the result, starting at pixel `first`.
struct Window {
    first: u32,
    weights: Vec<i32>,
}

impl Kernel {
    /// One window for each pixel of a part of `to` pixels, on a side of `from` pixels.
    fn windows(&self, from: u32, to: u32, part: Range<u32>) -> Vec<Window> {
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
        part.map(window).collect()
    }
}

/// Half of the last bit that is kept, so that truncation rounds.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

impl Window {
    /// One past the last pixel.
    fn end(&self) -> u32 {
        self.first + self.weights.len() as u32
    }

    /// The pixel that the window computes from a row.
    fn pixel(&self, row: &[[u8; 3]]) -> [u8; 3] {
        let mut sums = [HALF; 3];
        for (pixel, weight) in row[self.first as usize..].iter().zip(&self.weights) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(value) * weight;
            }
        }
        sums.map(rounded)
    }

    /// The sums of the row that the window computes from `rows`, which begin at its first row.
    fn row(&self, rows: &[u8], sums: &mut [i32]) {
        sums.fill(HALF);
        for (row, weight) in rows.chunks_exact(sums.len()).zip(&self.weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
    }
}

fn rounded(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
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

fn nearest(image: &RgbImage, (width, height): (u32, u32), part: Part) -> RgbImage {
    let columns = nearest_pixels(image.width(), width, part.left + part.width);
    let rows = nearest_pixels(image.height(), height, part.top + part.height);
    RgbImage::from_fn(part.width, part.height, |x, y| {
        let (x, y) = ((part.left + x) as usize, (part.top + y) as usize);
        *image.get_pixel(columns[x], rows[y])
    })
}

/// Steps are added up, as in Pillow: if a centre falls between two pixels, rounding decides which
/// one is taken.
fn nearest_pixels(from: u32, to: u32, end: u32) -> Vec<u32> {
    let step = f64::from(from) / f64::from(to);
    let centres = std::iter::successors(Some(step * 0.5), |centre| Some(centre + step));
    centres
        .map(|centre| (centre as u32).min(from - 1))
        .take(end as usize)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, imageops};

    /// A different value for every pixel and channel, with hard edges.
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
            let image = pattern(from_width, from_height);
            let whole = Part {
                left: 0,
                top: 0,
                width,
                height,
            };
            let resized = resize(&image, (width, height), filter, whole);
            assert_eq!(resized.as_raw(), &expected, "{}", fields[..5].join(" "));
            // A part equals that part of the whole.
            let part = Part {
                left: width / 3,
                top: height / 4,
                width: width.div_ceil(2),
                height: height.div_ceil(3),
            };
            let cut = imageops::crop_imm(&resized, part.left, part.top, part.width, part.height);
            assert_eq!(
                resize(&image, (width, height), filter, part),
                cut.to_image(),
                "{}",
                fields[..5].join(" ")
            );
            cases += 1;
        }
        assert_eq!(cases, 18);
    }
}
