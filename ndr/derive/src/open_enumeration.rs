//! Enums as numbers: a tuple struct whose field is the value, for peers that may send any.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataStruct, DeriveInput, Error, Fields, Result, Type};

use crate::attributes::ContainerAttributes;

pub(crate) fn expand(
    input: &DeriveInput,
    attributes: &ContainerAttributes,
    data: &DataStruct,
) -> Result<TokenStream> {
    let is_v1 = attributes.v1_enum.is_some();
    check_field(input, data, if is_v1 { "u32" } else { "u16" })?;
    let krate = attributes.crate_path();
    let (layout, operation, number) = if is_v1 {
        (
            quote!(<u32 as #krate::Wire>::LAYOUT),
            quote!(u32),
            quote!(u32),
        )
    } else {
        (quote!(#krate::Layout::ENUM16), quote!(enum16), quote!(u16))
    };
    let name = &input.ident;
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
                    writer.#operation(self.0);
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
                    let found: u32 = reader.#operation()?;
                    // NDR64 gives every enum 32 bits; more than 16 of them are no value of this one.
                    match #number::try_from(found) {
                        ::core::result::Result::Ok(value) => ::core::result::Result::Ok(#name(value)),
                        ::core::result::Result::Err(_) => ::core::result::Result::Err(
                            reader.error(#krate::DecodeErrorKind::UnknownEnumValue { found }),
                        ),
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
    Ok(quote! {
        #[automatically_derived]
        impl #krate::Wire for #name {
            const LAYOUT: #krate::Layout = #layout;
        }

        #[automatically_derived]
        impl #krate::Correlated for #name {
            #[inline]
            fn correlated(&self) -> i128 {
                i128::from(self.0)
            }
        }

        #encode
        #decode
    })
}

/// The one field holds the value, in as many bits as the enum has.
fn check_field(input: &DeriveInput, data: &DataStruct, number: &str) -> Result<()> {
    if let Fields::Unnamed(fields) = &data.fields
        && fields.unnamed.len() == 1
        && let Some(field) = fields.unnamed.first()
        && let Type::Path(path) = &field.ty
        && path.path.is_ident(number)
    {
        return Ok(());
    }
    let expected = format!(
        "an enum as a struct holds its value alone: struct {}({number})",
        input.ident
    );
    Err(Error::new_spanned(&input.ident, expected))
}
