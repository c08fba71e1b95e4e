//! A parameter set's JSON Schema, as a tree of constants.
//!
//! The derive macros build the tree at compile time, and [`export_plugin!`](crate::export_plugin)
//! writes it as text into the plugin's manifest: a host reads it without running the plugin. The
//! dialect is JSON Schema 2020-12, of which these keywords are used: `type`, `description`,
//! `default`, `minimum`, `exclusiveMinimum`, `maximum`, `exclusiveMaximum`, `oneOf` with `const`,
//! `properties`, `required`, `additionalProperties`, `items`, `minItems`, `maxItems`.

use super::text::Text;
use std::fmt;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Schema {
    /// Anything; for types that check themselves.
    Any,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A whole number of at least 0.
    Unsigned,
    /// A number.
    Number,
    /// A text.
    String,
    /// A value, or `null` for none.
    Optional(&'static Schema),
    /// A list.
    List {
        /// What its items may be.
        items: &'static Schema,
        /// How many there must be; `None` for any number.
        length: Option<usize>,
    },
    /// One of a few names.
    Choice {
        /// The names.
        variants: &'static [Variant],
        /// The Rust name of the variant marked `#[default]`.
        default: Option<&'static str>,
    },
    /// A set of parameters.
    Set(&'static [Key]),
}

/// One name of a [`Schema::Choice`].
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// Its name in Rust.
    pub rust: &'static str,
    /// Its name in a scenario.
    pub name: &'static str,
    /// Its doc comment.
    pub description: &'static str,
}

/// One key of a [`Schema::Set`].
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in a scenario.
    pub name: &'static str,
    /// Its doc comment.
    pub description: &'static str,
    /// What its value may be.
    pub schema: &'static Schema,
    /// Its value if it is left out.
    pub default: Option<Default>,
    /// Whether it must be set.
    pub required: bool,
    /// Between which bounds its value must be.
    pub range: Range,
}

/// A default.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// JSON.
    Json(&'static str),
    /// The Rust name of a variant of the key's [`Schema::Choice`].
    Variant(&'static str),
}

/// The bounds of a number: JSON, as the derive writes it, or numbers that a host has read.
#[derive(Debug, Clone, Copy)]
pub struct Range<B = &'static str> {
    /// The smallest value.
    pub at_least: Option<B>,
    /// All values are larger.
    pub above: Option<B>,
    /// The largest value.
    pub at_most: Option<B>,
    /// All values are smaller.
    pub below: Option<B>,
}

impl<B> Range<B> {
    /// Whether nothing is bounded.
    pub const fn is_open(&self) -> bool {
        self.at_least.is_none()
            && self.above.is_none()
            && self.at_most.is_none()
            && self.below.is_none()
    }
}

impl<B: fmt::Display> Range<B> {
    /// Whether it contains a number.
    pub fn contains(&self, number: f64) -> bool {
        let read = |bound: &Option<B>| bound.as_ref().and_then(|b| b.to_string().parse().ok());
        let bound_holds = |bound: &Option<B>, holds: fn(&f64, &f64) -> bool| {
            read(bound).is_none_or(|bound| holds(&number, &bound))
        };
        bound_holds(&self.at_least, f64::ge)
            && bound_holds(&self.above, f64::gt)
            && bound_holds(&self.at_most, f64::le)
            && bound_holds(&self.below, f64::lt)
    }
}

/// "above 0", "at least 0 and below 1"; empty if nothing is bounded.
impl<B: fmt::Display> fmt::Display for Range<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = [
            ("at least", &self.at_least),
            ("above", &self.above),
            ("at most", &self.at_most),
            ("below", &self.below),
        ];
        let mut between = "";
        for (word, bound) in bounds {
            if let Some(bound) = bound {
                write!(f, "{between}{word} {bound}")?;
                between = " and ";
            }
        }
        Ok(())
    }
}

impl Schema {
    /// Writes the schema as JSON.
    pub(crate) const fn write<const N: usize>(&self, out: Text<N>) -> Text<N> {
        self.keywords(out.push("{")).push("}")
    }

    /// Writes the keywords, without braces: a key adds its own.
    const fn keywords<const N: usize>(&self, out: Text<N>) -> Text<N> {
        match self {
            // Keywords are joined by commas, so there must be one.
            Schema::Any => out.push("\"$comment\":\"any\""),
            Schema::Boolean => out.push("\"type\":\"boolean\""),
            Schema::Integer => out.push("\"type\":\"integer\""),
            Schema::Unsigned => out.push("\"type\":\"integer\",\"minimum\":0"),
            Schema::Number => out.push("\"type\":\"number\""),
            Schema::String => out.push("\"type\":\"string\""),
            Schema::Optional(schema) => schema.keywords(out),
            Schema::List { items, length } => {
                let out = items.write(out.push("\"type\":\"array\",\"items\":"));
                match length {
                    None => out,
                    Some(length) => out
                        .push(",\"minItems\":")
                        .number(*length)
                        .push(",\"maxItems\":")
                        .number(*length),
                }
            }
            Schema::Choice { variants, .. } => {
                let mut out = out.push("\"oneOf\":[");
                let mut i = 0;
                while i < variants.len() {
                    let Variant {
                        name, description, ..
                    } = variants[i];
                    out = out
                        .push(if i == 0 { "" } else { "," })
                        .push("{\"const\":")
                        .quoted(name)
                        .push(",\"description\":")
                        .quoted(description)
                        .push("}");
                    i += 1;
                }
                out.push("]")
            }
            Schema::Set(keys) => {
                let mut out = out.push("\"type\":\"object\",\"properties\":{");
                let mut i = 0;
                while i < keys.len() {
                    out = keys[i].write(out.push(if i == 0 { "" } else { "," }));
                    i += 1;
                }
                required(keys, out.push("}")).push(",\"additionalProperties\":false")
            }
        }
    }
}

impl Key {
    const fn write<const N: usize>(&self, out: Text<N>) -> Text<N> {
        let mut out = out
            .quoted(self.name)
            .push(":{\"description\":")
            .quoted(self.description)
            .push(",");
        let unsigned = matches!(
            self.schema,
            Schema::Unsigned | Schema::Optional(Schema::Unsigned)
        );
        let has_lower_bound = self.range.at_least.is_some() || self.range.above.is_some();
        // An unsigned number is at least 0, unless the range says more.
        out = match unsigned && has_lower_bound {
            true => out.push("\"type\":\"integer\""),
            false => self.schema.keywords(out),
        };
        out = bound(out, ",\"minimum\":", self.range.at_least);
        out = bound(out, ",\"exclusiveMinimum\":", self.range.above);
        out = bound(out, ",\"maximum\":", self.range.at_most);
        out = bound(out, ",\"exclusiveMaximum\":", self.range.below);
        match self.default {
            Some(Default::Json(json)) => out.push(",\"default\":").push(json),
            Some(Default::Variant(rust)) => out
                .push(",\"default\":")
                .quoted(variant_name(self.schema, rust)),
            None => match self.schema {
                Schema::Choice {
                    default: Some(rust),
                    ..
                } => out
                    .push(",\"default\":")
                    .quoted(variant_name(self.schema, rust)),
                _ => out,
            },
        }
        .push("}")
    }
}

const fn bound<const N: usize>(out: Text<N>, keyword: &str, value: Option<&str>) -> Text<N> {
    match value {
        Some(value) => out.push(keyword).push(value),
        None => out,
    }
}

const fn required<const N: usize>(keys: &[Key], out: Text<N>) -> Text<N> {
    let mut out = out;
    let mut any = false;
    let mut i = 0;
    while i < keys.len() {
        if keys[i].required {
            out = out
                .push(if any { "," } else { ",\"required\":[" })
                .quoted(keys[i].name);
            any = true;
        }
        i += 1;
    }
    if any { out.push("]") } else { out }
}

/// What a scenario calls a variant.
const fn variant_name(schema: &Schema, rust: &str) -> &'static str {
    let variants = match schema {
        Schema::Choice { variants, .. } => variants,
        Schema::Optional(Schema::Choice { variants, .. }) => variants,
        _ => panic!("only an enum that derives `Choice` has variants for defaults"),
    };
    let mut i = 0;
    while i < variants.len() {
        if same(variants[i].rust, rust) {
            return variants[i].name;
        }
        i += 1;
    }
    panic!("the default is not a variant of the enum");
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
