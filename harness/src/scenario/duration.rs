//! A length of time as people write it: `90s`, `30m`, `2h`, `1h30m`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time in whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WrittenDuration(u64);

/// What is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number without a unit.
    #[error("`{0}` has no unit; write `{0}s`, `{0}m` or `{0}h`")]
    NoUnit(String),
    /// Fractions of a unit, such as `1.5h`.
    #[error("`{0}` is not in whole units; write, for example, `1h30m` for one and a half hours")]
    Fraction(String),
    /// No time at all.
    #[error("must be at least `1s`, got `{0}`")]
    Nothing(String),
    /// More than anyone waits for.
    #[error("must be at most `{MOST}`, got `{0}`")]
    TooLong(String),
    /// Anything else.
    #[error("`{0}` is not a duration; write {EXAMPLES}")]
    Other(String),
}

const EXAMPLES: &str = "a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`";

/// The longest: a hundred years.
const MOST: WrittenDuration = WrittenDuration(36_500 * DAY);

const DAY: u64 = 24 * 60 * 60;

/// From the longest to the shortest, as they follow each other in `1h30m`.
const UNITS: [(char, u64); 4] = [('d', DAY), ('h', 60 * 60), ('m', 60), ('s', 1)];

impl WrittenDuration {
    /// This many seconds.
    pub const fn seconds(seconds: u64) -> WrittenDuration {
        WrittenDuration(seconds)
    }
}

impl From<WrittenDuration> for Duration {
    fn from(WrittenDuration(seconds): WrittenDuration) -> Duration {
        Duration::from_secs(seconds)
    }
}

impl FromStr for WrittenDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<WrittenDuration, DurationError> {
        let owned = || text.to_owned();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(DurationError::NoUnit(owned()));
        }
        if text.contains('.') && text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(DurationError::Fraction(owned()));
        }
        let (mut rest, mut seconds, mut units) = (text, 0_u64, &UNITS[..]);
        while !rest.is_empty() {
            let digits = rest.find(|letter: char| !letter.is_ascii_digit());
            let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
            let position = units
                .iter()
                .position(|(unit, _)| after.starts_with(*unit))
                .filter(|_| !number.is_empty())
                .ok_or_else(|| DurationError::Other(owned()))?;
            let part = number
                .parse::<u64>()
                .ok()
                .and_then(|number| number.checked_mul(units[position].1));
            seconds = part
                .and_then(|part| seconds.checked_add(part))
                .filter(|&seconds| seconds <= MOST.0)
                .ok_or_else(|| DurationError::TooLong(owned()))?;
            units = &units[position + 1..];
            rest = &after[1..];
        }
        match (text.is_empty(), seconds) {
            (true, _) => Err(DurationError::Other(owned())),
            (false, 0) => Err(DurationError::Nothing(owned())),
            (false, seconds) => Ok(WrittenDuration(seconds)),
        }
    }
}

/// With the largest units: `1h30m`, also if it was written `90m`. Days only if they are whole.
impl fmt::Display for WrittenDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(DAY) {
            return write!(f, "{}d", self.0 / DAY);
        }
        let mut rest = self.0;
        for (unit, seconds) in &UNITS[1..] {
            let number = rest / seconds;
            rest %= seconds;
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for WrittenDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WrittenDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DurationVisitor;

        impl Visitor<'_> for DurationVisitor {
            type Value = WrittenDuration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `90s`, `30m`, `2h` or `1h30m`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WrittenDuration, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<WrittenDuration, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<WrittenDuration, E> {
                Err(E::invalid_type(Unexpected::Float(number), &self))
            }
        }

        deserializer.deserialize_any(DurationVisitor)
    }
}

impl JsonSchema for WrittenDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time in days, hours, minutes and seconds: `90s`, `30m`, `2h`, `1h30m`, `2d`.",
            "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
            "minLength": 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_duration_is_read_and_shown_in_the_largest_units() {
        for (written, seconds, shown) in [
            ("90s", 90, "1m30s"),
            ("30m", 1_800, "30m"),
            ("2h", 7_200, "2h"),
            ("90m", 5_400, "1h30m"),
            ("1h30m", 5_400, "1h30m"),
            ("36h", 129_600, "36h"),
            ("48h", 172_800, "2d"),
            ("1d12h", 129_600, "36h"),
            ("1h1s", 3_601, "1h1s"),
        ] {
            let duration: WrittenDuration = written.parse().unwrap();
            assert_eq!(Duration::from(duration), Duration::from_secs(seconds));
            assert_eq!(duration.to_string(), shown);
            assert_eq!(shown.parse(), Ok(duration));
        }
    }

    #[test]
    fn a_mistake_says_what_to_write() {
        let written = [
            "",
            "7200",
            "1.5h",
            "2 h",
            "2H",
            "30m2h",
            "2h2h",
            "h",
            "0s",
            "-1h",
            "two hours",
            "40000d",
            "99999999999999999999h",
        ];
        let messages = written.map(|text| {
            let error = text.parse::<WrittenDuration>().unwrap_err();
            format!("{error}\n")
        });
        expect![[r#"
            `` is not a duration; write a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`
            `7200` has no unit; write `7200s`, `7200m` or `7200h`
            `1.5h` is not in whole units; write, for example, `1h30m` for one and a half hours
            `2 h` is not a duration; write a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`
            `2H` is not a duration; write a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`
            `30m2h` is not a duration; write a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`
            `2h2h` is not a duration; write a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`
            `h` is not a duration; write a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`
            must be at least `1s`, got `0s`
            `-1h` is not a duration; write a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`
            `two hours` is not a duration; write a number with a unit, as in `90s`, `30m`, `2h` or `1h30m`
            must be at most `36500d`, got `40000d`
            must be at most `36500d`, got `99999999999999999999h`
        "#]]
        .assert_eq(&messages.concat());
    }
}
