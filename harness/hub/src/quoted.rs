//! Text from elsewhere, made safe to print.

use std::fmt::{self, Display, Formatter};

/// The most characters of a text that are printed.
const LIMIT: usize = 80;

/// Prints a text between backticks: control characters are escaped, so that they cannot act on the
/// terminal, and a long text is cut.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let cut: String = self.0.chars().take(LIMIT).collect();
        let more = if cut.len() < self.0.len() { "…" } else { "" };
        write!(f, "`{}{more}`", escaped(&cut))
    }
}

/// A text whose control characters are escaped.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' | '"' | '\\' => escaped.push(c),
            c => escaped.extend(c.escape_debug()),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_long_texts_are_cut() {
        let quoted = |text: &str| Quoted(text).to_string();
        assert_eq!(quoted("it's ä\"b"), "`it's ä\"b`");
        assert_eq!(
            quoted("\u{1b}[31m\r\n\u{202e}a\\b"),
            r"`\u{1b}[31m\r\n\u{202e}a\b`"
        );
        assert_eq!(quoted(&"a".repeat(80)), format!("`{}`", "a".repeat(80)));
        assert_eq!(quoted(&"a".repeat(81)), format!("`{}…`", "a".repeat(80)));
    }
}
