//! The SVG writer: shapes and text, with numbers to a tenth of a unit.

use super::WIDTH;
use super::palette::{Marker, Style};
use std::fmt::{Display, Write};

/// The size of text.
pub const TEXT: f64 = 12.0;

/// The height of a line of text.
pub const LINE: f64 = 17.0;

/// A picture.
#[derive(Debug, Clone)]
pub struct Svg {
    height: f64,
    body: String,
}

/// Where a text stands in relation to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// An empty picture of this height.
    pub fn new(height: f64) -> Svg {
        Svg {
            height,
            body: String::new(),
        }
    }

    /// Makes it higher, for what stands below.
    pub fn grow(&mut self, by: f64) {
        self.height += by;
    }

    /// Its height so far.
    pub fn height(&self) -> f64 {
        self.height
    }

    /// Starts a group of elements of one series.
    pub fn series(&mut self, style: Style) {
        self.write(format_args!("<g data-series=\"{}\">", style.index()));
    }

    /// Ends a group.
    pub fn end(&mut self) {
        self.body += "</g>";
    }

    /// A straight line in the colour of text, faint if it is part of a grid.
    pub fn rule(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], faint: bool) {
        let opacity = if faint { 0.15 } else { 0.6 };
        self.write(format_args!(
            "<path d=\"M{} {}L{} {}\" stroke=\"currentColor\" stroke-opacity=\"{opacity}\"/>",
            n(x1),
            n(y1),
            n(x2),
            n(y2)
        ));
    }

    /// A thin line from a marker to its name.
    pub fn leader(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        self.write(format_args!(
            "<path d=\"M{} {}L{} {}\" stroke=\"currentColor\" stroke-opacity=\"0.45\" stroke-width=\"0.7\"/>",
            n(x1),
            n(y1),
            n(x2),
            n(y2)
        ));
    }

    /// A line through these points, as wide as `width`.
    pub fn line(&mut self, style: Style, points: &[[f64; 2]], width: f64) {
        let dashes = match style.dashes() {
            "" => String::new(),
            dashes => format!(" stroke-dasharray=\"{dashes}\""),
        };
        let path = path(points);
        self.write(format_args!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dashes}/>",
            style.colour(),
            n(width)
        ));
    }

    /// A faint area within these corners.
    pub fn area(&mut self, style: Style, corners: &[[f64; 2]]) {
        let path = path(corners);
        self.write(format_args!(
            "<path d=\"{path}Z\" fill=\"{}\" fill-opacity=\"0.14\"/>",
            style.colour()
        ));
    }

    /// A rectangle of one colour.
    pub fn rectangle(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], colour: &str) {
        self.write(format_args!(
            "<path d=\"M{} {}h{}v{}h-{}z\" fill=\"{colour}\"/>",
            n(x),
            n(y),
            n(width),
            n(height),
            n(width)
        ));
    }

    /// A marker, with a text that appears when a pointer is over it.
    pub fn marker(&mut self, style: Style, [x, y]: [f64; 2], size: f64, tip: &str) {
        let shape = match style.marker() {
            Marker::Circle => {
                let (left, r) = (n(x - size), n(size));
                let width = n(2.0 * size);
                format!(
                    "M{left} {}a{r} {r} 0 1 0 {width} 0a{r} {r} 0 1 0-{width} 0z",
                    n(y)
                )
            }
            Marker::Square => shape(
                x,
                y,
                size * 0.9,
                &[[-1., -1.], [1., -1.], [1., 1.], [-1., 1.]],
            ),
            Marker::Triangle => shape(x, y, size * 1.2, &[[0., -1.], [0.95, 0.75], [-0.95, 0.75]]),
            Marker::Diamond => shape(
                x,
                y,
                size * 1.3,
                &[[0., -1.], [1., 0.], [0., 1.], [-1., 0.]],
            ),
            Marker::Wedge => shape(x, y, size * 1.2, &[[0., 1.], [0.95, -0.75], [-0.95, -0.75]]),
            Marker::Cross => {
                const ARM: f64 = 0.38;
                let corners = [
                    [-ARM, -1.],
                    [ARM, -1.],
                    [ARM, -ARM],
                    [1., -ARM],
                    [1., ARM],
                    [ARM, ARM],
                    [ARM, 1.],
                    [-ARM, 1.],
                    [-ARM, ARM],
                    [-1., ARM],
                    [-1., -ARM],
                    [-ARM, -ARM],
                ];
                shape(x, y, size * 1.1, &corners)
            }
        };
        let colour = style.colour();
        match tip {
            "" => self.write(format_args!("<path d=\"{shape}\" fill=\"{colour}\"/>")),
            tip => self.write(format_args!(
                "<path d=\"{shape}\" fill=\"{colour}\"><title>{}</title></path>",
                escaped(tip)
            )),
        }
    }

    /// A line of text.
    pub fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, text: &str) {
        self.coloured_text([x, y], anchor, "currentColor", text);
    }

    /// A line of text in this colour.
    pub fn coloured_text(&mut self, [x, y]: [f64; 2], anchor: Anchor, colour: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.write(format_args!(
            "<text x=\"{}\" y=\"{}\"{anchor} fill=\"{colour}\">{}</text>",
            n(x),
            n(y),
            escaped(text)
        ));
    }

    /// A line of text that reads upwards.
    pub fn upward_text(&mut self, [x, y]: [f64; 2], text: &str) {
        let (x, y) = (n(x), n(y));
        self.write(format_args!(
            "<text transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\" fill=\"currentColor\">{}</text>",
            escaped(text)
        ));
    }

    /// The picture as an element of a page, with a description for those who do not see it.
    pub fn element(&self, description: &str) -> String {
        format!(
            "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" font-size=\"{}\">{}</svg>",
            n(WIDTH),
            n(self.height),
            escaped(description),
            n(TEXT),
            self.body
        )
    }

    /// The picture as a file.
    pub fn file(&self, title: &str) -> String {
        let (width, height) = (n(WIDTH), n(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"Helvetica, Arial, sans-serif\" font-size=\"{}\" color=\"#1b1e23\"><title>{}</title>{}</svg>\n",
            n(TEXT),
            escaped(title),
            self.body
        )
    }

    fn write(&mut self, element: impl Display) {
        write!(self.body, "{element}").expect("memory takes every write");
    }
}

/// The width of a text: a little more than what common fonts need.
pub fn width_of(text: &str) -> f64 {
    0.58 * TEXT * textwrap::core::display_width(text) as f64
}

fn path(points: &[[f64; 2]]) -> String {
    let mut path = String::new();
    for (index, [x, y]) in points.iter().enumerate() {
        path.push(if index == 0 { 'M' } else { 'L' });
        path += &format!("{} {}", n(*x), n(*y));
    }
    path
}

fn shape(x: f64, y: f64, size: f64, corners: &[[f64; 2]]) -> String {
    let corners = corners
        .iter()
        .map(|[dx, dy]| [x + size * dx, y + size * dy]);
    path(&corners.collect::<Vec<_>>()) + "Z"
}

/// A number as short as it can be, to a tenth.
fn n(number: f64) -> String {
    let text = format!("{number:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0" } else { text }.to_owned()
}

/// Text in XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            // XML has no others.
            '\t' | '\n' | '\r' => out.push(' '),
            character if character < ' ' => {}
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_file_stands_alone_and_an_element_takes_the_colour_of_its_page() {
        let mut svg = Svg::new(20.0);
        svg.text([1.0, 2.04], Anchor::End, "a<b & \"c\"\u{1}");
        svg.marker(Style::of(3), [10.0, 10.0], 4.0, "3 %");
        expect![[r##"
            <svg xmlns="http://www.w3.org/2000/svg" width="420" height="20" viewBox="0 0 420 20" font-family="Helvetica, Arial, sans-serif" font-size="12" color="#1b1e23"><title>T</title><text x="1" y="2" text-anchor="end" fill="currentColor">a&lt;b &amp; &quot;c&quot;</text><path d="M10 4.8L15.2 10L10 15.2L4.8 10Z" fill="#9018f0"><title>3 %</title></path></svg>
        "##]]
        .assert_eq(&svg.file("T"));
        let element = svg.element("T");
        assert!(element.starts_with("<svg viewBox=\"0 0 420 20\" role=\"img\" aria-label=\"T\""));
        assert!(!element.contains("color=\"#1b1e23\""));
    }
}
