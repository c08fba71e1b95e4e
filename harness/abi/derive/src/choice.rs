//! `#[derive(Choice)]`.

use crate::docs::description;
use crate::names::{self, Serde};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Result};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new_spanned(
            &input.ident,
            "`Choice` is for enums; derive `ParameterSet` for a struct",
        ));
    };
    let serde = Serde::of(&input.attrs)?;
    serde.refuse_unsupported()?;
    let mut options = Vec::new();
    let mut preselected = quote!(::core::option::Option::None);
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(syn::Error::new_spanned(
                variant,
                "a choice is a name alone; use a variant without fields",
            ));
        }
        let own = Serde::of(&variant.attrs)?;
        own.refuse_unsupported()?;
        let rust = variant.ident.to_string();
        let name = match own.rename {
            Some(name) => name,
            None => names::variant(&rust, serde.rename_all.as_ref())?,
        };
        let description = description(&variant.attrs);
        if variant.attrs.iter().any(|a| a.path().is_ident("default")) {
            preselected = quote!(::core::option::Option::Some(#rust));
        }
        options.push(quote! {
            ::harness_abi::parameters::schema::Variant {
                rust: #rust,
                name: #name,
                description: #description,
            }
        });
    }
    let (ident, (impl_generics, type_generics, bounds)) =
        (&input.ident, input.generics.split_for_impl());
    Ok(quote! {
        impl #impl_generics ::harness_abi::parameters::Parameter for #ident #type_generics #bounds {
            const SCHEMA: ::harness_abi::parameters::schema::Schema =
                ::harness_abi::parameters::schema::Schema::Choice {
                    variants: &[#(#options),*],
                    default: #preselected,
                };
        }
    })
}
