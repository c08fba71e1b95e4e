//! The legend below a plot: markers and names in as many columns as fit.

use super::WIDTH;
use super::palette::Style;
use super::svg::{Anchor, LINE, Svg, width_of};

/// The space of a line and its marker before a name.
const KEY: f64 = 30.0;

/// Adds a legend at the bottom; `lines` draws a piece of line through each marker.
pub fn legend(svg: &mut Svg, entries: &[(&str, Style)], lines: bool) {
    let widest = entries
        .iter()
        .map(|(name, _)| width_of(name))
        .fold(0.0, f64::max);
    let column = KEY + widest + 14.0;
    let columns = ((WIDTH / column) as usize).clamp(1, entries.len().max(1));
    let rows = entries.len().div_ceil(columns);
    let top = svg.height() + 4.0;
    svg.grow(4.0 + rows as f64 * LINE);
    for (index, (name, style)) in entries.iter().enumerate() {
        let (row, across) = (index % rows.max(1), index / rows.max(1));
        let x = across as f64 * WIDTH / columns as f64 + 6.0;
        let y = top + (row as f64 + 0.5) * LINE;
        svg.series(*style);
        if lines {
            svg.line(*style, &[[x, y], [x + 20.0, y]], 2.0);
        }
        svg.marker(*style, [x + 10.0, y], 4.0, "");
        svg.text([x + KEY - 4.0, y + 4.0], Anchor::Start, name);
        svg.end();
    }
}
