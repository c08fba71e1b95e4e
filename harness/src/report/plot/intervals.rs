//! Intervals around zero, one line each.

use super::axes::{self, Area};
use super::palette::Style;
use super::scale::{Scale, near_limit};
use super::svg::{Anchor, LINE, Svg, width_of};

/// Differences with their intervals.
#[derive(Debug, Clone)]
pub struct Intervals {
    /// The title of the horizontal axis.
    pub across: String,
    /// One per line, from top to bottom.
    pub intervals: Vec<Interval>,
}

/// A difference with its interval.
#[derive(Debug, Clone)]
pub struct Interval {
    /// Its name.
    pub name: String,
    /// How it is drawn.
    pub style: Style,
    /// The difference.
    pub mean: f64,
    /// Its interval, if there is one.
    pub ends: Option<[f64; 2]>,
}

impl Intervals {
    /// Draws it. Differences far beyond all others are arrows with a number.
    pub fn svg(&self) -> Svg {
        let names = self
            .intervals
            .iter()
            .map(|interval| width_of(&interval.name));
        let left = names.fold(60.0, f64::max).min(190.0) + 10.0;
        let height = (LINE + 6.0) * self.intervals.len() as f64;
        let area = Area {
            left,
            ..Area::of_height(8.0, height)
        };
        let mut svg = Svg::new(area.bottom + axes::BELOW);
        let near = near_limit(self.intervals.iter().map(|interval| interval.mean.abs()));
        let is_far = |mean: f64| near.is_some_and(|limit| mean.abs() > limit);
        let shown = self
            .intervals
            .iter()
            .filter(|interval| !is_far(interval.mean));
        let values = shown.flat_map(|interval| {
            let [low, high] = interval.ends.unwrap_or([interval.mean; 2]);
            [low, interval.mean, high]
        });
        let limits = [f64::NEG_INFINITY, f64::INFINITY];
        let x = Scale::linear(values.chain([0.0]), limits, area.across());
        for &tick in x.ticks() {
            let at = x.at(tick);
            svg.rule([at, area.top], [at, area.bottom], tick != 0.0);
        }
        axes::horizontal(&mut svg, &area, &x, &self.across);
        for (index, interval) in self.intervals.iter().enumerate() {
            let y = area.top + (index as f64 + 0.5) * (LINE + 6.0);
            let Interval { style, mean, .. } = *interval;
            svg.series(style);
            svg.text([area.left - 8.0, y + 4.0], Anchor::End, &interval.name);
            let ends = interval.ends.map_or(String::new(), |[low, high]| {
                format!(" [{low:.2}, {high:.2}]")
            });
            let tip = format!("{}: {mean:+.2}{ends}", interval.name);
            if is_far(mean) {
                // An arrow towards where it would be.
                let (text, anchor, at) = match mean < 0.0 {
                    true => (format!("◂ {mean:.1}"), Anchor::Start, area.left + 6.0),
                    false => (format!("{mean:+.1} ▸"), Anchor::End, area.right - 6.0),
                };
                svg.text([at, y + 4.0], anchor, &text);
            } else {
                if let Some([low, high]) = interval.ends {
                    svg.line(style, &[[x.at(low), y], [x.at(high), y]], 2.0);
                }
                svg.marker(style, [x.at(mean), y], 4.5, &tip);
            }
            svg.end();
        }
        svg
    }
}
