//! [`Style`]: how a picture differs from those that the small CLIP was trained on.
//!
//! The constants at the top set the strength. For a model that has seen only plain pictures, the
//! styles bring, in this order, a weaker signal, changed colours, no surfaces, and inverted values.

use crate::SIDE;
use crate::random::Random;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The contrast of a faded picture, relative to the original.
const FADED_CONTRAST: f32 = 0.3;
/// The grey that a faded picture fades to.
const FADED_GREY: f32 = 0.62;
/// The standard deviation of a faded picture's noise.
const FADED_NOISE: f32 = 0.06;
/// How dark an edge becomes in a sketch: a difference of `1 / SKETCH_INK` is full ink.
const SKETCH_INK: f32 = 1.1;
/// How much colour the lines of a sketch keep: 0 for grey, 1 for each channel's own edges.
const SKETCH_TINT: f32 = 0.25;
/// The brightness of a sketch's paper.
const SKETCH_PAPER: f32 = 0.94;
/// The standard deviation of a sketch's noise.
const SKETCH_NOISE: f32 = 0.03;
/// The standard deviation of a negative's noise.
const NEGATIVE_NOISE: f32 = 0.2;

/// How a picture is changed after it is drawn.
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
    /// All styles.
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::Faded,
        Self::Recoloured,
        Self::Sketch,
        Self::Negative,
    ];

    /// The name in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Faded => "faded",
            Self::Recoloured => "recoloured",
            Self::Sketch => "sketch",
            Self::Negative => "negative",
        }
    }

    /// A description in one line.
    pub fn description(self) -> &'static str {
        match self {
            Self::Plain => "As drawn, and as the small CLIP was trained.",
            Self::Faded => "Washed out: low contrast and noise.",
            Self::Recoloured => "Red becomes green, green blue and blue red.",
            Self::Sketch => "Edges only: dark lines on light paper.",
            Self::Negative => "Inverted, with strong noise.",
        }
    }

    /// Changes a picture: its pixels row by row, with values from 0 to 1.
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

/// The name of a style that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownStyle(String);

impl fmt::Display for UnknownStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Style::ALL.map(Style::name).join(", ");
        write!(f, "unknown style `{}`; the styles are {names}", self.0)
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

/// Draws the magnitude of Sobel's operator as ink on paper. Pixels at the border are repeated
/// beyond it.
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
    fn names_are_parsed_and_others_rejected() {
        for style in Style::ALL {
            assert_eq!(style.to_string().parse(), Ok(style));
        }
        assert_eq!(
            "sepia".parse::<Style>().unwrap_err().to_string(),
            "unknown style `sepia`; the styles are plain, faded, recoloured, sketch, negative"
        );
    }

    #[test]
    fn a_sketch_has_ink_only_at_edges() {
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
