//! [`picture`]: one thing on paper.
//!
//! A pattern moves and turns with its thing, and lies on a thin wash of the same paint, so that the outline shows through
//! every fill. Edges are smooth: at the outline by its distance from the pixel's middle, inside by nine points a pixel.

use crate::colour::luma;
use crate::outline::Point;
use crate::random::Random;
use crate::{Combination, Fill, Style, VERSION};

/// Width and height of every picture, in pixels.
pub const SIDE: usize = 32;

/// A thing's size against the side, from and to.
const SIZE: (f32, f32) = (0.62, 0.95);
/// The largest turn to either side, in radians: 15 degrees.
const TURN: f32 = 0.262;
/// The largest extra turn of the pattern inside, in radians.
const PATTERN_TURN: f32 = 0.2;
/// The largest shift of each channel of the paint.
const PAINT_SHIFT: f32 = 0.06;
/// The largest difference of a channel of the paper from its grey.
const PAPER_TINT: f32 = 0.05;
/// The greys of papers lie between these,
const PAPER_GREY: (f32, f32) = (0.06, 0.88);
/// and at least this far from the luma of the paint.
const PAPER_CONTRAST: f32 = 0.34;
/// How much paint lies where a pattern leaves the paper free, so that the outline of a thing shows whatever its fill.
const WASH: f32 = 0.3;
/// The deviation of the noise on each channel.
const NOISE: f32 = 0.02;

/// The picture of a combination with a key of its own, in a style: red, green and blue of each pixel, row by row, 3 ·
/// [`SIDE`]² bytes.
///
/// `split_key` and `index` choose one of the endlessly many pictures of a combination. Whatever the style, the same key
/// gives the same drawing, which the style then changes.
pub fn picture(combination: Combination, style: Style, split_key: u64, index: u64) -> Vec<u8> {
    let key = [u64::from(VERSION), combination.position(), split_key, index];
    // What is drawn, the noise on it and the style's own noise each have numbers of their own.
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

/// A picture before its pixels.
struct Drawing {
    combination: Combination,
    /// Middle of the thing.
    middle: Point,
    /// Half its size, in pixels.
    half: f32,
    /// Cosine and sine of its turn,
    turn: [f32; 2],
    /// and of its pattern's.
    pattern_turn: [f32; 2],
    /// One over the pattern's period, in pixels.
    frequency: f32,
    /// Where the pattern starts, in periods.
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

    /// The share of a pixel that is painted.
    fn cover(&self, pixel: Point) -> f32 {
        let place = [pixel[0] - self.middle[0], pixel[1] - self.middle[1]];
        let outline = self.combination.shape.outline();
        // Most paper is out of the reach of any edge.
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

    /// The share of a pixel that the pattern paints, by nine points.
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

/// A place in the coordinates of what is turned by the angle of a direction.
fn turned([x, y]: Point, [cosine, sine]: [f32; 2]) -> Point {
    [x * cosine + y * sine, y * cosine - x * sine]
}

/// Evenly from the greys that are far enough from a paint.
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

    /// Pictures of every style, to the bit. If this fails because the pictures were changed on purpose, `VERSION`
    /// moves with them.
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
    fn a_style_changes_the_picture_and_not_the_drawing() {
        for combination in Combination::all() {
            let plain = picture(combination, Style::Plain, 0, 3);
            let recoloured = picture(combination, Style::Recoloured, 0, 3);
            let (plain, _) = plain.as_chunks::<3>();
            let rotated: Vec<u8> = plain.iter().flat_map(|&[r, g, b]| [b, r, g]).collect();
            assert_eq!(recoloured, rotated);
        }
    }

    #[test]
    fn paper_stands_off_from_every_paint() {
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
