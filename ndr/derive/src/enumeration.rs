//! Enums without data.

use proc_macro2::{Ident, TokenStream};
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
    let krate = attributes.crate_path();
    let variants = data
        .variants
        .iter()
        .map(|variant| variant.ident.clone())
        .collect();
    let is_v1 = attributes.v1_enum.is_some();
    let enumeration = Enumeration {
        krate,
        name: input.ident.clone(),
        variants,
        is_v1,
    };
    let values = enumeration.values();
    let wire = enumeration.wire();
    let encode = attributes.encodes().then(|| enumeration.encode());
    let decode = attributes.decodes().then(|| enumeration.decode());
    Ok(quote! {
        const _: () = {
            #values
            #wire
            #encode
            #decode
        };
    })
}

struct Enumeration {
    krate: TokenStream,
    name: Ident,
    variants: Vec<Ident>,
    is_v1: bool,
}

impl Enumeration {
    /// Names of the constants that hold the values.
    fn constants(&self) -> impl Iterator<Item = Ident> {
        (0..self.variants.len()).map(|index| format_ident!("VALUE_{index}"))
    }

    fn values(&self) -> TokenStream {
        let (name, variants, constants) = (&self.name, &self.variants, self.constants());
        let number = if self.is_v1 { quote!(u32) } else { quote!(u16) };
        let message = format!("a value of `{name}` does not fit into {number}");
        quote! {
            #(
                const #constants: #number = {
                    let value = #name::#variants as i128;
                    ::core::assert!(value >= 0 && value <= #number::MAX as i128, #message);
                    value as #number
                };
            )*
        }
    }

    fn wire(&self) -> TokenStream {
        let (krate, name, variants) = (&self.krate, &self.name, &self.variants);
        let constants = self.constants();
        let layout = if self.is_v1 {
            quote!(<u32 as #krate::Wire>::LAYOUT)
        } else {
            quote!(#krate::Layout::ENUM16)
        };
        quote! {
            #[automatically_derived]
            impl #krate::Wire for #name {
                const LAYOUT: #krate::Layout = #layout;
            }

            #[automatically_derived]
            impl #krate::Correlated for #name {
                #[inline]
                fn correlated(&self) -> i128 {
                    match self { #(#name::#variants => i128::from(#constants)),* }
                }
            }
        }
    }

    fn encode(&self) -> TokenStream {
        let (krate, name, variants) = (&self.krate, &self.name, &self.variants);
        let constants = self.constants();
        let write = if self.is_v1 {
            quote!(u32)
        } else {
            quote!(enum16)
        };
        quote! {
            #[automatically_derived]
            impl #krate::Encode for #name {
                #[inline]
                fn encode_inline<__S: #krate::Syntax>(
                    &self,
                    _: (),
                    writer: &mut #krate::Writer<'_, __S>,
                ) -> ::core::result::Result<(), #krate::EncodeError> {
                    writer.#write(match self { #(#name::#variants => #constants),* });
                    ::core::result::Result::Ok(())
                }
            }
        }
    }

    fn decode(&self) -> TokenStream {
        let (krate, name, variants) = (&self.krate, &self.name, &self.variants);
        let constants = self.constants();
        let read = if self.is_v1 {
            quote!(u32)
        } else {
            quote!(enum16)
        };
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
                    let found = reader.#read()?;
                    #(
                        if found == u32::from(#constants) {
                            return ::core::result::Result::Ok(#name::#variants);
                        }
                    )*
                    ::core::result::Result::Err(
                        reader.error(#krate::DecodeErrorKind::UnknownEnumValue { found }),
                    )
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
    }
}
