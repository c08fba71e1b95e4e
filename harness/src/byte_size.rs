//! An amount of memory as people write it: `512MiB`, `16GiB`, `16GB`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// What is not an amount of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ByteSizeError {
    /// `G` is 1000³ to some, and 1024³ to others.
    #[error(
        "`{written}` may be binary or decimal; write `{number}{letter}iB` or `{number}{letter}B`"
    )]
    Ambiguous {
        /// As written.
        written: String,
        /// Its number.
        number: String,
        /// The letter of its unit.
        letter: char,
    },
    /// Fractions of a unit, such as `1.5GiB`.
    #[error("`{0}` is not in whole units; write, for example, `1536MiB` for one and a half GiB")]
    Fraction(String),
    /// More than 64 bits can count.
    #[error("`{0}` is more than any machine has")]
    TooMuch(String),
    /// Anything else.
    #[error(
        "`{0}` is not an amount of memory; write a number with a unit, as in `512MiB` or `16GiB`"
    )]
    Other(String),
}

/// From the largest to the smallest, the binary one first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// With one decimal, for messages: `16.2 GiB`.
    pub fn rounded(self) -> String {
        let binary = UNITS.iter().filter(|(unit, _)| unit.ends_with("iB"));
        // What would be rounded to 1024.0 is 1.0 of the next unit.
        let mut fitting = binary.filter(|(_, bytes)| self.0 as f64 / *bytes as f64 >= 0.99995);
        match fitting.next() {
            Some((unit, bytes)) => format!("{:.1} {unit}", self.0 as f64 / *bytes as f64),
            None => format!("{} B", self.0),
        }
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<ByteSize, ByteSizeError> {
        let owned = || text.to_owned();
        let digits = text.find(|letter: char| !letter.is_ascii_digit());
        let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
        if number.is_empty() {
            return Err(ByteSizeError::Other(owned()));
        }
        if unit.starts_with('.') {
            return Err(ByteSizeError::Fraction(owned()));
        }
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let mut units = UNITS.iter();
        let bytes = match units.find(|(name, _)| unit.eq_ignore_ascii_case(name)) {
            Some((_, bytes)) => *bytes,
            None if unit.is_empty() => 1,
            None => {
                let unit = unit.to_ascii_uppercase();
                let letter = match unit.as_str() {
                    "T" | "G" | "M" | "K" => unit.chars().next(),
                    _ => None,
                };
                return Err(match letter {
                    Some(letter) => ByteSizeError::Ambiguous {
                        written: owned(),
                        number: number.to_owned(),
                        letter,
                    },
                    None => ByteSizeError::Other(owned()),
                });
            }
        };
        let number = number.parse::<u64>().ok();
        number
            .and_then(|number| number.checked_mul(bytes))
            .map(ByteSize)
            .ok_or_else(|| ByteSizeError::TooMuch(owned()))
    }
}

/// With the largest unit of which it is a whole number.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = UNITS.iter();
        let whole = units.find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = whole.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;

        impl Visitor<'_> for SizeVisitor {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of memory such as `512MiB` or `16GiB`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<ByteSize, E> {
                Err(E::invalid_type(Unexpected::Float(number), &self))
            }
        }

        deserializer.deserialize_any(SizeVisitor)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An amount of memory: `512MiB` and `16GiB` in powers of 1024, `16GB` in powers of 1000, or a number of bytes.",
            "oneOf": [
                {"type": "string", "pattern": "^[0-9]+ ?([KMGT]iB|[kMGT]?B)?$"},
                {"type": "integer", "minimum": 0},
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_size_is_read_and_shown_in_the_largest_whole_unit() {
        for (written, bytes, shown) in [
            ("16GiB", 16 << 30, "16GiB"),
            ("16GB", 16_000_000_000, "16GB"),
            ("1024MiB", 1 << 30, "1GiB"),
            ("512 mib", 512 << 20, "512MiB"),
            ("1000kB", 1_000_000, "1MB"),
            ("1025", 1025, "1025B"),
            ("0", 0, "0B"),
        ] {
            let size: ByteSize = written.parse().unwrap();
            assert_eq!(size, ByteSize(bytes));
            assert_eq!(size.to_string(), shown);
            assert_eq!(shown.parse(), Ok(size));
        }
        let rounded = [1023, 1536, (16 << 30) + (200 << 20)].map(|bytes| ByteSize(bytes).rounded());
        assert_eq!(rounded, ["1023 B", "1.5 KiB", "16.2 GiB"]);
        assert_eq!(ByteSize((1 << 20) - 1).rounded(), "1.0 MiB");
    }

    #[test]
    fn a_mistake_says_what_to_write() {
        let written = [
            "",
            "16G",
            "16k",
            "1.5GiB",
            "-1GiB",
            "16Gib ",
            "lots",
            "99999999TiB",
        ];
        let messages = written.map(|text| format!("{}\n", text.parse::<ByteSize>().unwrap_err()));
        expect![[r#"
            `` is not an amount of memory; write a number with a unit, as in `512MiB` or `16GiB`
            `16G` may be binary or decimal; write `16GiB` or `16GB`
            `16k` may be binary or decimal; write `16KiB` or `16KB`
            `1.5GiB` is not in whole units; write, for example, `1536MiB` for one and a half GiB
            `-1GiB` is not an amount of memory; write a number with a unit, as in `512MiB` or `16GiB`
            `16Gib ` is not an amount of memory; write a number with a unit, as in `512MiB` or `16GiB`
            `lots` is not an amount of memory; write a number with a unit, as in `512MiB` or `16GiB`
            `99999999TiB` is more than any machine has
        "#]]
        .assert_eq(&messages.concat());
    }
}
