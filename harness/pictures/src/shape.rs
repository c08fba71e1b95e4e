//! The shapes that pictures show.

use crate::outline::{Outline, Point};
use std::f32::consts::{PI, TAU};
use std::sync::LazyLock;

/// A shape: sixteen outlines that can be told apart at a size of 18 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A disc.
    Circle,
    /// A square with horizontal and vertical sides.
    Square,
    /// A triangle that points up.
    Triangle,
    /// A rhombus on its corner, taller than wide.
    Diamond,
    /// A five-pointed star.
    Star,
    /// Two crossed bars of equal length.
    Plus,
    /// A disc with a round hole.
    Ring,
    /// A heart.
    Heart,
    /// A crescent moon, open to the right.
    Crescent,
    /// An arrow with a shaft, pointing right.
    Arrow,
    /// A lightning bolt.
    Bolt,
    /// A drop of water, tip up.
    Drop,
    /// An ellipse, almost twice as wide as tall.
    Oval,
    /// A bent bar that points up.
    Chevron,
    /// Two triangles that meet at their tips.
    Hourglass,
    /// A square with a square hole.
    Frame,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 16] = [
        Self::Circle,
        Self::Square,
        Self::Triangle,
        Self::Diamond,
        Self::Star,
        Self::Plus,
        Self::Ring,
        Self::Heart,
        Self::Crescent,
        Self::Arrow,
        Self::Bolt,
        Self::Drop,
        Self::Oval,
        Self::Chevron,
        Self::Hourglass,
        Self::Frame,
    ];

    /// The name in English.
    pub fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Diamond => "diamond",
            Self::Star => "star",
            Self::Plus => "plus",
            Self::Ring => "ring",
            Self::Heart => "heart",
            Self::Crescent => "crescent",
            Self::Arrow => "arrow",
            Self::Bolt => "bolt",
            Self::Drop => "drop",
            Self::Oval => "oval",
            Self::Chevron => "chevron",
            Self::Hourglass => "hourglass",
            Self::Frame => "frame",
        }
    }

    pub(crate) fn outline(self) -> &'static Outline {
        static OUTLINES: LazyLock<[Outline; 16]> =
            LazyLock::new(|| Shape::ALL.map(|shape| Outline::new(&shape.contours())));
        &OUTLINES[self as usize]
    }

    fn contours(self) -> Vec<Vec<Point>> {
        match self {
            Self::Circle => vec![ellipse(0.95, 0.95)],
            Self::Square => vec![rectangle(0.82)],
            Self::Triangle => vec![vec![[0.0, -0.95], [0.98, 0.8], [-0.98, 0.8]]],
            Self::Diamond => vec![vec![[0.0, -1.0], [0.66, 0.0], [0.0, 1.0], [-0.66, 0.0]]],
            Self::Star => vec![star()],
            Self::Plus => vec![plus()],
            Self::Ring => vec![ellipse(1.0, 1.0), ellipse(0.45, 0.45)],
            Self::Heart => vec![heart()],
            Self::Crescent => vec![crescent()],
            Self::Arrow => vec![mirrored(&[
                [-0.98, -0.36],
                [0.0, -0.36],
                [0.0, -0.95],
                [1.0, 0.0],
            ])],
            Self::Bolt => vec![vec![
                [-0.25, -1.0],
                [0.6, -1.0],
                [0.28, -0.32],
                [0.8, -0.32],
                [-0.45, 1.0],
                [-0.12, 0.18],
                [-0.72, 0.18],
            ]],
            Self::Drop => vec![drop()],
            Self::Oval => vec![ellipse(1.0, 0.54)],
            Self::Chevron => vec![vec![
                [0.0, -0.8],
                [1.0, 0.05],
                [1.0, 0.95],
                [0.0, 0.12],
                [-1.0, 0.95],
                [-1.0, 0.05],
            ]],
            Self::Hourglass => vec![vec![
                [-0.8, -0.95],
                [0.8, -0.95],
                [0.12, 0.0],
                [0.8, 0.95],
                [-0.8, 0.95],
                [-0.12, 0.0],
            ]],
            Self::Frame => vec![rectangle(0.87), rectangle(0.42)],
        }
    }
}

/// The number of corners of the polygon that approximates a circle or another curve.
const CORNERS: u16 = 36;

/// Points of an arc around a centre, including both ends.
fn arc([x, y]: Point, radius: f32, from: f32, to: f32) -> impl Iterator<Item = Point> {
    (0..=CORNERS).map(move |at| {
        let angle = from + (to - from) * f32::from(at) / f32::from(CORNERS);
        [
            x + radius * libm::cosf(angle),
            y + radius * libm::sinf(angle),
        ]
    })
}

fn ellipse(half_width: f32, half_height: f32) -> Vec<Point> {
    arc([0.0, 0.0], 1.0, 0.0, TAU)
        .take(CORNERS.into())
        .map(|[x, y]| [x * half_width, y * half_height])
        .collect()
}

fn rectangle(half: f32) -> Vec<Point> {
    vec![[-half, -half], [half, -half], [half, half], [-half, half]]
}

/// The given points and their mirror images below, in reverse order.
fn mirrored(upper: &[Point]) -> Vec<Point> {
    let lower = upper.iter().rev().filter(|point| point[1] != 0.0);
    upper
        .iter()
        .copied()
        .chain(lower.map(|&[x, y]| [x, -y]))
        .collect()
}

fn star() -> Vec<Point> {
    (0_u8..10)
        .map(|corner| {
            let radius = if corner % 2 == 0 { 1.05 } else { 0.45 };
            let angle = f32::from(corner) * PI / 5.0;
            // From the top, clockwise. Moved down a little, because the star reaches further up
            // than down.
            [
                radius * libm::sinf(angle),
                0.07 - radius * libm::cosf(angle),
            ]
        })
        .collect()
}

fn plus() -> Vec<Point> {
    let (short, long) = (0.37, 0.98);
    mirrored(&[
        [-long, -short],
        [-short, -short],
        [-short, -long],
        [short, -long],
        [short, -short],
        [long, -short],
    ])
}

/// The curve `16 sin³t, 13 cos t − 5 cos 2t − 2 cos 3t − cos 4t`.
fn heart() -> Vec<Point> {
    (0..CORNERS)
        .map(|at| {
            let t = TAU * f32::from(at) / f32::from(CORNERS);
            let sine = libm::sinf(t);
            let height = 13.0 * libm::cosf(t)
                - 5.0 * libm::cosf(2.0 * t)
                - 2.0 * libm::cosf(3.0 * t)
                - libm::cosf(4.0 * t);
            [sine * sine * sine, -(height + 2.5) / 15.5]
        })
        .collect()
}

/// A disc of radius 1 minus a disc of radius 0.8 whose centre is half a unit further right.
fn crescent() -> Vec<Point> {
    // The circles intersect at (0.61, ±0.792), seen from the first one's centre.
    let (cross_x, cross_y) = (0.61, 0.792_4);
    let outer = libm::atan2f(cross_y, cross_x);
    let inner = libm::atan2f(cross_y, cross_x - 0.5);
    let shift = 0.18;
    let back = arc([0.5 + shift, 0.0], 0.8, TAU - inner, inner);
    arc([shift, 0.0], 1.0, outer, TAU - outer)
        .chain(back.skip(1).take(usize::from(CORNERS) - 1))
        .collect()
}

/// A disc and its two tangents through the tip.
fn drop() -> Vec<Point> {
    let (tip, middle, radius) = (-1.05, 0.35_f32, 0.64);
    // The angle between the line from the centre to the tip and the radius to a point of tangency.
    let foot = libm::acosf(radius / (middle - tip));
    let round = arc(
        [0.0, middle],
        radius,
        -PI / 2.0 + foot,
        TAU - PI / 2.0 - foot,
    );
    std::iter::once([0.0, tip]).chain(round).collect()
}
