//! [`picture`]: one shape on a background.
//!
//! The pattern is painted over a thin wash of the same colour, so that the outline shows whatever
//! the fill. Edges are smooth: at the outline by the distance from the centre of the pixel, inside
//! by sampling nine points per pixel.

use crate::colour::luma;
use crate::outline::Point;
use crate::random::Random;
use crate::{Combination, Fill, Style, VERSION};

/// Width and height of every picture, in pixels.
pub const SIDE: usize = 32;

/// The smallest and the largest size of a shape, relative to the side.
const SIZE: (f32, f32) = (0.62, 0.95);
/// The largest rotation to either side, in radians: 15 degrees.
const TURN: f32 = 0.262;
/// The largest rotation of the pattern relative to the shape, in radians.
const PATTERN_TURN: f32 = 0.2;
/// The largest random shift of each channel of the paint.
const PAINT_SHIFT: f32 = 0.06;
/// The largest random shift of each channel of the paper from its grey.
const PAPER_TINT: f32 = 0.05;
/// The darkest and the lightest grey of paper.
const PAPER_GREY: (f32, f32) = (0.06, 0.88);
/// The smallest difference between the grey of the paper and the luma of the paint.
const PAPER_CONTRAST: f32 = 0.34;
/// The amount of paint in the gaps of a pattern, so that the outline shows whatever the fill.
const WASH: f32 = 0.3;
/// The standard deviation of the noise on each channel.
const NOISE: f32 = 0.02;

/// A picture of a combination in a style: red, green and blue of each pixel, row by row,
/// 3 · [`SIDE`]² bytes.
///
/// `split_key` and `index` select one of a combination's countless pictures. The same key gives the
/// same drawing in every style; the style then changes the pixels.
pub fn picture(combination: Combination, style: Style, split_key: u64, index: u64) -> Vec<u8> {
    let key = [u64::from(VERSION), combination.position(), split_key, index];
    // The drawing, its noise and the style's noise each have their own random numbers.
    let random = |purpose: &[u64]| Random::keyed(&[&key[..], purpose].concat());
    let drawing = Drawing::random(combination, &mut random(&[]));
    let mut pixels = drawing.pixels(&mut random(&[1]));
    style.apply(&mut pixels, &mut random(&[2, style as u64]));
    let quantised = pixels
        .as_flattened()
        .iter()
        .map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
    quantised.collect()
}

/// The geometry and colours of a picture.
struct Drawing {
    combination: Combination,
    /// The centre of the shape.
    middle: Point,
    /// Half the size of the shape, in pixels.
    half: f32,
    /// Cosine and sine of the shape's rotation.
    turn: [f32; 2],
    /// Cosine and sine of the pattern's rotation.
    pattern_turn: [f32; 2],
    /// The pattern's periods per pixel.
    frequency: f32,
    /// The offset of the pattern, in periods.
    phase: Point,
    paint: [f32; 3],
    paper: [f32; 3],
}

impl Drawing {
    fn random(combination: Combination, random: &mut Random) -> Self {
        let side = SIDE as f32;
        let half = random.between(SIZE.0, SIZE.1) * side / 2.0;
        let room = side / 2.0 - half;
        let middle = [(); 2].map(|()| side / 2.0 + random.between(-room, room));
        let angle = random.between(-TURN, TURN);
        let pattern_angle = angle + random.between(-PATTERN_TURN, PATTERN_TURN);
        let direction = |angle| [libm::cosf(angle), libm::sinf(angle)];
        let (shortest, longest) = combination.fill.periods();
        let frequency = 1.0 / random.between(shortest, longest);
        let phase = [random.unit(), random.unit()];
        let paint = combination
            .colour
            .paint()
            .map(|value| value + random.between(-PAINT_SHIFT, PAINT_SHIFT));
        let grey = paper_grey(luma(combination.colour.paint()), random);
        let paper = [(); 3].map(|()| grey + random.between(-PAPER_TINT, PAPER_TINT));
        Self {
            combination,
            middle,
            half,
            turn: direction(angle),
            pattern_turn: direction(pattern_angle),
            frequency,
            phase,
            paint,
            paper,
        }
    }

    fn pixels(&self, random: &mut Random) -> Vec<[f32; 3]> {
        let at = |place: usize| [(place % SIDE) as f32 + 0.5, (place / SIDE) as f32 + 0.5];
        let pixel = |place| {
            let cover = self.cover(at(place));
            let noise = random.noise();
            std::array::from_fn(|channel| {
                let (paint, paper) = (self.paint[channel], self.paper[channel]);
                paper + cover * (paint - paper) + NOISE * noise[channel]
            })
        };
        (0..SIDE * SIDE).map(pixel).collect()
    }

    /// The fraction of a pixel that is painted.
    fn cover(&self, pixel: Point) -> f32 {
        let place = [pixel[0] - self.middle[0], pixel[1] - self.middle[1]];
        let outline = self.combination.shape.outline();
        // Shortcut: most of the paper is far from any edge.
        let reach = outline.reach() * self.half + 1.0;
        if place[0] * place[0] + place[1] * place[1] > reach * reach {
            return 0.0;
        }
        let turned = turned(place, self.turn).map(|part| part / self.half);
        // In pixels, negative inside.
        let distance = outline.distance(turned) * self.half;
        let inside = (0.5 - distance).clamp(0.0, 1.0);
        if inside == 0.0 || self.combination.fill == Fill::Solid {
            return inside;
        }
        inside * (WASH + (1.0 - WASH) * self.pattern(place))
    }

    /// The fraction of a pixel that the pattern paints, from nine points.
    fn pattern(&self, [x, y]: Point) -> f32 {
        const STEPS: [f32; 3] = [-1.0 / 3.0, 0.0, 1.0 / 3.0];
        let mut painted = 0_u8;
        for right in STEPS {
            for down in STEPS {
                let [across, along] = turned([x + right, y + down], self.pattern_turn);
                painted += u8::from(self.combination.fill.paints(
                    across * self.frequency + self.phase[0],
                    along * self.frequency + self.phase[1],
                ));
            }
        }
        f32::from(painted) / 9.0
    }
}

/// A point in coordinates that are rotated by an angle, given as its cosine and sine.
fn turned([x, y]: Point, [cosine, sine]: [f32; 2]) -> Point {
    [x * cosine + y * sine, y * cosine - x * sine]
}

/// A random grey, uniform among those that differ enough from a paint of the given luma.
fn paper_grey(paint: f32, random: &mut Random) -> f32 {
    let darker = (paint - PAPER_CONTRAST - PAPER_GREY.0).max(0.0);
    let lighter = (PAPER_GREY.1 - paint - PAPER_CONTRAST).max(0.0);
    let at = random.between(0.0, darker + lighter);
    if at < darker {
        PAPER_GREY.0 + at
    } else {
        paint + PAPER_CONTRAST + (at - darker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Colour;
    use expect_test::expect;

    /// Pins pictures of every style, to the bit. If you change pictures on purpose, increase
    /// `VERSION`.
    #[test]
    fn pictures_are_these_on_every_machine() {
        let digest = |style| {
            let mut hasher = blake3::Hasher::new();
            for (index, combination) in (0..).zip(Combination::all()) {
                hasher.update(&picture(combination, style, 7, index % 5));
            }
            format!("{style} {}\n", &hasher.finalize().to_hex()[..32])
        };
        expect![[r#"
            version 1
            plain bb3eaa96100659bb7c29f9402c980f57
            faded 387f29f177bd5124b96f7cb5bf54c49d
            recoloured 3e21572e877ae0a7a288844ff160fcbd
            sketch e33591efa2895a8c332c80862078a0b5
            negative 4d217a54a5eec630451379239230a440
        "#]]
        .assert_eq(&format!(
            "version {VERSION}\n{}",
            Style::ALL.map(digest).concat()
        ));
    }

    #[test]
    fn a_picture_depends_on_every_part_of_its_key_and_on_nothing_else() {
        let combination = Combination::all().nth(77).unwrap();
        let other = Combination::all().nth(78).unwrap();
        for style in Style::ALL {
            let one = picture(combination, style, 1, 5);
            assert_eq!(one.len(), 3 * SIDE * SIDE);
            assert_eq!(one, picture(combination, style, 1, 5));
            assert_ne!(one, picture(combination, style, 1, 6));
            assert_ne!(one, picture(combination, style, 2, 5));
            assert_ne!(one, picture(combination, style, 5, 1));
            assert_ne!(one, picture(other, style, 1, 5));
        }
    }

    #[test]
    fn a_style_changes_the_pixels_and_not_the_drawing() {
        for combination in Combination::all() {
            let plain = picture(combination, Style::Plain, 0, 3);
            let recoloured = picture(combination, Style::Recoloured, 0, 3);
            let (plain, _) = plain.as_chunks::<3>();
            let rotated: Vec<u8> = plain.iter().flat_map(|&[r, g, b]| [b, r, g]).collect();
            assert_eq!(recoloured, rotated);
        }
    }

    #[test]
    fn paper_contrasts_with_every_paint() {
        let mut random = Random::keyed(&[3]);
        for paint in Colour::ALL.map(|colour| luma(colour.paint())) {
            let greys: Vec<f32> = (0..1000).map(|_| paper_grey(paint, &mut random)).collect();
            for grey in greys {
                assert!((grey - paint).abs() > PAPER_CONTRAST - 1e-6);
                assert!((PAPER_GREY.0..PAPER_GREY.1 + 1e-6).contains(&grey));
            }
        }
    }
}
