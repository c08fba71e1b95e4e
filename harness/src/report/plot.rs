//! Plots as SVG: one writer and one palette for every picture of a report.
//!
//! A plot is drawn in its own coordinates, [`WIDTH`] units wide, so that text stays readable when a
//! phone shows it at its full width. Axes and text have the colour of the surrounding text
//! (`currentColor`); everything else has a colour of the [palette], which is readable on light and
//! on dark ground. So the same elements serve the page in both modes and, with a frame around them,
//! a paper.

mod axes;
mod heat;
mod intervals;
mod labels;
mod legend;
mod lines;
pub(super) mod palette;
mod scale;
mod scatter;
mod svg;

pub(super) use heat::Heat;
pub(super) use intervals::{Interval, Intervals};
pub(super) use lines::{Line, Lines, Point};
pub(super) use palette::Style;
pub(super) use scatter::{Axis, Dot, Scatter, Spread};
pub(super) use svg::Svg;

/// The width of every plot.
pub(super) const WIDTH: f64 = 420.0;
