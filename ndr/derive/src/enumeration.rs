//! Enums without data.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DataEnum, DeriveInput, Error, Fields, Result};

use crate::attributes::ContainerAttributes;

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
    let krate = &attributes.crate_path();
    let name = &input.ident;
    let is_v1 = attributes.v1_enum.is_some();
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let values: Vec<_> = (0..variants.len())
        .map(|i| format_ident!("VALUE_{i}"))
        .collect();
    let (number, layout, write, read) = if is_v1 {
        (
            quote!(u32),
            quote!(<u32 as #krate::Wire>::LAYOUT),
            quote!(writer.u32(value)),
            quote!(reader.u32()?),
        )
    } else {
        (
            quote!(u16),
            quote!(#krate::Layout::ENUM16),
            quote!(writer.enum16(value)),
            quote!(reader.enum16()?),
        )
    };
    let found = if is_v1 {
        quote!(let value = found;)
    } else {
        quote!(let value = u16::try_from(found).map_err(|_| unknown(found, reader))?;)
    };
    let encode = attributes.encodes().then(|| {
        quote! {
            #[automatically_derived]
            impl #krate::Encode for #name {
                #[inline]
                fn encode_inline<__S: #krate::Syntax>(
                    &self,
                    _: (),
                    writer: &mut #krate::Writer<'_, __S>,
                ) -> ::core::result::Result<(), #krate::EncodeError> {
                    let value = match self { #(#name::#variants => #values),* };
                    #write;
                    ::core::result::Result::Ok(())
                }
            }
        }
    });
    let decode = attributes.decodes().then(|| {
        quote! {
            #[automatically_derived]
            impl<'__stub> #krate::Decode<'__stub> for #name {
                type Conformance = ();
                type Inline = Self;

                #[inline]
                fn decode_conformance<__S: #krate::Syntax>(
                    _: &mut #krate::Reader<'__stub, __S>,
                ) -> ::core::result::Result<(), #krate::DecodeError> {
                    ::core::result::Result::Ok(())
                }

                #[inline]
                fn decode_inline<__S: #krate::Syntax>(
                    _: (),
                    reader: &mut #krate::Reader<'__stub, __S>,
                ) -> ::core::result::Result<Self, #krate::DecodeError> {
                    #[cold]
                    fn unknown<__S: #krate::Syntax>(
                        found: u32,
                        reader: &#krate::Reader<'_, __S>,
                    ) -> #krate::DecodeError {
                        reader.error(#krate::DecodeErrorKind::UnknownEnumValue { found })
                    }

                    let found = #read;
                    #found
                    match value {
                        #(#values => ::core::result::Result::Ok(#name::#variants),)*
                        _ => ::core::result::Result::Err(unknown(found, reader)),
                    }
                }

                #[inline]
                fn decode_deferred<__S: #krate::Syntax>(
                    inline: Self,
                    _: (),
                    _: &mut #krate::Reader<'__stub, __S>,
                ) -> ::core::result::Result<Self, #krate::DecodeError> {
                    ::core::result::Result::Ok(inline)
                }
            }
        }
    });
    let message = format!("a value of `{name}` does not fit into {number}");
    Ok(quote! {
        const _: () = {
            #(
                const #values: #number = {
                    let value = #name::#variants as i128;
                    ::core::assert!(value >= 0 && value <= #number::MAX as i128, #message);
                    value as #number
                };
            )*

            #[automatically_derived]
            impl #krate::Wire for #name {
                const LAYOUT: #krate::Layout = #layout;
            }

            #[automatically_derived]
            impl #krate::Correlated for #name {
                #[inline]
                fn correlated(&self) -> i128 {
                    match self { #(#name::#variants => i128::from(#values)),* }
                }
            }

            #encode
            #decode
        };
    })
}
