//! Text that is put together at compile time.

/// Up to `N` bytes of text. What does not fit is counted but not kept, so that a `Text<0>` measures
/// how long a text will be.
#[derive(Debug, Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Text {
        bytes: [0; N],
        length: 0,
    };

    /// How long it is.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Its bytes.
    ///
    /// # Panics
    ///
    /// If it is not exactly `N` bytes long.
    pub const fn bytes(self) -> [u8; N] {
        assert!(self.length == N, "the text has another length");
        self.bytes
    }

    /// With a text at its end, as it is.
    pub const fn push(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() {
            self = self.byte(text[i]);
            i += 1;
        }
        self
    }

    /// With a text at its end, as a JSON string.
    pub const fn quoted(mut self, text: &str) -> Self {
        self = self.byte(b'"');
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() {
            self = match text[i] {
                b'"' => self.push("\\\""),
                b'\\' => self.push("\\\\"),
                b'\n' => self.push("\\n"),
                b'\t' => self.push("\\t"),
                control if control < 0x20 => self.push(" "),
                byte => self.byte(byte),
            };
            i += 1;
        }
        self.byte(b'"')
    }

    /// With a number at its end.
    pub const fn number(mut self, number: usize) -> Self {
        if number >= 10 {
            self = self.number(number / 10);
        }
        self.byte(b'0' + (number % 10) as u8)
    }

    const fn byte(mut self, byte: u8) -> Self {
        if self.length < N {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
        self
    }
}
