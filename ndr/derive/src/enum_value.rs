//! How the value of an enum travels, whatever type holds it: in one phase, as a number.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// 16 bits in NDR, or 32 for a `v1_enum`; 32 in NDR64.
pub(crate) struct EnumValue {
    krate: TokenStream,
    is_v1: bool,
}

impl EnumValue {
    pub(crate) fn new(krate: TokenStream, is_v1: bool) -> Self {
        EnumValue { krate, is_v1 }
    }

    /// The type of the number.
    pub(crate) fn number(&self) -> TokenStream {
        if self.is_v1 { quote!(u32) } else { quote!(u16) }
    }

    /// What a reader and a writer call it.
    fn operation(&self) -> TokenStream {
        if self.is_v1 {
            quote!(u32)
        } else {
            quote!(enum16)
        }
    }

    /// Implements `Wire` for `name`, and `Correlated` by `correlated`, an expression of `self`.
    pub(crate) fn wire(&self, name: &Ident, correlated: &TokenStream) -> TokenStream {
        let krate = &self.krate;
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
                    #correlated
                }
            }
        }
    }

    /// Implements `Encode` for `name`: writes `value`, an expression of `self`.
    pub(crate) fn encode(&self, name: &Ident, value: &TokenStream) -> TokenStream {
        let (krate, operation) = (&self.krate, self.operation());
        quote! {
            #[automatically_derived]
            impl #krate::Encode for #name {
                #[inline]
                fn encode_inline<__S: #krate::Syntax>(
                    &self,
                    _: (),
                    writer: &mut #krate::Writer<'_, __S>,
                ) -> ::core::result::Result<(), #krate::EncodeError> {
                    writer.#operation(#value);
                    ::core::result::Result::Ok(())
                }
            }
        }
    }

    /// Implements `Decode` for `name`: `value`, an expression of the `u32` `found`, is an `Option` of
    /// what that stands for.
    pub(crate) fn decode(&self, name: &Ident, value: &TokenStream) -> TokenStream {
        let (krate, operation) = (&self.krate, self.operation());
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
                    match #value {
                        ::core::option::Option::Some(value) => ::core::result::Result::Ok(value),
                        ::core::option::Option::None => ::core::result::Result::Err(
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
    }
}
