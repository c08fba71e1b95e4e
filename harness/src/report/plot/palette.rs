//! Colours, markers and dashes.
//!
//! The first two colours are Okabe and Ito's ("Color Universal Design", 2008). The others were found
//! by a search: every colour has a contrast of at least 3:1 with white and with the dark ground of
//! the page (WCAG 2.2, 1.4.11), and any two of them differ for readers without red or green cones. A
//! colour never stands alone: neighbours differ in their marker too.

const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#00a830", "#9018f0", "#d87878", "#6090f0", "#c01878",
];

/// Dashes of lines: none for the first seven series.
const DASHES: [&str; 3] = ["", "5 3", "1.5 3"];

/// The colours of a heat map from 0 to 100 %: cividis (Nuñez, Anderton and Renslow, PLoS ONE 2018,
/// 10.1371/journal.pone.0199239), which looks the same to colour-blind readers.
pub const RAMP: [&str; 9] = [
    "#00224e", "#1b3b6f", "#434e6c", "#61656f", "#7d7c78", "#9b9476", "#bcae6c", "#dfca58",
    "#fee838",
];

/// How a series is drawn: the same in every figure of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    index: usize,
}

/// The shape of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Wedge,
    Cross,
}

const MARKERS: [Marker; 6] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Wedge,
    Marker::Cross,
];

impl Style {
    /// The style of a series, from 0.
    pub fn of(index: usize) -> Style {
        Style { index }
    }

    /// Its number, which tells a script which elements belong together.
    pub fn index(self) -> usize {
        self.index
    }

    /// Its colour.
    pub fn colour(self) -> &'static str {
        COLOURS[self.index % COLOURS.len()]
    }

    /// Its marker. Six markers and seven colours make 42 pairs.
    pub fn marker(self) -> Marker {
        MARKERS[self.index % MARKERS.len()]
    }

    /// The dashes of its line; empty for a solid one.
    pub fn dashes(self) -> &'static str {
        DASHES[self.index / COLOURS.len() % DASHES.len()]
    }
}

/// The colour of a value between 0 and 1, and whether text on it must be light.
pub fn heat(value: f64) -> (String, bool) {
    let at = value.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let below = (at as usize).min(RAMP.len() - 2);
    let part = at - below as f64;
    let [low, high] = [RAMP[below], RAMP[below + 1]].map(rgb);
    let mixed = [0, 1, 2].map(|channel| {
        let (low, high) = (f64::from(low[channel]), f64::from(high[channel]));
        (low + part * (high - low)).round() as u8
    });
    let [r, g, b] = mixed;
    (format!("#{r:02x}{g:02x}{b:02x}"), luminance(mixed) < 0.18)
}

fn rgb(hex: &str) -> [u8; 3] {
    let channel = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("a constant");
    [channel(1), channel(3), channel(5)]
}

/// Relative luminance (WCAG 2.2).
fn luminance(rgb: [u8; 3]) -> f64 {
    let [r, g, b] = rgb.map(|channel| {
        let value = f64::from(channel) / 255.0;
        match value <= 0.04045 {
            true => value / 12.92,
            false => ((value + 0.055) / 1.055).powf(2.4),
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn every_colour_stands_out_from_both_grounds() {
        let style = include_str!("../page/style.css");
        for ground in ["#ffffff", "#16181d"] {
            assert!(style.contains(&format!("--ground: {ground};")));
            for colour in COLOURS {
                let found = contrast(rgb(colour), rgb(ground));
                assert!(found >= 3.0, "{colour} on {ground}: {found:.2}");
            }
        }
    }

    #[test]
    fn text_on_a_heat_map_is_readable_everywhere() {
        for step in 0..=100 {
            let (colour, light) = heat(f64::from(step) / 100.0);
            let text = if light { [255; 3] } else { [0; 3] };
            let found = contrast(rgb(&colour), text);
            assert!(found >= 4.5, "{step} %: {found:.2}");
        }
    }

    /// A colour as it looks with one kind of cone missing: Viénot, Brettel and Mollon 1999 for
    /// protanopia and deuteranopia.
    fn seen_without(cone: [[f64; 3]; 3], rgb: [u8; 3]) -> [f64; 3] {
        let linear = rgb.map(|channel| (f64::from(channel) / 255.0).powf(2.2));
        cone.map(|row| {
            let sum: f64 = row.iter().zip(&linear).map(|(a, b)| a * b).sum();
            255.0 * sum.clamp(0.0, 1.0).powf(1.0 / 2.2)
        })
    }

    #[test]
    fn any_two_colours_differ_for_colour_blind_readers() {
        let red = [
            [0.11238, 0.88762, 0.0],
            [0.11238, 0.88762, 0.0],
            [0.00401, -0.00401, 1.0],
        ];
        let green = [
            [0.29275, 0.70725, 0.0],
            [0.29275, 0.70725, 0.0],
            [-0.02234, 0.02234, 1.0],
        ];
        for cone in [red, green] {
            for one in 0..COLOURS.len() {
                for other in 0..one {
                    let [a, b] = [one, other].map(|index| seen_without(cone, rgb(COLOURS[index])));
                    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
                    assert!(
                        squares.sqrt() >= 45.0,
                        "{one} and {other}: {}",
                        squares.sqrt()
                    );
                }
            }
        }
    }

    #[test]
    fn the_first_42_styles_are_distinct() {
        let look = |index| {
            let style = Style::of(index);
            (style.colour(), style.marker() as u8)
        };
        let looks: std::collections::HashSet<_> = (0..42).map(look).collect();
        assert_eq!(looks.len(), 42);
    }
}
