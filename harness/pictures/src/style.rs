//! [`Style`]: how far a picture is from those that the small CLIP was trained on.
//!
//! The strengths are the constants at the top. A model that has seen plain pictures alone meets, in this order, the same
//! thing with less of a signal, another meaning of colour, no surfaces, and the inverse of what it expects.

use crate::SIDE;
use crate::random::Random;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is left of the contrast of a faded picture,
const FADED_CONTRAST: f32 = 0.3;
/// the grey that it fades to,
const FADED_GREY: f32 = 0.62;
/// and the deviation of its noise.
const FADED_NOISE: f32 = 0.06;
/// How dark a line the steepest edge of a sketch becomes; a difference of `1 / SKETCH_INK` is full ink.
const SKETCH_INK: f32 = 1.1;
/// How much of its colour a line of a sketch keeps: 0 for a grey pencil, 1 for each channel's own edges.
const SKETCH_TINT: f32 = 0.25;
/// The brightness of a sketch's paper,
const SKETCH_PAPER: f32 = 0.94;
/// and the deviation of its noise.
const SKETCH_NOISE: f32 = 0.03;
/// The deviation of the noise on a negative.
const NEGATIVE_NOISE: f32 = 0.2;

/// What is done to a picture after it was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// Nothing: as the small CLIP was trained.
    Plain,
    /// Washed out: low contrast and noise.
    Faded,
    /// Red becomes green, green blue and blue red.
    Recoloured,
    /// Edges only: dark lines on light paper.
    Sketch,
    /// Inverted, with strong noise.
    Negative,
}

impl Style {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::Faded,
        Self::Recoloured,
        Self::Sketch,
        Self::Negative,
    ];

    /// Its name, as a scenario writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Faded => "faded",
            Self::Recoloured => "recoloured",
            Self::Sketch => "sketch",
            Self::Negative => "negative",
        }
    }

    /// What it is, in a line.
    pub fn description(self) -> &'static str {
        match self {
            Self::Plain => "As drawn, and as the small CLIP was trained.",
            Self::Faded => "Washed out: low contrast and noise.",
            Self::Recoloured => "Red becomes green, green blue and blue red.",
            Self::Sketch => "Edges only: dark lines on light paper.",
            Self::Negative => "Inverted, with strong noise.",
        }
    }

    /// Changes a picture, row by row, with values from 0 to 1.
    pub(crate) fn apply(self, pixels: &mut [[f32; 3]], random: &mut Random) {
        match self {
            Self::Plain => {}
            Self::Faded => {
                each(pixels, |value| FADED_GREY + FADED_CONTRAST * (value - 0.5));
                add_noise(pixels, FADED_NOISE, random);
            }
            Self::Recoloured => {
                for pixel in pixels {
                    let [red, green, blue] = *pixel;
                    *pixel = [blue, red, green];
                }
            }
            Self::Sketch => {
                sketch(pixels);
                add_noise(pixels, SKETCH_NOISE, random);
            }
            Self::Negative => {
                each(pixels, |value| 1.0 - value);
                add_noise(pixels, NEGATIVE_NOISE, random);
            }
        }
    }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Style {
    type Err = UnknownStyle;

    fn from_str(name: &str) -> Result<Self, UnknownStyle> {
        let mut all = Self::ALL.into_iter();
        all.find(|style| style.name() == name)
            .ok_or_else(|| UnknownStyle(name.to_owned()))
    }
}

/// A name that no style has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownStyle(String);

impl fmt::Display for UnknownStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Style::ALL.map(Style::name).join(", ");
        write!(f, "no style is called `{}`: there are {names}", self.0)
    }
}

impl std::error::Error for UnknownStyle {}

fn each(pixels: &mut [[f32; 3]], change: impl Fn(f32) -> f32) {
    for value in pixels.as_flattened_mut() {
        *value = change(*value);
    }
}

fn add_noise(pixels: &mut [[f32; 3]], deviation: f32, random: &mut Random) {
    for pixel in pixels {
        for (value, noise) in pixel.iter_mut().zip(random.noise()) {
            *value += deviation * noise;
        }
    }
}

/// The steepness of each channel by Sobel's operator, as ink on paper. Beyond the border lies what is on it.
fn sketch(pixels: &mut [[f32; 3]]) {
    let plain = pixels.to_vec();
    for (place, pixel) in pixels.iter_mut().enumerate() {
        let around = |at: usize| [at.saturating_sub(1), at, (at + 1).min(SIDE - 1)];
        let columns = around(place % SIDE);
        let rows = around(place / SIDE).map(|row| columns.map(|column| plain[row * SIDE + column]));
        let [above, level, below] = rows;
        let edges: [f32; 3] = std::array::from_fn(|channel| {
            let end =
                |row: [[f32; 3]; 3]| row[0][channel] + 2.0 * row[1][channel] + row[2][channel];
            let side = |column: usize| {
                above[column][channel] + 2.0 * level[column][channel] + below[column][channel]
            };
            let across = (side(2) - side(0)) / 4.0;
            let down = (end(below) - end(above)) / 4.0;
            (across * across + down * down).sqrt()
        });
        let steepest = edges.into_iter().fold(0.0, f32::max);
        *pixel = edges.map(|edge| {
            let ink = SKETCH_TINT * edge + (1.0 - SKETCH_TINT) * steepest;
            SKETCH_PAPER * (1.0 - (SKETCH_INK * ink).min(1.0))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        for style in Style::ALL {
            assert_eq!(style.to_string().parse(), Ok(style));
        }
        assert_eq!(
            "sepia".parse::<Style>().unwrap_err().to_string(),
            "no style is called `sepia`: there are plain, faded, recoloured, sketch, negative"
        );
    }

    #[test]
    fn a_sketch_has_ink_where_a_colour_ends_and_nowhere_else() {
        let mut pixels: Vec<_> = (0..SIDE * SIDE)
            .map(|place| {
                if place % SIDE < 10 {
                    [0.5; 3]
                } else {
                    [1.0, 0.5, 0.5]
                }
            })
            .collect();
        sketch(&mut pixels);
        for row in pixels.chunks(SIDE) {
            for (column, pixel) in row.iter().enumerate() {
                let red_edge = [1.0, 1.0 - SKETCH_TINT, 1.0 - SKETCH_TINT]
                    .map(|ink| SKETCH_PAPER * (1.0 - SKETCH_INK * ink / 2.0));
                let expected = match column {
                    9 | 10 => red_edge,
                    _ => [SKETCH_PAPER; 3],
                };
                let error = |at: usize| (pixel[at] - expected[at]).abs();
                assert!((0..3).all(|at| error(at) < 1e-6), "{column}: {pixel:?}");
            }
        }
    }
}
