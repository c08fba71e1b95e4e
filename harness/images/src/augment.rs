//! Training augmentation: a random resized crop and a horizontal flip, as in torchvision's
//! `RandomResizedCrop` (scale 0.08–1, ratio 3/4–4/3) and `RandomHorizontalFlip` (probability 0.5),
//! seeded per sample and draw.

use crate::prepare;
use harness_abi::backbone::{ImageInfo, Resize};
use harness_random::MersenneTwister;
use image::{RgbImage, imageops};

const SCALE: (f64, f64) = (0.08, 1.0);
const RATIO: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);
const ATTEMPTS: u32 = 10;

/// What decides an augmentation: equal keys give equal pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AugmentKey {
    /// The cell's seed.
    pub seed: u64,
    /// The sample's index into its split.
    pub sample: u64,
    /// A counter of the strategy's, such as the epoch.
    pub draw: u64,
}

/// The pixels of a random part of `image`, prepared for `spec`, plane after plane: `[3, height,
/// width]`.
pub fn augment(image: &RgbImage, spec: &ImageInfo, key: AugmentKey) -> Vec<u8> {
    let mut random = Random::new(key);
    let (x, y, width, height) = random.part(image.width(), image.height());
    let mut part = imageops::crop_imm(image, x, y, width, height).to_image();
    if random.0.uniform() < 0.5 {
        imageops::flip_horizontal_in_place(&mut part);
    }
    let spec = ImageInfo {
        resize: Resize::Stretch,
        ..spec.clone()
    };
    prepare(&part, &spec)
}

struct Random(MersenneTwister);

impl Random {
    fn new(key: AugmentKey) -> Random {
        let words: Vec<u32> = [key.seed, key.sample, key.draw]
            .into_iter()
            .flat_map(|word| [word as u32, (word >> 32) as u32])
            .collect();
        Random(MersenneTwister::from_key(&words))
    }

    fn between(&mut self, (low, high): (f64, f64)) -> f64 {
        low + (high - low) * self.0.uniform()
    }

    /// Left, top, width and height.
    fn part(&mut self, width: u32, height: u32) -> (u32, u32, u32, u32) {
        let (w, h) = (f64::from(width), f64::from(height));
        for _ in 0..ATTEMPTS {
            let area = w * h * self.between(SCALE);
            let ratio = self.between((RATIO.0.ln(), RATIO.1.ln())).exp();
            let part_w = (area * ratio).sqrt().round_ties_even() as u32;
            let part_h = (area / ratio).sqrt().round_ties_even() as u32;
            if (1..=width).contains(&part_w) && (1..=height).contains(&part_h) {
                let top = (self.0.uniform() * f64::from(height - part_h + 1)) as u32;
                let left = (self.0.uniform() * f64::from(width - part_w + 1)) as u32;
                return (left, top, part_w, part_h);
            }
        }
        // The largest centred part whose ratio is allowed.
        let ratio = (w / h).clamp(RATIO.0, RATIO.1);
        let part_w = w.min((h * ratio).round_ties_even()).max(1.0) as u32;
        let part_h = h.min((w / ratio).round_ties_even()).max(1.0) as u32;
        ((width - part_w) / 2, (height - part_h) / 2, part_w, part_h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::backbone::Filter;
    use image::Rgb;

    const KEY: AugmentKey = AugmentKey {
        seed: 1,
        sample: 2,
        draw: 3,
    };

    #[test]
    fn a_key_decides_the_picture() {
        let image = RgbImage::from_fn(40, 30, |x, y| Rgb([(6 * x) as u8, (8 * y) as u8, 7]));
        let spec = ImageInfo {
            height: 16,
            width: 16,
            resize: Resize::ShortestEdge,
            filter: Filter::Bicubic,
        };
        let picture = augment(&image, &spec, KEY);
        assert_eq!(picture.len(), 3 * 16 * 16);
        assert_eq!(picture, augment(&image, &spec, KEY));
        for other in [
            AugmentKey { seed: 2, ..KEY },
            AugmentKey { sample: 3, ..KEY },
            AugmentKey { draw: 4, ..KEY },
        ] {
            assert_ne!(picture, augment(&image, &spec, other));
        }
    }

    #[test]
    fn parts_are_inside_the_image_and_have_torchvisions_sizes() {
        let mut areas = Vec::new();
        for sample in 0..2000 {
            let (x, y, w, h) = Random::new(AugmentKey { sample, ..KEY }).part(64, 48);
            assert!(w >= 1 && h >= 1 && x + w <= 64 && y + h <= 48);
            let ratio = f64::from(w) / f64::from(h);
            assert!((0.70..1.43).contains(&ratio), "{w}×{h}");
            areas.push(f64::from(w * h) / (64.0 * 48.0));
        }
        // torchvision's mean over 200,000 draws on an image of this size is 0.439: large parts
        // whose ratio does not fit are drawn again.
        let mean = areas.iter().sum::<f64>() / areas.len() as f64;
        assert!((0.43..0.46).contains(&mean), "mean area {mean}");
        // Too long for any allowed ratio at full height: the centre.
        let (x, y, w, h) = Random::new(KEY).part(1000, 1);
        assert_eq!((y, w, h), (0, 1, 1));
        assert!(x < 1000);
    }

    /// The first numbers that a key draws. They must never change.
    #[test]
    fn draws_of_keys() {
        let key = |seed, sample, draw| AugmentKey { seed, sample, draw };
        let keys = [
            key(0, 0, 0),
            key(1, 2, 3),
            key(1992, 49_999, 7),
            key(0xffff_ffff, 1, 1 << 32),
            key(u64::MAX, u64::MAX, u64::MAX),
        ];
        let mut drawn = String::from("# SEED SAMPLE DRAW: the part of 640 x 480; 4 unit\n");
        for key in keys {
            let mut random = Random::new(key);
            let part = random.part(640, 480);
            let unit = [0; 4].map(|_| random.0.uniform());
            let AugmentKey { seed, sample, draw } = key;
            drawn += &format!("{seed} {sample} {draw}: {part:?}; {unit:?}\n");
        }
        assert_eq!(drawn, include_str!("fixtures/augment.txt"));
    }
}
