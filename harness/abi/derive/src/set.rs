//! `#[derive(ParameterSet)]`.

use crate::attributes::{Attributes, Default, default_of};
use crate::docs::description;
use crate::names::Serde;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Expr, ExprLit, Field, Fields, Lit, Result, Type};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => fields.named.iter().collect::<Vec<_>>(),
            _ => return Err(not_a_struct(input)),
        },
        _ => return Err(not_a_struct(input)),
    };
    let serde = Serde::of(&input.attrs)?;
    serde.refuse_unsupported()?;
    let parsed = fields
        .iter()
        .map(|field| Parsed::of(field))
        .collect::<Result<Vec<_>>>()?;
    let required = parsed.iter().any(|field| field.attributes.required);
    check_container(input, &serde, required, fields.is_empty())?;

    let schemas = parsed
        .iter()
        .map(Parsed::schema)
        .collect::<Result<Vec<_>>>()?;
    let checks = parsed.iter().map(Parsed::check);
    let (ident, (impl_generics, type_generics, bounds)) =
        (&input.ident, input.generics.split_for_impl());
    // What has a required key has no default.
    let default = match required {
        true => quote!(),
        false => {
            let values = parsed.iter().map(Parsed::value);
            quote! {
                impl #impl_generics ::core::default::Default for #ident #type_generics #bounds {
                    fn default() -> Self {
                        Self { #(#values),* }
                    }
                }
            }
        }
    };
    Ok(quote! {
        impl #impl_generics ::harness_abi::parameters::Parameter for #ident #type_generics #bounds {
            const SCHEMA: ::harness_abi::parameters::schema::Schema =
                ::harness_abi::parameters::schema::Schema::Set(&[#(#schemas),*]);

            fn check_ranges(
                &self,
                path: &::harness_abi::parameters::Path<'_>,
            ) -> ::harness_abi::Result<()> {
                let _ = path;
                #(#checks)*
                ::core::result::Result::Ok(())
            }
        }

        #default
    })
}

fn not_a_struct(input: &DeriveInput) -> syn::Error {
    syn::Error::new_spanned(
        &input.ident,
        "`ParameterSet` is for structs with named fields; derive `Choice` for an enum",
    )
}

/// serde must read exactly what the schema says.
fn check_container(input: &DeriveInput, serde: &Serde, required: bool, empty: bool) -> Result<()> {
    let wrong = |message: &str| Err(syn::Error::new_spanned(&input.ident, message));
    if !serde.deny_unknown_fields {
        return wrong("add `#[serde(deny_unknown_fields)]`, so that a misspelt key is an error");
    }
    if let Some((_, span)) = &serde.rename_all {
        return Err(syn::Error::new(
            *span,
            "keys are the fields' names; rename the fields instead",
        ));
    }
    match (required, serde.default) {
        (true, true) => wrong(
            "it has a required key: remove `default` from the struct's `#[serde(…)]`, and put \
             `#[serde(default)]` on the fields that may be left out",
        ),
        (false, false) if !empty => {
            wrong("add `default` to `#[serde(…)]`, so that a key that is left out has its default")
        }
        _ => Ok(()),
    }
}

/// A field, read.
struct Parsed<'a> {
    field: &'a Field,
    attributes: Attributes,
    range: TokenStream,
    key: String,
}

impl<'a> Parsed<'a> {
    fn of(field: &'a Field) -> Result<Parsed<'a>> {
        let serde = Serde::of(&field.attrs)?;
        serde.refuse_unsupported()?;
        let attributes = Attributes::of(&field.attrs)?;
        let ident = field.ident.as_ref().expect("a named field");
        if attributes.required && attributes.default.is_some() {
            return Err(syn::Error::new_spanned(
                field,
                "a required parameter has no default",
            ));
        }
        if !attributes.required && attributes.default.is_none() && needs_default(&field.ty) {
            return Err(syn::Error::new_spanned(
                field,
                "say its default: `#[parameter(default = …)]`, or `#[parameter(required)]`",
            ));
        }
        if description(&field.attrs).is_empty() {
            return Err(syn::Error::new_spanned(
                field,
                "say in a doc comment what it does: users read it in `clbench ls` and their editor",
            ));
        }
        Ok(Parsed {
            field,
            range: attributes.range()?,
            attributes,
            key: serde.rename.unwrap_or_else(|| ident.to_string()),
        })
    }

    fn schema(&self) -> Result<TokenStream> {
        let (key, ty) = (&self.key, &self.field.ty);
        let description = description(&self.field.attrs);
        let range = &self.range;
        let required = self.attributes.required;
        let default = match &self.attributes.default {
            None => quote!(::core::option::Option::None),
            Some(expression) => {
                let json = match default_of(expression)? {
                    Default::Json(json) => {
                        quote!(::harness_abi::parameters::schema::Default::Json(#json))
                    }
                    Default::Variant(rust) => {
                        quote!(::harness_abi::parameters::schema::Default::Variant(#rust))
                    }
                };
                quote!(::core::option::Option::Some(#json))
            }
        };
        Ok(quote! {
            ::harness_abi::parameters::schema::Key {
                name: #key,
                description: #description,
                schema: &<#ty as ::harness_abi::parameters::Parameter>::SCHEMA,
                default: #default,
                required: #required,
                range: #range,
            }
        })
    }

    fn check(&self) -> TokenStream {
        let (key, ident, ty) = (&self.key, &self.field.ident, &self.field.ty);
        let range = &self.range;
        quote! {
            {
                let path = path.key(#key);
                let value: &#ty = &self.#ident;
                const RANGE: ::harness_abi::parameters::schema::Range = #range;
                ::harness_abi::parameters::Parameter::check_range(value, &RANGE, &path)?;
                ::harness_abi::parameters::Parameter::check_ranges(value, &path)?;
            }
        }
    }

    fn value(&self) -> TokenStream {
        let ident = &self.field.ident;
        match &self.attributes.default {
            None => quote!(#ident: ::core::default::Default::default()),
            Some(expression) => {
                let converted = matches!(expression, Expr::Array(_))
                    || matches!(
                        expression,
                        Expr::Lit(ExprLit {
                            lit: Lit::Str(_),
                            ..
                        })
                    );
                match converted {
                    true => quote!(#ident: ::core::convert::Into::into(#expression)),
                    false => quote!(#ident: #expression),
                }
            }
        }
    }
}

/// Whether the type's own `Default` says nothing that an author would have meant.
fn needs_default(ty: &Type) -> bool {
    const PLAIN: [&str; 12] = [
        "bool", "u8", "u16", "u32", "u64", "usize", "i32", "i64", "f32", "f64", "String", "Vec",
    ];
    match ty {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| PLAIN.iter().any(|plain| last.ident == plain))
        }
        Type::Array(_) => true,
        _ => false,
    }
}
