//! Points in two quantities, named next to their markers.

use super::axes::{self, Area};
use super::labels;
use super::legend::legend;
use super::palette::Style;
use super::scale::{Scale, near_limit};
use super::svg::{Anchor, LINE, Svg};

/// Points in two quantities.
#[derive(Debug, Clone)]
pub struct Scatter {
    /// The horizontal axis.
    pub across: Axis,
    /// The vertical axis.
    pub upwards: Axis,
    /// One point per strategy.
    pub dots: Vec<Dot>,
    /// What is said of points without a horizontal value, which stand at the left edge.
    pub without: String,
}

/// An axis.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Its title.
    pub title: String,
    /// Whether it is logarithmic.
    pub logarithmic: bool,
    /// The values that it may have.
    pub limits: [f64; 2],
}

/// A point.
#[derive(Debug, Clone)]
pub struct Dot {
    /// Its name.
    pub name: String,
    /// How it is drawn.
    pub style: Style,
    /// Its horizontal value, if it has one.
    pub across: Option<Spread>,
    /// Its vertical value.
    pub upwards: Spread,
}

/// A value with its spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, if there are several values.
    pub std: Option<f64>,
}

impl Spread {
    fn ends(self) -> [f64; 2] {
        let std = self.std.unwrap_or(0.0);
        [self.mean - std, self.mean + std]
    }

    fn text(self) -> String {
        let spread = self.std.map_or(String::new(), |std| format!(" ± {std:.2}"));
        format!("{:.2}{spread}", self.mean)
    }
}

impl Axis {
    fn scale(&self, values: impl Iterator<Item = Spread>, range: [f64; 2]) -> Scale {
        let [least, most] = self.limits;
        match self.logarithmic {
            true => Scale::logarithmic(values.map(|value| value.mean), range),
            false => {
                let ends = values.flat_map(Spread::ends);
                Scale::linear(ends.map(|end| end.clamp(least, most)), self.limits, range)
            }
        }
    }
}

/// The height of the strip for points that are far below all others.
const STRIP: f64 = 30.0;

impl Scatter {
    /// Draws it. Markers have names next to them, and a legend below if a name does not fit. Points
    /// far below all others stand in a strip at the bottom, with their value.
    pub fn svg(&self) -> Svg {
        let without = self.dots.iter().any(|dot| dot.across.is_none());
        let best = self
            .dots
            .iter()
            .map(|dot| dot.upwards.mean)
            .fold(f64::MIN, f64::max);
        let near = near_limit(self.dots.iter().map(|dot| best - dot.upwards.mean));
        let is_far = |dot: &Dot| near.is_some_and(|limit| best - dot.upwards.mean > limit);
        let whole = Area::of_height(10.0, 250.0);
        let area = Area {
            bottom: whole.bottom - if near.is_some() { STRIP } else { 0.0 },
            ..whole
        };
        // Points without a horizontal value have a strip of their own.
        let edge = if without { 92.0 } else { 0.0 };
        let plane = Area {
            left: whole.left + edge,
            ..whole
        };
        let mut svg = Svg::new(whole.bottom + axes::BELOW);
        let upwards = self
            .dots
            .iter()
            .filter(|dot| !is_far(dot))
            .map(|dot| dot.upwards);
        let y = self.upwards.scale(upwards, area.upwards());
        let across = self.dots.iter().filter_map(|dot| dot.across);
        let x = self
            .across
            .scale(across, [plane.left + 8.0, plane.right - 8.0]);
        axes::vertical(&mut svg, &area, &y, &self.upwards.title);
        axes::horizontal(&mut svg, &plane, &x, &self.across.title);
        if without {
            svg.rule([plane.left, plane.top], [plane.left, plane.bottom], true);
            let middle = whole.left + edge / 2.0;
            for (line, text) in textwrap::wrap(&self.without, 14).iter().enumerate() {
                let below = whole.bottom + LINE * (line + 1) as f64;
                svg.text([middle, below], Anchor::Middle, text);
            }
        }
        if near.is_some() {
            svg.text([whole.left - 6.0, whole.bottom - 8.0], Anchor::End, "far");
        }
        let at = |dot: &Dot| {
            let across = dot
                .across
                .map_or(whole.left + 12.0, |value| x.at(value.mean));
            match is_far(dot) {
                true => [across, whole.bottom - STRIP / 2.0],
                false => [across, y.at(dot.upwards.mean)],
            }
        };
        let markers: Vec<[f64; 2]> = self.dots.iter().map(at).collect();
        let mut bars: Vec<labels::Box> = Vec::new();
        for (dot, &[left, top]) in self.dots.iter().zip(&markers) {
            svg.series(dot.style);
            let [low, high] = dot.upwards.ends().map(|end| y.at(end));
            if low != high && !is_far(dot) {
                svg.line(dot.style, &[[left, low], [left, high]], 1.0);
                bars.push([left, high, left, low]);
            }
            if let Some(value) = dot.across.filter(|_| !self.across.logarithmic) {
                let [low, high] = value.ends().map(|end| x.at(end));
                svg.line(dot.style, &[[low, top], [high, top]], 1.0);
                bars.push([low, top, high, top]);
            }
            let across = dot.across.map_or("–".to_owned(), Spread::text);
            let tip = format!("{}: {} / {across}", dot.name, dot.upwards.text());
            svg.marker(dot.style, [left, top], 4.5, &tip);
            svg.end();
        }
        let names = self.dots.iter().map(|dot| match is_far(dot) {
            true => format!("{} ({:.1})", dot.name, dot.upwards.mean),
            false => dot.name.clone(),
        });
        let names: Vec<String> = names.collect();
        let texts: Vec<&str> = names.iter().map(String::as_str).collect();
        let places = labels::places(&texts, &markers, &bars, &whole);
        for (((dot, name), marker), place) in
            self.dots.iter().zip(&names).zip(&markers).zip(&places)
        {
            if let Some(place) = place {
                svg.series(dot.style);
                if place.far {
                    svg.leader(*marker, place.end);
                }
                svg.text(place.at, Anchor::Start, name);
                svg.end();
            }
        }
        if places.iter().any(Option::is_none) {
            let entries: Vec<(&str, Style)> = (self.dots.iter())
                .map(|dot| (dot.name.as_str(), dot.style))
                .collect();
            legend(&mut svg, &entries, false);
        }
        svg
    }
}
