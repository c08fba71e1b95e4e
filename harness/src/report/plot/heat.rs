//! Percentages in a grid of colours.

use super::WIDTH;
use super::palette::heat;
use super::svg::{Anchor, LINE, Svg, width_of};

/// Percentages in rows and columns.
#[derive(Debug, Clone)]
pub struct Heat {
    /// What the columns are.
    pub across: String,
    /// The texts of the columns; empty if there are too many.
    pub columns: Vec<String>,
    /// The rows from top to bottom: a name, and a percentage for each column.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Heat {
    /// Draws it. Numbers are written where they fit.
    pub fn svg(&self) -> Svg {
        let names = self.rows.iter().map(|(name, _)| width_of(name));
        let left = names.fold(14.0, f64::max).min(170.0) + 8.0;
        let columns = self
            .rows
            .iter()
            .map(|(_, values)| values.len())
            .max()
            .unwrap_or(1)
            .max(1);
        let width = (WIDTH - left - 4.0) / columns as f64;
        let height = width.clamp(LINE + 3.0, 30.0);
        let top = 4.0;
        let bottom = top + height * self.rows.len() as f64;
        let below = if self.columns.is_empty() {
            LINE
        } else {
            2.0 * LINE
        };
        let mut svg = Svg::new(bottom + below + 6.0);
        let fits = |text: &str| width_of(text) <= width - 2.0;
        for (index, (name, values)) in self.rows.iter().enumerate() {
            let y = top + index as f64 * height;
            svg.text([left - 6.0, y + height / 2.0 + 4.0], Anchor::End, name);
            for (column, value) in values.iter().enumerate() {
                let Some(value) = value else { continue };
                let x = left + column as f64 * width;
                let (colour, light) = heat(value / 100.0);
                svg.rectangle([x, y], [width, height], &colour);
                let text = format!("{value:.0}");
                if fits(&text) {
                    let ink = if light { "#fff" } else { "#000" };
                    let at = [x + width / 2.0, y + height / 2.0 + 4.0];
                    svg.coloured_text(at, Anchor::Middle, ink, &text);
                }
            }
        }
        let mut free = f64::NEG_INFINITY;
        for (column, text) in self.columns.iter().enumerate() {
            let x = left + (column as f64 + 0.5) * width;
            let half = width_of(text) / 2.0;
            if x - half >= free.max(left - 6.0) && x + half <= WIDTH {
                svg.text([x, bottom + LINE - 2.0], Anchor::Middle, text);
                free = x + half + 4.0;
            }
        }
        let middle = left + (WIDTH - left) / 2.0;
        svg.text([middle, bottom + below], Anchor::Middle, &self.across);
        svg
    }
}
