//! JSON as text with its structure. Unlike a value that was read, it keeps every byte: `1.0`, `1e0`
//! and `1` stay what they are, so the checksum of a record survives.

/// How deep values may be nested. What reads them is recursive.
const DEEPEST: usize = 128;

/// A value: its text, and what is in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Json<'t> {
    pub(super) text: &'t str,
    pub(super) parts: Parts<'t>,
}

/// What is in a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parts<'t> {
    /// Text, a number, a truth value or null.
    None,
    /// The entries of a list.
    List(Vec<Json<'t>>),
    /// Keys, in quotes, and their values.
    Object(Vec<(&'t str, Json<'t>)>),
}

impl<'t> Json<'t> {
    /// Reads a value without spaces, as records are written. Whether its texts and numbers are
    /// valid, is for others to say. `None` if it is no such value.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        (reader.at == text.len()).then_some(value)
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self, depth: usize) -> Option<Json<'t>> {
        if depth > DEEPEST {
            return None;
        }
        let start = self.at;
        let parts = match self.peek()? {
            b'[' => Parts::List(self.entries(b']', |reader| reader.value(depth + 1))?),
            b'{' => Parts::Object(self.entries(b'}', |reader| {
                let key = reader.quoted()?;
                reader.eat(b':')?;
                Some((key, reader.value(depth + 1)?))
            })?),
            b'"' => {
                self.quoted()?;
                Parts::None
            }
            _ => {
                let rest = &self.text[start..];
                let length = rest.find([',', ']', '}', ':', '[', '{', '"']);
                self.at += length.unwrap_or(rest.len());
                Parts::None
            }
        };
        let text = &self.text[start..self.at];
        (!text.is_empty()).then_some(Json { text, parts })
    }

    /// What is between brackets, separated by commas.
    fn entries<T>(
        &mut self,
        end: u8,
        mut entry: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.at += 1;
        let mut entries = Vec::new();
        if self.eat(end).is_some() {
            return Some(entries);
        }
        loop {
            entries.push(entry(self)?);
            if self.eat(end).is_some() {
                return Some(entries);
            }
            self.eat(b',')?;
        }
    }

    /// A text with its quotes.
    fn quoted(&mut self) -> Option<&'t str> {
        let start = self.at;
        self.eat(b'"')?;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(start..self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_kept() {
        let text = r#"{"a":[1.0,1e-7,null,[]],"b\"]":"x,\"}","c":{}}"#;
        let json = Json::parse(text).unwrap();
        assert_eq!(json.text, text);
        let Parts::Object(entries) = json.parts else {
            panic!("an object");
        };
        let texts: Vec<_> = entries
            .iter()
            .map(|(key, value)| (*key, value.text))
            .collect();
        assert_eq!(
            texts,
            [
                (r#""a""#, "[1.0,1e-7,null,[]]"),
                (r#""b\"]""#, r#""x,\"}""#),
                (r#""c""#, "{}")
            ]
        );
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in [
            "", "{", "[1", "[1,]", "{\"a\"}", "{1:2}", "\"\\", "[]]", "\"é", &deep,
        ] {
            assert_eq!(Json::parse(text), None, "{text}");
        }
    }
}
