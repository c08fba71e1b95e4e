//! The parser's complaints, in the words of someone who wants to fix the file.
//!
//! The parser says what its grammar missed: "did not find expected ',' or '}'". The usual causes
//! are few: a tab, text that needs quotes, a Windows path in double quotes, a colon without its
//! space. Each is recognised by the complaint and the line, and gets a message that says what to
//! write instead. Any other complaint is passed on as it is.

use super::place::Place;

/// What is wrong with the text, and where to look for it.
pub(super) struct Explanation {
    pub place: Place,
    pub message: String,
}

/// Of nesting that the parser, or the tree, refuses.
pub(super) const TOO_DEEP: &str = "lists and mappings are nested too deep, more than 128 levels";

/// An opening bracket that is not closed.
#[derive(Clone, Copy)]
pub(super) struct Bracket {
    pub sign: char,
    pub line: u32,
}

/// Explains a complaint of the parser about this place. `bracket` is the innermost one that is open
/// there.
pub(super) fn explain(
    complaint: &str,
    text: &str,
    place: Place,
    bracket: Option<Bracket>,
) -> Explanation {
    let line = Line::at(text, place, bracket.is_some());
    let at = |place: Place, message: String| Explanation { place, message };
    if complaint.contains("tab") && complaint.contains("disallowed")
        || complaint.contains("found a tab")
        || complaint.contains("tab cannot")
    {
        let message = "a tab indents this line; indent with spaces".to_owned();
        return at(tab(text, place).unwrap_or(place), message);
    }
    if let Some(quoted) = line.text_with_braces() {
        let message = format!("text with `{{` in it needs quotes; write `{quoted}`");
        return at(place, message);
    }
    if complaint.contains("escape character") || complaint.contains("hexadecimal number") {
        return at(place, line.escape());
    }
    if let Some(sign) = complaint.strip_prefix("unexpected character: ") {
        let sign = sign.trim_matches(['`', '\'']);
        let sign = match sign.is_empty() {
            true => "a backtick".to_owned(),
            false => format!("`{sign}`"),
        };
        let quoted = quoted(line.value());
        let message = format!("text that begins with {sign} needs quotes; write `{quoted}`");
        return at(place, message);
    }
    let message = match complaint {
        "while parsing node, found unknown anchor" => {
            let value = line.value();
            let quoted = quoted(value);
            format!(
                "`{value}` repeats an anchor that is not defined; if it is text, write `{quoted}`"
            )
        }
        "mapping values are not allowed in this context" => {
            if let Some((place, key, value)) = line.missing_space(text) {
                let message = format!("a space is missing after `{key}:`; write `{key}: {value}`");
                return at(place, message);
            }
            match line.second_colon() {
                Some((key, value)) if is_pair(value) => {
                    let pair = match value.strip_suffix(':') {
                        Some(key) => format!("{key}: …"),
                        None => value.to_owned(),
                    };
                    let quoted = quoted(value);
                    format!(
                        "two keys on one line; write `{key}: {{{pair}}}`, or `{key}: {quoted}` if it is text"
                    )
                }
                Some((key, value)) => {
                    let value = quoted(value);
                    format!("text with `: ` in it needs quotes; write `{key}: {value}`")
                }
                None => "no key can begin here; check the indentation of this line, and whether \
                         the line before is complete"
                    .to_owned(),
            }
        }
        "recursion limit exceeded" => return at(place, TOO_DEEP.to_owned()),
        "while parsing a block mapping, did not find expected key" if line.begins_here() => {
            "the indentation of this line matches no key above; align it with the keys it belongs to"
                .to_owned()
        }
        "while parsing a block collection, did not find expected '-' indicator"
            if line.begins_here() =>
        {
            "the indentation of this line matches no entry of the list above; align it with the \
             entries, and begin it with `- `"
                .to_owned()
        }
        "while parsing a block mapping, did not find expected key" => {
            "unexpected text after the value; remove it, or put the whole value in quotes".to_owned()
        }
        "simple key expect ':'" | "simple key expected" => {
            let message = "this line is neither `key: value` nor an entry of a list, `- value`";
            return at(written_line(text, place), message.to_owned());
        }
        "invalid trailing content after double-quoted scalar" => {
            "text follows the closing quote; write a quote inside single quotes as `''`, and inside \
             double quotes as `\\\"`"
                .to_owned()
        }
        "while scanning a quoted scalar, found unexpected end of stream"
        | "invalid indentation in quoted scalar"
        | "while scanning a quoted scalar, found unexpected document indicator" => {
            "the quote that opens here is not closed; add the closing one".to_owned()
        }
        other => return at(place, in_bracket(other, place, bracket)),
    };
    at(place, message)
}

/// A complaint that the list of causes does not know. Inside brackets it names the line of the
/// opening one: a bracket that was never closed is the usual cause, and the parser notices only
/// lines later.
fn in_bracket(complaint: &str, place: Place, bracket: Option<Bracket>) -> String {
    let Some(Bracket { sign, line }) = bracket else {
        return complaint.to_owned();
    };
    let closing = if sign == '[' { ']' } else { '}' };
    match complaint {
        "illegal placement of ':' indicator"
        | "while parsing a flow mapping, did not find expected ',' or '}'"
        | "while parsing a flow sequence, expected ',' or ']'" => match line == place.line {
            true => format!("expected `,` or `{closing}` here"),
            false => format!(
                "the `{sign}` on line {line} is not closed; add `{closing}`, or a `,` before this"
            ),
        },
        other => format!("{other}, inside the `{sign}` that line {line} opens"),
    }
}

/// The line that a complaint is about, cut at the place of the complaint.
struct Line<'t> {
    whole: &'t str,
    /// The byte at which the complaint points.
    at: usize,
    number: u32,
    /// Whether a comma ends text here, as it does inside brackets.
    in_bracket: bool,
}

impl<'t> Line<'t> {
    fn at(text: &'t str, place: Place, in_bracket: bool) -> Self {
        let whole = text
            .lines()
            .nth(place.line as usize - 1)
            .unwrap_or_default();
        let mut letters = whole.char_indices();
        let at = letters.nth(place.column as usize - 1);
        Self {
            whole,
            at: at.map_or(whole.len(), |(at, _)| at),
            number: place.line,
            in_bracket,
        }
    }

    /// Whether the complaint is about the first thing on the line.
    fn begins_here(&self) -> bool {
        self.whole[..self.at].trim().is_empty()
    }

    /// The text without quotes that begins at the complaint.
    fn value(&self) -> &'t str {
        self.plain(self.at)
    }

    /// The text without quotes that begins at this byte. It ends with the line or at a comment;
    /// inside brackets also at a comma, or at a closing bracket that it did not open.
    fn plain(&self, start: usize) -> &'t str {
        let mut depth = 0;
        let ends = |&(at, sign): &(usize, char)| {
            match sign {
                '{' | '[' => depth += 1,
                '}' | ']' if depth == 0 => return self.in_bracket,
                '}' | ']' => depth -= 1,
                ',' => return self.in_bracket && depth == 0,
                '#' => return self.whole[..start + at].ends_with(' '),
                _ => {}
            }
            false
        };
        let rest = &self.whole[start..];
        let end = rest.char_indices().find(ends);
        rest[..end.map_or(rest.len(), |(at, _)| at)].trim()
    }

    /// Text that a `{` makes invalid, in quotes: `a photo of a {}` inside brackets, or `{} here`
    /// anywhere. The parser stops at the `{`, or after its `}`.
    fn text_with_braces(&self) -> Option<String> {
        let before = self.whole[..self.at].trim_end();
        let start = if self.whole[self.at..].starts_with('{') {
            let begins = [": ", ", ", "[", "- ", "{ "].into_iter();
            let start = begins.filter_map(|sign| Some(before.rfind(sign)? + sign.len()));
            start.max()?
        } else if before.ends_with('}') && !self.whole[self.at..].starts_with([']', '}', ',']) {
            before.rfind('{')?
        } else {
            return None;
        };
        let text = self.plain(start);
        let is_plain = !text.is_empty() && !text.contains(['"', ':']);
        // With nothing before its brace, or nothing after it, it is a mapping.
        let is_text = !text.starts_with('{') || !text.ends_with('}');
        (is_plain && is_text).then(|| quoted(text))
    }

    /// What is wrong with the escapes of the text in double quotes that begins here.
    fn escape(&self) -> String {
        let inside = self.whole[self.at..].trim_start_matches('"');
        let inside = &inside[..inside.find('"').unwrap_or(inside.len())];
        let mut letters = inside.chars();
        let mut unknown = None;
        while let Some(letter) = letters.next() {
            if letter != '\\' {
                continue;
            }
            let escaped = letters.next().unwrap_or('\\');
            let digits = match escaped {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ => 0,
            };
            let known = "0abt\tnvfre \"/\\N_LPxuU".contains(escaped);
            let hexadecimal = letters.clone().take(digits);
            let hexadecimal = hexadecimal.filter(char::is_ascii_hexdigit).count() == digits;
            if !known || !hexadecimal {
                unknown = Some(escaped);
                break;
            }
        }
        let escaped = unknown.map_or_else(|| "\\".to_owned(), |letter| format!("\\{letter}"));
        format!(
            "`{escaped}` is not a valid escape in double quotes; use single quotes, as in `'{}'`",
            inside.replace('\'', "''")
        )
    }

    /// The key, and all text after it, of a line with a second colon: `title: one: two`.
    fn second_colon(&self) -> Option<(&'t str, &'t str)> {
        let (key, value) = self.whole.split_once(": ")?;
        let starts = self.whole.len() - value.len();
        let value = value.trim();
        let is_plain = !value.starts_with(['"', '\'', '[', '{', '&', '*', '!']);
        (is_plain && self.at >= starts).then(|| (key.trim().trim_start_matches("- "), value))
    }

    /// The line above, if it is `key:value` without the space; its place, key and value.
    fn missing_space(&self, text: &'t str) -> Option<(Place, &'t str, &'t str)> {
        let above = text.lines().zip(1..).take(self.number as usize - 1);
        let above = above.filter(|(line, _)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        let (line, number) = above.last()?;
        let (key, value) = line.trim().split_once(':')?;
        let is_key = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let is_missing = !key.is_empty() && key.chars().all(is_key);
        (is_missing && !value.is_empty() && !value.starts_with([' ', '\t'])).then(|| {
            let column = line.len() - line.trim_start().len() + 1;
            let width = key.len() as u32 + 1;
            let place = Place {
                line: number,
                column: column as u32,
                width,
            };
            (place, key, value)
        })
    }
}

/// Whether the text looks like a key, with or without a value, rather than a sentence.
fn is_pair(text: &str) -> bool {
    let key = text
        .split(": ")
        .next()
        .unwrap_or(text)
        .trim_end_matches(':');
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    !key.is_empty() && key.chars().all(is_key)
}

/// The text in quotes, double ones unless they would change it.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        format!("\"{text}\"")
    }
}

/// The first tab in the margin of this line or a later one, where it may be meant to indent.
fn tab(text: &str, place: Place) -> Option<Place> {
    let lines = text.lines().zip(1..).skip(place.line as usize - 1);
    let mut indented = lines.filter_map(|(line, number)| {
        let margin = &line[..line.len() - line.trim_start().len()];
        let column = margin.chars().position(|letter| letter == '\t')? as u32 + 1;
        let (line, width) = (number, 1);
        Some(Place {
            line,
            column,
            width,
        })
    });
    indented.next()
}

/// The whole of the last line with text before this place.
fn written_line(text: &str, place: Place) -> Place {
    let above = place.line as usize - 1;
    let begins = text.lines().nth(above).is_none_or(|line| {
        let before = line.chars().take(place.column as usize - 1);
        before.collect::<String>().trim().is_empty()
    });
    let lines = text.lines().zip(1..).take(above + usize::from(!begins));
    let written = lines.filter(|(line, _)| !line.trim().is_empty()).last();
    written.map_or(place, |(line, number)| Place {
        line: number,
        column: (line.len() - line.trim_start().len()) as u32 + 1,
        width: line.trim().chars().count() as u32,
    })
}
