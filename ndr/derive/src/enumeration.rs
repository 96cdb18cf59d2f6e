//! Enums without data.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DataEnum, DeriveInput, Error, Fields, Result};

use crate::attributes::ContainerAttributes;
use crate::enum_value::EnumValue;

pub(crate) fn expand(
    input: &DeriveInput,
    attributes: &ContainerAttributes,
    data: &DataEnum,
) -> Result<TokenStream> {
    if let Some(span) = attributes.encapsulated {
        return Err(Error::new(
            span,
            "encapsulated is for unions, which have `switch = T`",
        ));
    }
    if let Some(span) = attributes.ms_union {
        return Err(Error::new(
            span,
            "ms_union is for unions, which have `switch = T`",
        ));
    }
    if let Some(variant) = data
        .variants
        .iter()
        .find(|v| !matches!(v.fields, Fields::Unit))
    {
        return Err(Error::new_spanned(
            variant,
            "an enum with data is a union: add #[ndr(switch = T)] to the enum",
        ));
    }
    if data.variants.is_empty() {
        return Err(Error::new_spanned(
            &input.ident,
            "an enum on the wire has at least one value",
        ));
    }
    let value = EnumValue::new(attributes.crate_path(), attributes.v1_enum.is_some());
    let name = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    // Names of the constants that hold the values.
    let constants: Vec<_> = (0..variants.len())
        .map(|index| format_ident!("VALUE_{index}"))
        .collect();
    let number = value.number();
    let message = format!("a value of `{name}` does not fit into {number}");
    let wire = value.wire(
        name,
        &quote!(match self { #(#name::#variants => i128::from(#constants)),* }),
    );
    let encode = attributes.encodes().then(|| {
        let written = quote!(match self { #(#name::#variants => #constants),* });
        value.encode(name, &written)
    });
    let decode = attributes.decodes().then(|| {
        let read = quote! {
            match found {
                #(found if found == u32::from(#constants) => ::core::option::Option::Some(#name::#variants),)*
                _ => ::core::option::Option::None,
            }
        };
        value.decode(name, &read)
    });
    Ok(quote! {
        const _: () = {
            #(
                const #constants: #number = {
                    let value = #name::#variants as i128;
                    ::core::assert!(value >= 0 && value <= #number::MAX as i128, #message);
                    value as #number
                };
            )*
            #wire
            #encode
            #decode
        };
    })
}
