//! `#[parameter(default = 0.01, above = 0)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, ExprArray, ExprLit, ExprUnary, Lit, Result, UnOp};

/// What a field's attribute says.
#[derive(Default)]
pub(crate) struct Attributes {
    pub default: Option<Expr>,
    pub required: bool,
    pub at_least: Option<Expr>,
    pub above: Option<Expr>,
    pub at_most: Option<Expr>,
    pub below: Option<Expr>,
}

impl Attributes {
    pub(crate) fn of(attributes: &[Attribute]) -> Result<Attributes> {
        let mut found = Attributes::default();
        for attribute in attributes {
            if !attribute.path().is_ident("parameter") {
                continue;
            }
            attribute.parse_nested_meta(|meta| {
                let slot = match &meta.path {
                    path if path.is_ident("required") => {
                        found.required = true;
                        return Ok(());
                    }
                    path if path.is_ident("default") => &mut found.default,
                    path if path.is_ident("at_least") => &mut found.at_least,
                    path if path.is_ident("above") => &mut found.above,
                    path if path.is_ident("at_most") => &mut found.at_most,
                    path if path.is_ident("below") => &mut found.below,
                    _ => {
                        return Err(meta.error(
                            "a parameter has `default = VALUE` or `required`, and a range: \
                             `at_least`, `above`, `at_most`, `below`",
                        ));
                    }
                };
                *slot = Some(meta.value()?.parse()?);
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// The range as a constant.
    pub(crate) fn range(&self) -> Result<TokenStream> {
        let bound = |expression: &Option<Expr>| -> Result<TokenStream> {
            match expression {
                None => Ok(quote!(::core::option::Option::None)),
                Some(expression) => {
                    let number = number(expression).ok_or_else(|| {
                        syn::Error::new_spanned(expression, "a bound is a number, written out")
                    })?;
                    Ok(quote!(::core::option::Option::Some(#number)))
                }
            }
        };
        let (at_least, above) = (bound(&self.at_least)?, bound(&self.above)?);
        let (at_most, below) = (bound(&self.at_most)?, bound(&self.below)?);
        Ok(quote! {
            ::harness_abi::parameters::schema::Range {
                at_least: #at_least, above: #above, at_most: #at_most, below: #below,
            }
        })
    }
}

/// A default as it stands in a schema.
pub(crate) enum Default {
    /// JSON.
    Json(String),
    /// The name of an enum's variant in Rust; what a scenario calls it is known to the enum alone.
    Variant(String),
}

/// A default value, which must be written out: it goes into a constant as text.
pub(crate) fn default_of(expression: &Expr) -> Result<Default> {
    if let Some(json) = json(expression) {
        return Ok(Default::Json(json));
    }
    match expression {
        Expr::Path(path) => {
            let last = path.path.segments.last().expect("a path has a segment");
            Ok(Default::Variant(last.ident.to_string()))
        }
        _ => Err(syn::Error::new_spanned(
            expression,
            "a default is a number, a string, `true`, `false`, a list of these, or a variant such as \
             `Optimiser::Sgd`, written out",
        )),
    }
}

fn json(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) => Some(quoted(&text.value())),
            Lit::Bool(flag) => Some(flag.value.to_string()),
            _ => number(expression),
        },
        Expr::Array(ExprArray { elems, .. }) => {
            let items: Option<Vec<_>> = elems.iter().map(json).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        _ => number(expression),
    }
}

/// A number's text, as Rust and JSON both read it.
fn number(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => Some(number.base10_digits().to_owned()),
        Expr::Lit(ExprLit {
            lit: Lit::Float(number),
            ..
        }) => Some(number.base10_digits().to_owned()),
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => number(expr).map(|digits| format!("-{digits}")),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            letter => out.push(letter),
        }
    }
    out + "\""
}
