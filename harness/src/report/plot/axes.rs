//! The frame of a plot: a grid, ticks and titles.

use super::WIDTH;
use super::scale::Scale;
use super::svg::{Anchor, LINE, Svg, width_of};

/// The area of a plot between its axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

/// The space on the left of an area: ticks of four characters and a title that reads upwards.
const LEFT: f64 = 52.0;

impl Area {
    /// An area that begins at `top`.
    pub fn of_height(top: f64, height: f64) -> Area {
        Area {
            left: LEFT,
            right: WIDTH - 10.0,
            top,
            bottom: top + height,
        }
    }

    /// The coordinates of a horizontal axis.
    pub fn across(&self) -> [f64; 2] {
        [self.left, self.right]
    }

    /// The coordinates of a vertical axis, upwards.
    pub fn upwards(&self) -> [f64; 2] {
        [self.bottom, self.top]
    }
}

/// The vertical axis, with its title.
pub fn vertical(svg: &mut Svg, area: &Area, scale: &Scale, title: &str) {
    for &tick in scale.ticks() {
        let y = scale.at(tick);
        svg.rule([area.left, y], [area.right, y], true);
        svg.text([area.left - 6.0, y + 4.0], Anchor::End, &scale.text(tick));
    }
    svg.rule([area.left, area.top], [area.left, area.bottom], false);
    svg.upward_text([12.0, (area.top + area.bottom) / 2.0], title);
}

/// The horizontal axis, with its title. Ticks whose texts would touch are left out.
pub fn horizontal(svg: &mut Svg, area: &Area, scale: &Scale, title: &str) {
    let texts = scale
        .ticks()
        .iter()
        .map(|&tick| (scale.at(tick), scale.text(tick)));
    texts_below(svg, area, texts, title);
}

/// A horizontal axis with these texts at these places.
pub fn texts_below(
    svg: &mut Svg,
    area: &Area,
    texts: impl Iterator<Item = (f64, String)>,
    title: &str,
) {
    let mut free = f64::NEG_INFINITY;
    for (x, text) in texts {
        let half = width_of(&text) / 2.0;
        svg.rule([x, area.bottom], [x, area.bottom + 4.0], false);
        if x - half >= free {
            svg.text([x, area.bottom + LINE], Anchor::Middle, &text);
            free = x + half + 4.0;
        }
    }
    svg.rule([area.left, area.bottom], [area.right, area.bottom], false);
    let middle = (area.left + area.right) / 2.0;
    svg.text([middle, area.bottom + 2.0 * LINE], Anchor::Middle, title);
}

/// The height that [`horizontal`] needs below an area.
pub const BELOW: f64 = 2.0 * LINE + 6.0;
