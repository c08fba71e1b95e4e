//! The text files that users write: UTF-8, with or without a byte-order mark.
//!
//! Windows' editors and spreadsheets write a mark first. It is not part of the text: a class list
//! that begins with one would otherwise have a class named `<U+FEFF>cat`.

/// UTF-8's byte-order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// The marks of UTF-16, in its two byte orders.
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Why a file is not UTF-8 text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotText {
    /// It begins with a mark of UTF-16.
    Utf16,
    /// Some byte is not part of UTF-8 text.
    Invalid {
        /// The byte's line, from 1.
        line: usize,
    },
}

impl NotText {
    /// What the file is, for a message.
    pub(crate) fn problem(&self) -> &'static str {
        match self {
            Self::Utf16 => "UTF-16 text",
            Self::Invalid { .. } => "not UTF-8 text",
        }
    }

    /// The line of the first bad byte.
    pub(crate) fn line(&self) -> usize {
        match self {
            Self::Utf16 => 1,
            Self::Invalid { line } => *line,
        }
    }
}

/// The text of a file, without a byte-order mark.
///
/// # Errors
///
/// If the file is not UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, NotText> {
    if UTF_16.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(NotText::Utf16);
    }
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
        NotText::Invalid { line }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_no_part_of_the_text() {
        assert_eq!(text(b"\xef\xbb\xbfcat\n"), Ok("cat\n"));
        assert_eq!(text(b"cat\n"), Ok("cat\n"));
        assert_eq!(text(b"\xef\xbb\xbf"), Ok(""));
        // Only the first is a mark.
        assert_eq!(text(b"\xef\xbb\xbf\xef\xbb\xbfcat"), Ok("\u{feff}cat"));
    }

    #[test]
    fn other_encodings_are_errors() {
        assert_eq!(text(b"\xff\xfec\0a\0t\0"), Err(NotText::Utf16));
        assert_eq!(text(b"\xfe\xff\0c\0a\0t"), Err(NotText::Utf16));
        let latin_1 = text(b"\xef\xbb\xbfcat\ncaf\xe9\n");
        assert_eq!(latin_1, Err(NotText::Invalid { line: 2 }));
    }
}
