//! The derive macros of `harness-abi`, which re-exports them and documents what they are for in its
//! module `parameters`.
//!
//! Everything that clbench knows about a parameter comes from its field: the doc comment is its
//! description, `#[parameter(…)]` holds its default and its range. The macros write them as
//! constants, so that a plugin's manifest can carry a JSON Schema that is read without running the
//! plugin.

mod attributes;
mod choice;
mod docs;
mod names;
mod set;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a set of parameters: its schema, its `Default`, and the check of its ranges.
///
/// See the module `parameters` of `harness-abi`.
#[proc_macro_derive(ParameterSet, attributes(parameter))]
pub fn parameter_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    set::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes an enum of unit variants a parameter's value: one of a few names.
///
/// See the module `parameters` of `harness-abi`.
#[proc_macro_derive(Choice)]
pub fn choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
