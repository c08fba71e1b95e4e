//! Where people read: standard error and standard output.
//!
//! Everything that is printed goes through here, for two reasons. First, most of it repeats what a
//! file says: a class name, a path, a message of a plugin. A terminal obeys control characters, so
//! these are shown as escapes ([`visible`]) instead. Second, `println!` panics if nobody listens;
//! here a closed pipe or a full disk never does.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Prints a line to standard error. If that fails, there is nobody to tell.
pub fn say(line: impl Display) {
    let line = line.to_string() + "\n";
    let _ = io::stderr().write_all(visible(&line).as_bytes());
}

/// Prints text for people to standard output. A closed pipe (`| head`) is not an error.
///
/// # Errors
///
/// If it cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> io::Result<()> {
    write(&visible(text))
}

/// Prints what programs read, such as CSV, to standard output: as it is, unless that is a terminal.
///
/// # Errors
///
/// As for [`print()`].
pub fn print_data(text: &str) -> io::Result<()> {
    match io::stdout().is_terminal() {
        true => print(text),
        false => write(text),
    }
}

/// The width of the terminal that standard output is, in columns; `None` if it is something else,
/// such as a file or a pipe.
///
/// A terminal that does not know its width may be described by `COLUMNS`.
pub fn width() -> Option<usize> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&out).ok();
    let columns = size.map(|size| usize::from(size.ws_col));
    columns.filter(|&columns| columns > 0).or_else(|| {
        let columns = std::env::var("COLUMNS").ok()?;
        columns.trim().parse().ok().filter(|&columns| columns > 0)
    })
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let written = (out.write_all(text.as_bytes()))
        .and_then(|()| out.write_all(newline.as_bytes()))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// The text with every control character but line breaks and tabs as an escape, `\u{1b}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| {
        matches!(letter, '\n' | '\t') || !is_control(letter)
    })
}

/// The text with every control character as an escape, so that it takes one line.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| !is_control(letter))
}

fn escaped(text: &str, shown: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(&shown) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match shown(letter) {
            true => escaped.push(letter),
            false => drop(write!(escaped, "{}", letter.escape_unicode())),
        }
    }
    Cow::Owned(escaped)
}

/// Whether a terminal or an editor obeys the character instead of showing it: the controls of ASCII
/// and Latin-1, line separators, and what changes the direction of text.
pub(crate) fn is_control(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        )
        || matches!(letter, '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_as_escapes() {
        assert_eq!(
            visible("a\u{1b}[2J\r\u{7}\u{9b}31m\u{202e}b\u{2066}\u{7f}\n\tc"),
            "a\\u{1b}[2J\\u{d}\\u{7}\\u{9b}31m\\u{202e}b\\u{2066}\\u{7f}\n\tc"
        );
        assert_eq!(on_one_line("a\n\tb\u{1b}"), "a\\u{a}\\u{9}b\\u{1b}");
        let text = "naïve café, 東京 🦊, ×, …\n\t";
        assert!(matches!(visible(text), Cow::Borrowed(same) if same == text));
    }
}
