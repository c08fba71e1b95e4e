//! What serde calls a field or a variant.

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{Attribute, LitStr, Result, Token};

/// What `#[serde(…)]` says, as far as it changes names or hides fields.
#[derive(Default)]
pub(crate) struct Serde {
    pub rename: Option<String>,
    pub rename_all: Option<(String, Span)>,
    pub deny_unknown_fields: bool,
    pub default: bool,
    /// The first item that a schema has no words for, such as `flatten`.
    pub unsupported: Option<(String, Span)>,
}

impl Serde {
    pub(crate) fn of(attributes: &[Attribute]) -> Result<Serde> {
        let mut serde = Serde::default();
        for attribute in attributes {
            if !attribute.path().is_ident("serde") {
                continue;
            }
            attribute.parse_nested_meta(|meta| {
                let name = meta.path.get_ident().map(ToString::to_string);
                let span = meta.path.segments[0].ident.span();
                match name.as_deref().unwrap_or_default() {
                    "rename" => serde.rename = Some(text(meta.input)?.value()),
                    "rename_all" => {
                        let style = text(meta.input)?;
                        serde.rename_all = Some((style.value(), style.span()));
                    }
                    "deny_unknown_fields" => serde.deny_unknown_fields = true,
                    "default" => {
                        serde.default = true;
                        if meta.input.peek(Token![=]) {
                            text(meta.input)?;
                        }
                    }
                    "crate" => drop(text(meta.input)?),
                    other => {
                        serde.unsupported = Some((other.to_owned(), span));
                        if meta.input.peek(Token![=]) {
                            text(meta.input)?;
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(serde)
    }

    /// An error for what cannot be described.
    pub(crate) fn refuse_unsupported(&self) -> Result<()> {
        match &self.unsupported {
            Some((name, span)) => Err(syn::Error::new(
                *span,
                format!("a parameter's schema cannot express `#[serde({name})]`; remove it"),
            )),
            None => Ok(()),
        }
    }
}

fn text(input: ParseStream<'_>) -> Result<LitStr> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// A variant's name under `rename_all`.
pub(crate) fn variant(name: &str, style: Option<&(String, Span)>) -> Result<String> {
    let Some((style, span)) = style else {
        return Ok(name.to_owned());
    };
    let words = |separator: char| {
        let mut out = String::new();
        for (i, letter) in name.chars().enumerate() {
            if letter.is_uppercase() && i > 0 {
                out.push(separator);
            }
            out.extend(letter.to_lowercase());
        }
        out
    };
    match style.as_str() {
        "kebab-case" => Ok(words('-')),
        "snake_case" => Ok(words('_')),
        "lowercase" => Ok(name.to_lowercase()),
        other => Err(syn::Error::new(
            *span,
            format!("`rename_all` must be kebab-case, snake_case or lowercase here, not {other}"),
        )),
    }
}
