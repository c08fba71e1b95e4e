//! The handwritten digits that are built into the program: 1,797 real images of 8×8 pixels
//! (`digits/README.md` has source, licence and split). With them, a first run needs no download.

use super::kind::{SourceKind, values};
use crate::domain::contents::{Contents, ImageStore};
use crate::domain::error::DomainError;
use crate::domain::sample::Sample;
use crate::domain::written::KeyValue;
use crate::id::Label;
use flate2::read::GzDecoder;
use image::{Rgb, RgbImage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

/// One line per image: its 64 pixels row by row, from 0 (paper) to 16 (ink), then the digit.
const DATA: &[u8] = include_bytes!("digits/digits.csv.gz");
/// The lines of the data, counted from 0, that form the test split.
const TEST: &str = include_str!("digits/test.txt");

const CLASSES: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];
const SIDE: u32 = 8;
const PIXELS: usize = (SIDE * SIDE) as usize;
const MAX_VALUE: u32 = 16;

/// The 1,797 handwritten digits that are built into the program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Digits {}

impl SourceKind for Digits {
    const NAME: &'static str = "digits";
    const SUMMARY: &'static str = "1,797 handwritten digits, 8×8, built into the program";

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: )
    }

    fn root(&self) -> Option<&Path> {
        None
    }

    fn open(&self) -> Result<Contents, DomainError> {
        Ok(contents())
    }
}

struct Images {
    /// One byte per pixel, image after image.
    grey: Vec<u8>,
}

fn contents() -> Contents {
    let (grey, labels) = parse();
    let in_test = test_split();
    let sample = |image: usize| Sample {
        name: format!("{image:04}"),
        label: labels[image],
        image,
    };
    let (test, train): (Vec<usize>, Vec<usize>) =
        (0..labels.len()).partition(|image| in_test.contains(image));
    Contents {
        classes: CLASSES.map(String::from).into(),
        train: train.into_iter().map(sample).collect(),
        test: test.into_iter().map(sample).collect(),
        val: Ok(Vec::new()),
        images: Box::new(Images { grey }),
    }
}

impl ImageStore for Images {
    fn encoded(&self, number: usize) -> Result<Cow<'_, [u8]>, DomainError> {
        Ok(Cow::Borrowed(&self.grey[number * PIXELS..][..PIXELS]))
    }

    fn decode(&self, _number: usize, grey: &[u8]) -> Result<RgbImage, DomainError> {
        Ok(RgbImage::from_fn(SIDE, SIDE, |x, y| {
            Rgb([grey[(y * SIDE + x) as usize]; 3])
        }))
    }

    fn file(&self, _number: usize) -> Option<(&Path, u32)> {
        None
    }
}

/// Pixels and labels. The data is compiled in, so a mistake in it is a bug that the tests would
/// find.
fn parse() -> (Vec<u8>, Vec<Label>) {
    let mut text = String::new();
    GzDecoder::new(DATA)
        .read_to_string(&mut text)
        .expect("the digits unpack");
    let (mut grey, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let (pixels, digit) = line
            .rsplit_once(',')
            .expect("a line of the digits has commas");
        let pixels = pixels
            .split(',')
            .map(|value| value.parse().expect("a pixel is a number"));
        grey.extend(pixels.map(grey_level));
        labels.push(Label(digit.parse().expect("a digit is a number")));
    }
    (grey, labels)
}

/// Scales 0–16 to 0–255, to the nearest number, halves up.
fn grey_level(value: u32) -> u8 {
    let level = (value * 255 + MAX_VALUE / 2) / MAX_VALUE;
    u8::try_from(level).expect("a pixel is 16 at most")
}

fn test_split() -> HashSet<usize> {
    let lines = TEST.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.parse().expect("the test split is a list of numbers"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stratified;

    #[test]
    fn the_digits_are_complete() {
        let contents = contents();
        assert_eq!((contents.train.len(), contents.test.len()), (1198, 599));
        let mut counts = [0; 10];
        for sample in contents.train.iter().chain(&contents.test) {
            counts[sample.label.index()] += 1;
        }
        // As counted in the collection's own documentation.
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let mut names: Vec<_> = contents.train.iter().map(|s| s.name.as_str()).collect();
        names.extend(contents.test.iter().map(|s| s.name.as_str()));
        names.sort_unstable();
        assert_eq!((names[0], names[1796]), ("0000", "1796"));
        names.dedup();
        assert_eq!(names.len(), 1797);
    }

    #[test]
    fn pixels_are_ink_from_0_to_255() {
        let (grey, labels) = parse();
        assert_eq!(labels[0], Label(0));
        // First two rows of the first image: 0 0 5 13 9 1 0 0 / 0 0 13 15 10 15 5 0.
        let image = Images { grey: grey.clone() }
            .decode(0, &grey[..PIXELS])
            .unwrap();
        assert_eq!(image.dimensions(), (8, 8));
        let row = |y| {
            (0..8)
                .map(|x| image.get_pixel(x, y)[0])
                .collect::<Vec<u8>>()
        };
        assert_eq!(row(0), [0, 0, 80, 207, 143, 16, 0, 0]);
        assert_eq!(row(1), [0, 0, 207, 239, 159, 239, 80, 0]);
        assert_eq!(image.get_pixel(2, 0).0, [80; 3]);
        assert_eq!(grey_level(16), 255);
        assert_eq!(grey_level(8), 128);
    }

    /// The committed list is what its README says: a third of each class, drawn with seed 0.
    #[test]
    fn the_split_is_reproducible() {
        let (_, labels) = parse();
        let drawn = stratified::draw(&labels, CLASSES.len(), 1.0 / 3.0, 0).unwrap();
        let drawn: HashSet<usize> = drawn
            .iter()
            .enumerate()
            .filter_map(|(at, &drawn)| drawn.then_some(at))
            .collect();
        assert_eq!(drawn, test_split());
    }
}
