//! Lines over tasks, with the spread over seeds as a band.

use super::axes::{self, Area};
use super::legend::legend;
use super::palette::Style;
use super::scale::Scale;
use super::svg::Svg;

/// Lines over whole numbers, such as tasks.
#[derive(Debug, Clone)]
pub struct Lines {
    /// The title of the horizontal axis.
    pub across: String,
    /// The title of the vertical axis.
    pub upwards: String,
    /// The values that the vertical axis may have.
    pub limits: [f64; 2],
    /// One line per strategy.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// How it is drawn.
    pub style: Style,
    /// Its points, from left to right.
    pub points: Vec<Point>,
}

/// A point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Its place, such as a task.
    pub at: u32,
    /// Its value.
    pub mean: f64,
    /// Its spread, if there are several values.
    pub std: Option<f64>,
}

impl Lines {
    /// Draws it.
    pub fn svg(&self) -> Svg {
        let area = Area::of_height(10.0, 210.0);
        let mut svg = Svg::new(area.bottom + axes::BELOW);
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let ends = points().flat_map(|point| {
            let std = point.std.unwrap_or(0.0);
            [point.mean - std, point.mean + std]
        });
        let [least, most] = self.limits;
        let ends = ends.map(|end| end.clamp(least, most));
        let y = Scale::linear(ends, self.limits, area.upwards());
        let places = points().map(|point| point.at);
        let (first, last) = (places.clone().min().unwrap_or(0), places.max().unwrap_or(1));
        let span = f64::from((last - first).max(1));
        // A little room, so that markers do not sit on the axis.
        let inner = [area.left + 10.0, area.right - 6.0];
        let x = |at: u32| inner[0] + f64::from(at - first) / span * (inner[1] - inner[0]);
        axes::vertical(&mut svg, &area, &y, &self.upwards);
        let texts = (first..=last).map(|at| (x(at), at.to_string()));
        axes::texts_below(&mut svg, &area, texts, &self.across);
        for line in &self.lines {
            svg.series(line.style);
            let edge = |sign: f64| {
                let at = move |point: &Point| y_edge(point, sign);
                line.points.iter().map(move |point| (point.at, at(point)))
            };
            if line.points.len() > 1 && line.points.iter().any(|point| point.std.is_some()) {
                let upper = edge(1.0).map(|(at, value)| [x(at), y.at(value)]);
                let lower = edge(-1.0).map(|(at, value)| [x(at), y.at(value)]);
                let lower: Vec<[f64; 2]> = lower.collect();
                let corners: Vec<[f64; 2]> = upper.chain(lower.into_iter().rev()).collect();
                svg.area(line.style, &corners);
            }
            let points = line.points.iter();
            let means: Vec<[f64; 2]> = points.map(|p| [x(p.at), y.at(p.mean)]).collect();
            svg.line(line.style, &means, 2.0);
            // Many tasks: a marker on every one would hide the line.
            let every = (line.points.len() / 12).max(1);
            for (point, at) in line.points.iter().zip(&means).step_by(every) {
                let spread = point
                    .std
                    .map_or(String::new(), |std| format!(" ± {std:.2}"));
                let tip = format!("{}, {}: {:.2}{spread}", line.name, point.at, point.mean);
                svg.marker(line.style, *at, 3.2, &tip);
            }
            svg.end();
        }
        let entries: Vec<(&str, Style)> = (self.lines.iter())
            .map(|line| (line.name.as_str(), line.style))
            .collect();
        legend(&mut svg, &entries, true);
        svg
    }
}

fn y_edge(point: &Point, sign: f64) -> f64 {
    point.mean + sign * point.std.unwrap_or(0.0)
}
